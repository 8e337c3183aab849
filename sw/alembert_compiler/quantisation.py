"""How a model is put into a machine's codes without training: what may be chosen, by name."""

from __future__ import annotations

from dataclasses import dataclass, field

from alembert.config import IntegerFormat, TernaryFormat
from alembert.config.machine import MachineConfig

from .errors import CompileError

__all__ = ["Clip", "Quantisation"]

_CHOICES = {
    "rounding": ("nearest", "gptq"),
    "granularity": ("channel", "tensor"),
    "activations": ("static", "token"),
}
_WEIGHT_RULES = ("mse", "absmax", "percentile")
_RULES = (*_WEIGHT_RULES, "entropy")


@dataclass(frozen=True, kw_only=True)
class Clip:
    """How far codes reach.

    Parameters
    ----------
    rule : str
        "mse": the scale with the least squared error of a few about the one of "absmax": all that
        was seen. "percentile": all but a share of it. "entropy": the least KL divergence. See
        :mod:`alembert_compression.ranges` and :mod:`alembert_compression.entropy_range`.
    percent : float, optional
        Of "percentile", which needs it: above 0 and at most 100.

    Raises
    ------
    CompileError
        There is no such rule, or the percentage is missing, out of its range, or another rule's.
    """

    rule: str = "mse"
    percent: float | None = None

    def __post_init__(self) -> None:
        if self.rule not in _RULES:
            raise CompileError(f"a range must be one of {', '.join(_RULES)}, not {self.rule!r}")
        if (self.rule == "percentile") != (self.percent is not None):
            raise CompileError(
                f"a range by percentile has a percentage, and no other: not {self.rule!r} with "
                f"{self.percent!r}"
            )
        percent = self.percent
        if percent is None:
            return
        if isinstance(percent, bool) or not isinstance(percent, int | float):
            raise CompileError(f"percent must be a number, not {percent!r}")
        if not 0 < percent <= 100:
            raise CompileError(f"percent must be above 0 and at most 100, not {percent!r}")

    @classmethod
    def parse(cls, text: str) -> Clip:
        """ "absmax", or "percentile:99.9"."""
        rule, colon, percent = text.partition(":")
        if not colon:
            return cls(rule=rule)
        try:
            return cls(rule=rule, percent=float(percent))
        except CompileError:
            raise
        except ValueError:
            raise CompileError(f"percent must be a number, not {percent!r}") from None

    def __str__(self) -> str:
        return self.rule if self.percent is None else f"{self.rule}:{self.percent:g}"


@dataclass(frozen=True, kw_only=True)
class Quantisation:
    """Post-training quantisation; what a checkpoint gives as codes stays as it is.

    Parameters
    ----------
    rounding : str
        Of weights: "gptq" makes up for errors by inputs still to come, "nearest" does not.
    act_order : bool
        GPTQ begins with the inputs that vary most; otherwise with the first.
    group_size : int
        Successive inputs whose weights share a scale before scales are folded into codes, one a
        channel; −1: all. See :mod:`alembert_compression.group_folding`.
    weight_bits : int, optional
        Of weights, 4…8, no more than the machine's, and as many as these if not given: codes of
        fewer bits are codes of the machine, or are folded into them.
    weight_range : Clip
        Not "entropy", which is for what has a distribution.
    activation_range : Clip
    granularity : str
        Of weights: "channel", a scale an output channel, or "tensor".
    activations : str
        "static", or "token": see :func:`alembert_compiler.compile.compile_model`.
    symmetric : bool
        Must be True: what makes codes has no zero points.

    Raises
    ------
    CompileError
        An option is unknown or out of its range.
    """

    rounding: str = "gptq"
    act_order: bool = True
    group_size: int = -1
    weight_bits: int | None = None
    weight_range: Clip = field(default_factory=Clip)
    activation_range: Clip = field(default_factory=Clip)
    granularity: str = "channel"
    activations: str = "static"
    symmetric: bool = True

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                wanted = " or ".join(map(repr, choices))
                raise CompileError(f"{name} must be {wanted}, not {value!r}")
        for name in ("act_order", "symmetric"):
            if not isinstance(value := getattr(self, name), bool):
                raise CompileError(f"{name} must be a bool, not {value!r}")
        for name in ("weight_range", "activation_range"):
            if not isinstance(value := getattr(self, name), Clip):
                raise CompileError(f"{name} must be a Clip, not {value!r}")
        if self.weight_range.rule not in _WEIGHT_RULES:
            raise CompileError(
                f"weight_range must be one of {', '.join(_WEIGHT_RULES)}, not {self.weight_range}"
            )
        if not self.symmetric:
            raise CompileError(
                "codes must be symmetric: what makes them, encoders and normalisations, has no "
                "zero points"
            )
        if not _is_int(self.group_size) or (self.group_size != -1 and self.group_size < 1):
            raise CompileError(f"group_size must be −1 or at least 1, not {self.group_size!r}")
        bits = self.weight_bits
        if bits is not None and (not _is_int(bits) or not 4 <= bits <= 8):
            raise CompileError(f"weight_bits must be 4…8, not {bits!r}")
        if self.group_size != -1 and self.granularity == "tensor":
            raise CompileError("weights in groups have a scale a channel, not one a tensor")

    def check(self, machine: MachineConfig) -> None:
        """Refuse what a machine's codes do not allow.

        Raises
        ------
        CompileError
            Groups or fewer bits where weights are not INT<n>, or more bits than these have; scales
            of ternary weights, which are absmean's; entropy where activations are not INT<n>.
        """
        weight, codes = machine.main.vmac.pair.weight, machine.fmt
        own = {
            "weight_range": str(self.weight_range),
            "granularity": self.granularity,
            "group_size": self.group_size,
            "weight_bits": self.weight_bits,
        }
        usual = {"weight_range": "mse", "granularity": "channel", "group_size": -1}
        for name, value in own.items():
            if isinstance(weight, TernaryFormat) and value != usual.get(name):
                raise CompileError(
                    f"ternary weights are rounded by absmean, one scale a matrix: {name} must be "
                    f"left alone, not {value!r}"
                )
            is_integer = isinstance(weight, IntegerFormat)
            if (
                name in ("group_size", "weight_bits")
                and value != usual.get(name)
                and not is_integer
            ):
                raise CompileError(f"{name} is for weights of INT<n>, not {weight}")
        if (
            isinstance(weight, IntegerFormat)
            and self.weight_bits is not None
            and self.weight_bits > weight.width
        ):
            raise CompileError(
                f"weight_bits must be at most the machine's {weight.width}, not {self.weight_bits}"
            )
        if self.activation_range.rule == "entropy" and not isinstance(codes, IntegerFormat):
            raise CompileError(f"ranges by entropy are for codes of INT<n>, not {codes}")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
