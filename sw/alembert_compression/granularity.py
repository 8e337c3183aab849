"""Which numbers of a tensor share a scale.

Every granularity reduces a tensor to one number a scale, of a compact shape: one that broadcasts
against the tensor, or, for groups, one with the groups in place of what was grouped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from alembert.config.checks import require_int
from numpy.typing import NDArray

__all__ = ["Granularity", "Groups", "PerChannel", "PerGroup", "PerTensor", "PerToken"]

Float64 = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Which group each index of an axis belongs to.

    Parameters
    ----------
    index : array of int, [K]
        Of every index of the axis, its group; in any order.
    axis : int
        The axis that is grouped.
    """

    index: NDArray[np.int64]
    axis: int

    def spread(self, compact: NDArray) -> NDArray:
        """A number a group as a number an index: compact[…, index, …]."""
        return np.take(compact, self.index, axis=self.axis)


@dataclass(frozen=True, kw_only=True)
class PerTensor:
    """One scale, of shape ()."""

    def groups(self, shape: tuple[int, ...]) -> None:
        """No groups: scales broadcast."""

    def reduce(self, ufunc: np.ufunc, values: Float64) -> Float64:
        """All values by ``ufunc``; from 0 on."""
        return np.asarray(ufunc.reduce(values, axis=None, initial=0.0))


@dataclass(frozen=True, kw_only=True)
class PerChannel:
    """A scale for each index of an axis: of weights [K, N], axis 1 is the output channels'.

    Parameters
    ----------
    axis : int
        Of the tensor.
    """

    axis: int

    def __post_init__(self) -> None:
        require_int("channel axis", self.axis)

    def groups(self, shape: tuple[int, ...]) -> None:
        """No groups: scales broadcast."""

    def reduce(self, ufunc: np.ufunc, values: Float64) -> Float64:
        """The other axes by ``ufunc``, from 0 on; they stay, with length 1."""
        axis = _axis_of("channel", self.axis, values.shape)
        others = tuple(a for a in range(values.ndim) if a != axis)
        return ufunc.reduce(values, axis=others, keepdims=True, initial=0.0)


@dataclass(frozen=True, kw_only=True)
class PerToken:
    """A scale for each row along the last axis: of activations […, K], one a token."""

    def groups(self, shape: tuple[int, ...]) -> None:
        """No groups: scales broadcast."""

    def reduce(self, ufunc: np.ufunc, values: Float64) -> Float64:
        """The last axis by ``ufunc``, from 0 on; it stays, with length 1."""
        axis = _axis_of("token", -1, values.shape)
        return ufunc.reduce(values, axis=axis, keepdims=True, initial=0.0)


@dataclass(frozen=True, kw_only=True)
class PerGroup:
    """A scale for each g successive indices of an axis, beside all other axes' indices.

    Parameters
    ----------
    size : int
        g, at least 1; the last group may be shorter.
    axis : int
        That of the inputs: 0 of weights [K, N], −1 of activations […, K].
    """

    size: int
    axis: int

    def __post_init__(self) -> None:
        require_int("group size", self.size)
        require_int("group axis", self.axis)
        if self.size < 1:
            raise ValueError(f"group size must be at least 1, not {self.size}")

    def groups(self, shape: tuple[int, ...]) -> Groups:
        """Of a tensor of this shape."""
        axis = _axis_of("group", self.axis, shape)
        return Groups(index=np.arange(shape[axis]) // self.size, axis=axis)

    def reduce(self, ufunc: np.ufunc, values: Float64) -> Float64:
        """Each group by ``ufunc``, from 0 on; groups stand in place of the axis."""
        axis = _axis_of("group", self.axis, values.shape)
        starts = np.arange(0, values.shape[axis], self.size)
        return np.asarray(ufunc(ufunc.reduceat(values, starts, axis=axis), 0.0))


Granularity = PerTensor | PerChannel | PerToken | PerGroup


def _axis_of(name: str, axis: int, shape: tuple[int, ...]) -> int:
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"{name} axis {axis} is none of a tensor of shape {shape}")
    return axis % len(shape)
