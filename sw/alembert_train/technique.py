"""What a training may do besides learning its weights: prune them, shorten heads' spans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

__all__ = ["Technique", "copy_state"]


class Technique:
    """Told of every step of a training; this one does nothing.

    A technique is made with the model that it changes, once the model has its scheme. Steps count
    from 0.
    """

    rate: float = 1.0
    """The learning rate of :meth:`parameters`, times the model's."""

    def settings(self) -> dict[str, object]:
        """What it was made with, in plain values: a training goes on only with the same."""
        return {}

    def parameters(self) -> Iterable[nn.Parameter]:
        """What is learned besides the model's own; without weight decay."""
        return ()

    def before_step(self, step: int, steps: int) -> None:
        """Called before the forward pass of a step, of so many."""

    def penalty(self) -> Tensor | None:
        """What is added to the loss of the step."""
        return None

    def after_step(self, step: int, steps: int) -> None:
        """Called when the optimiser has made its step."""

    def finish(self) -> None:
        """Called once, after the last step: what was learned becomes part of the model."""

    def state(self) -> dict[str, object]:
        """What :meth:`restore` needs to go on to the same bits: tensors and plain values."""
        return {}

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on from a state.

        Raises
        ------
        ValueError
            It is of another technique, or of another model.
        """
        copy_state({}, state)


def copy_state(held: Mapping[str, Tensor], state: Mapping[str, object]) -> None:
    """Copy a state's tensors into those held, by name.

    Raises
    ------
    ValueError
        Names, shapes or types are others; nothing has been copied.
    """
    found: dict[str, Tensor] = {}
    if state.keys() != held.keys():
        raise ValueError(f"state must hold {sorted(held)}, not {sorted(state)}")
    for name, own in held.items():
        given = state[name]
        if not isinstance(given, Tensor):
            raise ValueError(f"state of {name} must be a tensor, not {type(given).__name__}")
        if given.shape != own.shape or given.dtype != own.dtype:
            raise ValueError(
                f"state of {name} must be of {own.dtype} {list(own.shape)}, "
                f"not {given.dtype} {list(given.shape)}"
            )
        found[name] = given
    with torch.no_grad():
        for name, own in held.items():
            own.copy_(found[name])
