"""Weights that a checkpoint gives as integer codes with a scale: nothing is derived from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from alembert.config import Format, IntegerFormat, TernaryFormat
from numpy.typing import NDArray

__all__ = ["SCALE", "CodedWeight"]

SCALE = "_scale"
"""Behind the name of a tensor of codes: its scale's."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CodedWeight:
    """weight = codes · scale of a linear layer.

    Parameters
    ----------
    name : str
        In the checkpoint, with ".weight"; of the scale, the same and ``SCALE``.
    codes : array of int8, [out, in]
    scale : array of float32, [] or [out]
        Of all, or of each output channel.

    Raises
    ------
    TypeError
        Codes are not of int8, or a scale not of floats.
    ValueError
        A scale is of another shape, or not positive and finite.
    """

    name: str
    codes: NDArray[np.int8]
    scale: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.codes.dtype != np.int8:
            raise TypeError(f"codes {self.name} must be int8, not {self.codes.dtype}")
        name, scale = f"{self.name}{SCALE}", self.scale
        if scale.dtype.kind != "f":
            raise TypeError(f"{name} must hold floats, not {scale.dtype}")
        if scale.shape not in ((), self.codes.shape[:1]):
            raise ValueError(
                f"{name} must be of shape () or {self.codes.shape[:1]}, not {scale.shape}"
            )
        good = np.isfinite(scale) & (scale > 0)
        if not good.all():
            raise ValueError(
                f"{name} must be positive and finite, not {float(scale[~good].flat[0])!r}"
            )

    @property
    def scales(self) -> NDArray[np.float64]:
        """[out]."""
        return np.broadcast_to(self.scale.astype(np.float64), self.codes.shape[:1])

    @property
    def values(self) -> NDArray[np.float32]:
        """codes · scale, rounded once."""
        return (self.codes * self.scales[:, np.newaxis]).astype(np.float32)

    @property
    def tensors(self) -> dict[str, NDArray[Any]]:
        """As they lie in a checkpoint."""
        return {self.name: self.codes, f"{self.name}{SCALE}": self.scale}

    def fits(self, fmt: Format) -> bool:
        """Whether all codes are ones that a format's own encoder makes, with the same value."""
        if not isinstance(fmt, IntegerFormat | TernaryFormat):
            return False
        return int(np.abs(self.codes.astype(np.int64)).max(initial=0)) <= fmt.max_value
