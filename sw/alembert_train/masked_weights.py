"""Weights under masks: the model computes as if they were 0, and in the end they are."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .albert import Albert
from .prunable import Group, Member
from .technique import Technique, copy_state

__all__ = ["KeepZeros", "MaskedWeights"]


class MaskedWeights(Technique):
    """Groups of a model's parameters, each under a mask M: the model uses W ⊙ M.

    The gradient of a weight is that of the product, 0 where the weight is masked; the weight
    itself keeps its value until :meth:`finish`, so that it may come back. A scheme rounds what the
    mask has left.

    Parameters
    ----------
    model : Albert
    groups : tuple of Group
    """

    def __init__(self, model: Albert, groups: tuple[Group, ...]) -> None:
        self.model = model
        self.groups = groups
        self._kept = {group.name: torch.ones(group.shape, dtype=torch.bool) for group in groups}
        for group in groups:
            group.gate(model, lambda name=group.name: self._gate(name))

    def kept(self, name: str) -> Tensor:
        """The mask of a group: True where something is kept."""
        return self._kept[name].clone()

    def kept_of(self, member: Member) -> Tensor | None:
        """What is kept of a parameter, broadcast against it; None if there is no mask on it."""
        for group in self.groups:
            for own in group.members:
                if own.part is member.part and own.name == member.name:
                    return own.spread(self._kept[group.name])
        return None

    def before_step(self, step: int, steps: int) -> None:
        """Refuse a scheme whose weights cannot be 0.

        Raises
        ------
        ValueError
            The model's scheme is binary.
        """
        if self.model.scheme.name == "binary":
            raise ValueError("weights can be pruned only where 0 is one of them, not in 'binary'")

    def settings(self) -> dict[str, object]:
        return {"groups": [group.name for group in self.groups]}

    def finish(self) -> None:
        """Masked weights become exact zeros in the model."""
        for group in self.groups:
            group.clear(self._kept[group.name])

    def state(self) -> dict[str, object]:
        return {f"kept.{name}": mask.clone() for name, mask in self._kept.items()}

    def restore(self, state: Mapping[str, object]) -> None:
        copy_state({f"kept.{name}": mask for name, mask in self._kept.items()}, state)

    def _gate(self, name: str) -> Tensor:
        """What a group's parameters are multiplied with."""
        return self._kept[name].float()


class KeepZeros(MaskedWeights):
    """Weights that are exactly 0 when this is made stay 0: to go on with a pruned model.

    Parameters
    ----------
    model : Albert
    groups : tuple of Group
        Of single weights: :func:`alembert_train.prunable.groups_of` with "weight".

    Raises
    ------
    ValueError
        A group is not of single weights.
    """

    def __init__(self, model: Albert, groups: tuple[Group, ...]) -> None:
        for group in groups:
            if any(member.axis is not None for member in group.members):
                raise ValueError(f"groups must be of single weights, not {group.name!r}")
        super().__init__(model, groups)
        for group in groups:
            self._kept[group.name] = group.magnitudes() != 0
