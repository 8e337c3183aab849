"""Codes with what it takes to read them back: nothing is derived a second time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .granularity import Groups

__all__ = ["Quantised"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Quantised:
    """A tensor in affine integers: value = scale · (code − zero).

    Parameters
    ----------
    codes : array of int64
        Of the tensor's shape.
    scale : array of float64
        Compact: broadcasts against the codes, or has ``groups`` in place of what was grouped.
    zero : array of int64
        The codes that stand for 0, of the scales' shape; 0 where a scheme is symmetric.
    groups : Groups, optional
        Which scale each index of the grouped axis takes.

    Raises
    ------
    ValueError
        Scales are not positive and finite, the shapes do not fit, or a group has no scale.
    """

    codes: NDArray[np.int64]
    scale: Float64
    zero: NDArray[np.int64]
    groups: Groups | None = None

    def __post_init__(self) -> None:
        good = np.isfinite(self.scale) & (self.scale > 0)
        if not good.all():
            wrong = float(self.scale[~good].flat[0])
            raise ValueError(f"scale must be positive and finite, not {wrong!r}")
        if self.zero.shape != self.scale.shape:
            raise ValueError(
                f"zero points must have the scales' shape {self.scale.shape}, not {self.zero.shape}"
            )
        if self.groups is not None:
            index, axis = self.groups.index, self.groups.axis
            count = self.scale.shape[axis] if axis < self.scale.ndim else 0
            if index.size and not 0 <= index.min() <= index.max() < count:
                raise ValueError(
                    f"groups must be between 0 and {count - 1}, not {index.min()}…{index.max()}"
                )
        spread, shape = self.spread(self.scale).shape, self.codes.shape
        try:
            fits = np.broadcast_shapes(spread, shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"scales of shape {spread} do not fit codes of shape {shape}")

    def spread(self, compact: NDArray) -> NDArray:
        """A number a scale as what broadcasts against the codes."""
        return compact if self.groups is None else self.groups.spread(compact)

    @property
    def values(self) -> Float64:
        """What the codes stand for."""
        steps = (self.codes - self.spread(self.zero)).astype(np.float64)
        return steps * self.spread(self.scale)
