"""What of a model can be pruned: single weights of its matrices, or whole feed-forward neurons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from .albert import Albert, Change

__all__ = ["GRANULARITIES", "MATRICES", "Group", "Member", "groups_of"]

MATRICES = ("query", "key", "value", "dense", "ffn", "ffn_output")
"""Of the layer."""
GRANULARITIES = ("weight", "neuron")


@dataclass(frozen=True, kw_only=True)
class Member:
    """A parameter that a group's mask covers.

    Parameters
    ----------
    part : nn.Module
    name : str
        "weight" or "bias".
    axis : int or None
        Along which the mask lies; None: a mask of the parameter's own shape.
    """

    part: nn.Module
    name: str
    axis: int | None = None

    @property
    def values(self) -> nn.Parameter:
        return getattr(self.part, self.name)

    def spread(self, mask: Tensor) -> Tensor:
        """The mask, broadcast against the parameter."""
        if self.axis is None:
            return mask
        shape = [1] * self.values.dim()
        shape[self.axis] = -1
        return mask.view(shape)

    def squares(self) -> Tensor:
        """What the parameter adds to the square of every neuron's magnitude."""
        squares = self.values.detach().square()
        return squares if squares.dim() == 1 else squares.sum(dim=1 - (self.axis or 0))


@dataclass(frozen=True, kw_only=True)
class Group:
    """Parameters under one mask.

    Parameters
    ----------
    name : str
    members : tuple of Member
    """

    name: str
    members: tuple[Member, ...]

    @property
    def shape(self) -> torch.Size:
        """Of the mask."""
        values, axis = self.members[0].values, self.members[0].axis
        return values.shape if axis is None else values.shape[axis : axis + 1]

    def magnitudes(self) -> Tensor:
        """|w|, or the Euclidean norm of all that goes with one place of the mask."""
        first, *others = self.members
        if first.axis is None:
            return first.values.detach().abs()
        total = first.squares()
        for other in others:
            total = total + other.squares()
        return total.sqrt()

    def gate(self, model: Albert, gate: Callable[[], Tensor]) -> None:
        """Have the model use its parameters times a gate of the mask's shape."""
        for member in self.members:
            model.change(member.part, member.name, _times(member, gate))

    def clear(self, kept: Tensor) -> None:
        """Make all that is not kept exactly 0 in the model."""
        with torch.no_grad():
            for member in self.members:
                member.values.masked_fill_(~member.spread(kept), 0.0)


def _times(member: Member, gate: Callable[[], Tensor]) -> Change:
    return lambda values: values * member.spread(gate())


def groups_of(
    model: Albert, granularity: str, parts: Sequence[str] | None = None
) -> tuple[Group, ...]:
    """The groups that are pruned.

    Parameters
    ----------
    model : Albert
    granularity : str
        "weight": a group for each part, masked weight by weight. "neuron": one group, a place for
        every neuron between ``ffn`` and ``ffn_output``: a row of ``ffn`` with its bias, and a
        column of ``ffn_output``.
    parts : sequence of str, optional
        Of "weight" alone: some of :data:`MATRICES`, all otherwise, and "word_embeddings".

    Raises
    ------
    ValueError
        There is no such granularity or part, a part is there twice, or there is none.
    """
    layer, attention = model.layer, model.layer.attention
    if granularity not in GRANULARITIES:
        raise ValueError(
            f"granularity must be one of {', '.join(GRANULARITIES)}, not {granularity!r}"
        )
    if granularity == "neuron":
        if parts is not None:
            raise ValueError(f"neurons are those of ffn and ffn_output, not of {list(parts)}")
        members = (
            Member(part=layer.ffn, name="weight", axis=0),
            Member(part=layer.ffn, name="bias", axis=0),
            Member(part=layer.ffn_output, name="weight", axis=1),
        )
        return (Group(name="neurons", members=members),)
    chosen = MATRICES if parts is None else tuple(parts)
    known = (*MATRICES, "word_embeddings")
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(known):
        raise ValueError(f"parts must be some of {', '.join(known)}, each once, not {chosen}")
    found: list[Group] = []
    for name in chosen:
        owner = next(each for each in (attention, layer, model.embeddings) if hasattr(each, name))
        part = cast("nn.Module", getattr(owner, name))
        found.append(Group(name=name, members=(Member(part=part, name="weight"),)))
    return tuple(found)
