"""A classifier on the first token, as an off-ramp after every pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import CompileError
from .layer import Dense
from .model import Model

__all__ = ["Classifier"]

_Layers = tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]


@dataclass(frozen=True, init=False)
class Classifier:
    """logits = x · W + b of the hidden state of token 0, or of tanh(hidden · V + c).

    Parameters
    ----------
    layers : sequence of (weights [width, classes], bias [classes])
        One for all passes, or one for each of them.
    poolers : sequence of (weights [H, width], bias [width])
        V and c, likewise; none: the layers read the hidden state.

    Raises
    ------
    CompileError
        There are no layers, shapes differ or do not meet, or a layer holds NaN or infinity.
    """

    layers: _Layers
    poolers: _Layers

    def __init__(
        self,
        layers: Sequence[tuple[ArrayLike, ArrayLike]],
        poolers: Sequence[tuple[ArrayLike, ArrayLike]] = (),
    ) -> None:
        object.__setattr__(self, "layers", _checked("layers", "classes", layers))
        object.__setattr__(self, "poolers", _checked("poolers", "pooled", poolers))
        if not self.layers:
            raise CompileError("a classifier must have at least one layer")
        if self.poolers and (pooled := len(self.poolers[0][1])) != self.width:
            raise CompileError(
                f"a classifier's layers must take the {pooled} values of its poolers, "
                f"not {self.width}"
            )

    @classmethod
    def of(cls, model: Model) -> Classifier:
        """The off-ramps of a checkpoint; else its classifier, behind its pooler if it has one,
        for all passes.

        Raises
        ------
        CompileError
            The checkpoint has neither.
        """
        if model.off_ramps:
            return cls([_transposed(off_ramp) for off_ramp in model.off_ramps])
        if model.classifier is None:
            raise CompileError("the checkpoint has no classifier")
        poolers = () if model.pooler is None else (_transposed(model.pooler),)
        return cls((_transposed(model.classifier),), poolers)

    @property
    def classes(self) -> int:
        """Logits of a layer."""
        return len(self.layers[0][1])

    @property
    def width(self) -> int:
        """Values that a layer takes."""
        return len(self.layers[0][0])

    @property
    def hidden_width(self) -> int:
        """Values of a hidden state."""
        return len((self.poolers or self.layers)[0][0])


def _transposed(dense: Dense) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return dense.weight.T, dense.bias


def _checked(name: str, columns: str, given: Sequence[tuple[ArrayLike, ArrayLike]]) -> _Layers:
    layers: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for weights, bias in given:
        weights = np.asarray(weights, dtype=np.float64)
        bias = np.asarray(bias, dtype=np.float64)
        shape = layers[0][0].shape if layers else weights.shape
        if weights.ndim != 2 or weights.shape != shape or bias.shape != shape[1:]:
            raise CompileError(
                f"a classifier's {name} must all be [width, {columns}] and [{columns}], "
                f"not {weights.shape} and {bias.shape}"
            )
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            raise CompileError(f"a classifier's {name} hold NaN or infinity")
        layers.append((weights, bias))
    return tuple(layers)
