"""A classifier on the first token, as an off-ramp after every pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import CompileError
from .layer import Dense
from .model import Model
from .weights import Weights

__all__ = ["Classifier"]

_Layers = tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]
_Coded = tuple[Weights, ...]


@dataclass(frozen=True, init=False)
class Classifier:
    """logits = x · W + b of the hidden state of token 0, or of tanh(hidden · V + c).

    Parameters
    ----------
    layers : sequence of (weights [width, classes], bias [classes])
        One for all passes, or one for each of them. Weights may be
        :class:`~alembert_compiler.weights.Weights`, which know codes that they were given as.
    poolers : sequence of (weights [H, width], bias [width])
        V and c, likewise; none: the layers read the hidden state.

    Raises
    ------
    CompileError
        There are no layers, shapes differ or do not meet, or a layer holds NaN or infinity.
    """

    layers: _Layers
    poolers: _Layers
    _layer_weights: _Coded
    _pooler_weights: _Coded

    def __init__(
        self,
        layers: Sequence[tuple[Weights | ArrayLike, ArrayLike]],
        poolers: Sequence[tuple[Weights | ArrayLike, ArrayLike]] = (),
    ) -> None:
        for name, columns, given in (("layer", "classes", layers), ("pooler", "pooled", poolers)):
            weights = tuple(Weights.of(each) for each, _ in given)
            pairs = [(each.values, bias) for each, (_, bias) in zip(weights, given)]
            object.__setattr__(self, f"{name}s", _checked(f"{name}s", columns, pairs))
            object.__setattr__(self, f"_{name}_weights", weights)
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

    def layer_of(self, index: int) -> tuple[Weights, NDArray[np.float64]]:
        """Behind pass ``index``, from 0."""
        place = index % len(self.layers)
        return self._layer_weights[place], self.layers[place][1]

    def pooler_of(self, index: int) -> tuple[Weights, NDArray[np.float64]]:
        """Likewise; there must be poolers."""
        place = index % len(self.poolers)
        return self._pooler_weights[place], self.poolers[place][1]

    def logits(self, index: int, hidden: NDArray[np.float64]) -> NDArray[np.float64]:
        """In float64, of hidden states [n, H] of token 0 behind pass ``index``, from 0."""
        rows = hidden
        if self.poolers:
            weights, bias = self.poolers[index % len(self.poolers)]
            rows = np.tanh(rows @ weights + bias)
        weights, bias = self.layers[index % len(self.layers)]
        return rows @ weights + bias

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


def _transposed(dense: Dense) -> tuple[Weights, NDArray[np.float32]]:
    return dense.weights, dense.bias


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
