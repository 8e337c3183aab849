"""A classifier on the first token, as an off-ramp after every pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import CompileError

__all__ = ["Classifier"]


@dataclass(frozen=True)
class Classifier:
    """One linear layer on the hidden state of token 0.

    Parameters
    ----------
    layers : sequence of (weights [H, classes], bias [classes])
        One for all passes, or one for each of them.
    pooler : str, optional
        Must be None: a pooler's tanh is no function of the machine.

    Raises
    ------
    CompileError
        There is a pooler, there are no layers, their shapes differ, or they hold NaN or infinity.
    """

    layers: Sequence[tuple[ArrayLike, ArrayLike]]
    pooler: str | None = None

    def __post_init__(self) -> None:
        if self.pooler is not None:
            raise CompileError(
                f"a classifier's pooler must be None, for the machine has no {self.pooler}"
            )
        layers: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        for weights, bias in self.layers:
            weights = np.asarray(weights, dtype=np.float64)
            bias = np.asarray(bias, dtype=np.float64)
            shape = layers[0][0].shape if layers else weights.shape
            if weights.ndim != 2 or weights.shape != shape or bias.shape != shape[1:]:
                raise CompileError(
                    f"a classifier's layers must all be [width, classes] and [classes], "
                    f"not {weights.shape} and {bias.shape}"
                )
            if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
                raise CompileError("a classifier's layer holds NaN or infinity")
            layers.append((weights, bias))
        if not layers:
            raise CompileError("a classifier must have at least one layer")
        object.__setattr__(self, "layers", tuple(layers))

    @property
    def arrays(self) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]:
        """The layers, as arrays of float64."""
        return tuple((np.asarray(w, np.float64), np.asarray(b, np.float64)) for w, b in self.layers)

    @property
    def classes(self) -> int:
        """Logits of a layer."""
        return self.arrays[0][1].shape[0]

    @property
    def width(self) -> int:
        """Values of a hidden state."""
        return self.arrays[0][0].shape[0]
