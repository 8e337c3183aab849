"""Layer normalisation, with a residual addition before it, as the special functions compute it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from alembert.config import Format, IntegerFormat
from alembert.config.layernorm import LayerNormConfig
from alembert.config.residual import ResidualConfig
from numpy.typing import ArrayLike, NDArray

from .code_grid import largest_integer, mantissa_bits
from .errors import CompileError
from .wide_range import MARGIN, octave, wide_fraction_of

__all__ = ["NormLayer", "quantise_norm", "wide_fraction"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NormLayer:
    """What LAYERNORM needs besides addresses.

    Parameters
    ----------
    name : str
    gamma, beta : array of int64, [n]
        16 bits, as they lie in the scratchpad.
    epsilon : int
    exponent : int
        Of the encoder, AdaptivFloat's relative to its bias, or INT8's power of two.
    b_multiplier, shift : int
        Of the residual's codes; 0 without one.
    has_a, has_b : bool
        Which operands there are.
    """

    name: str
    gamma: NDArray[np.int64]
    beta: NDArray[np.int64]
    epsilon: int
    exponent: int
    b_multiplier: int = 0
    shift: int = 0
    has_a: bool = True
    has_b: bool = False

    @property
    def columns(self) -> int:
        """n."""
        return len(self.gamma)


def wide_fraction(largest: float, largest_sum: float, length: int, epsilon: float) -> int:
    """Most fraction bits at which a wide number, its sum with a residual, and ε all fit.

    Parameters
    ----------
    largest : float
        Of the wide numbers, 16 bits.
    largest_sum : float
        Of the sums that are normalised, 18 bits.
    length : int
        Values of a row, n; ε is in units of n² times the last bit squared, 32 bits.
    epsilon : float
    """
    room = [wide_fraction_of(largest), 17 - octave(largest_sum * MARGIN)]
    if epsilon > 0:
        limit = math.ldexp(1, LayerNormConfig.EPSILON_WIDTH) - 1
        room.append(math.floor(math.log2(limit / epsilon / length**2) / 2))
    return min(room)


def quantise_norm(
    name: str,
    gamma: ArrayLike,
    beta: ArrayLike,
    epsilon: float,
    config: LayerNormConfig,
    *,
    fmt: Format,
    fraction: int,
    scale: Float64,
    largest: Float64,
    residual: float | None = None,
    has_a: bool = True,
) -> NormLayer:
    """Fold the results' scales into γ and β.

    The unit's results are 2^g/s_c times the normalised row of channel c, with one g for all that
    uses as many of their 16 bits as γ, β and the results have.

    Parameters
    ----------
    name : str
        For messages.
    gamma, beta : array [n]
    epsilon : float
    config : LayerNormConfig
    fmt : Format
        The results'.
    fraction : int
        Of the operand a, and of the sum.
    scale : array [n]
        What an integer 1 of a result's code shall stand for.
    largest : array [n]
        The largest magnitude of every channel of the results.
    residual : float, optional
        What an integer 1 of a code of operand b stands for; there is none otherwise.
    has_a : bool
        There is an operand a.

    Raises
    ------
    CompileError
        ε, γ, β or the residual's multiplier is out of the hardware's range.
    """
    gamma = np.asarray(gamma, dtype=np.float64)
    beta = np.asarray(beta, dtype=np.float64)
    most = (1 << (config.PARAMETER_WIDTH - 1)) - 1
    units = round(epsilon * len(gamma) ** 2 * 4.0**fraction)
    if units >= 1 << config.EPSILON_WIDTH:
        raise CompileError(
            f"epsilon of {name} must be below 2^{config.EPSILON_WIDTH} in units of the sums' last "
            f"bit, not {units}"
        )
    reach = np.minimum(largest * MARGIN, largest_integer(fmt) * scale)
    with np.errstate(divide="ignore"):
        room = np.minimum(
            math.ldexp(most, -config.gamma_fraction) / np.abs(gamma),
            math.ldexp(most, -config.out_fraction) / np.maximum(np.abs(beta), reach),
        )
    finite = np.where(np.isfinite(room), room, np.inf)
    least = float((finite * scale).min())
    # integer = value · 2^power, and value counts 2^−out_fraction: the gain is 2^−(out + power)/s
    power = math.ceil(-config.out_fraction - math.log2(least)) if least < np.inf else 0
    if isinstance(fmt, IntegerFormat):
        if power > 0:
            raise CompileError(f"{name} has γ or β too large for its results' scale")
        power = max(power, -63)
    gain = math.ldexp(1, -config.out_fraction - power) / scale
    multiplier, shift = _residual(name, residual, fraction)
    return NormLayer(
        name=name,
        gamma=np.rint(np.ldexp(gamma * gain, config.gamma_fraction)).astype(np.int64),
        beta=np.rint(np.ldexp(beta * gain, config.out_fraction)).astype(np.int64),
        epsilon=units,
        exponent=power - mantissa_bits(fmt),
        b_multiplier=multiplier,
        shift=shift,
        has_a=has_a,
        has_b=residual is not None,
    )


def _residual(name: str, scale: float | None, fraction: int) -> tuple[int, int]:
    """(multiplier, shift) with multiplier / 2^shift ≈ scale · 2^fraction, the multiplier's bits
    all used."""
    if scale is None:
        return 0, 0
    ratio = math.ldexp(scale, fraction)
    shift = min(ResidualConfig.MULTIPLIER_WIDTH - octave(ratio), 63)
    multiplier = round(math.ldexp(ratio, shift)) if shift >= 0 else 0
    if multiplier >> ResidualConfig.MULTIPLIER_WIDTH:  # 0.11…1 rounds up to 1.00…0
        multiplier, shift = multiplier >> 1, shift - 1
    if shift < 0:
        raise CompileError(
            f"a code of the residual of {name} must stand for at most 65535 last bits of the sum, "
            f"not {ratio:.6g}"
        )
    return multiplier, shift
