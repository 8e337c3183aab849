"""The model that figures are planned for, ALBERT-base, and whether a machine has room for it."""

from __future__ import annotations

from alembert.config import PRESETS
from alembert_compiler.cycles import shape_model
from alembert_compiler.fit import Fitted, Sizes, longest_that_fits, program_of

__all__ = ["FIGURE", "LENGTH", "MACHINE", "planned", "planned_note"]

FIGURE = "cycle_model.albert_base_layer_128"
LENGTH = 128
MACHINE = PRESETS["edge16"].machine

_MODEL = shape_model(
    hidden=768, heads=12, ffn=3072, layers=1, length=LENGTH, machine=MACHINE, embedding=128
)


def planned() -> Fitted[Sizes]:
    """A pass over :data:`LENGTH` tokens."""
    return program_of(_MODEL, length=LENGTH, targets=1)


def planned_note() -> str:
    """What to say beside its cycles: nothing, once it fits."""
    found = planned()
    if found.fits:
        return ""
    longest = longest_that_fits(_MODEL, targets=1, below=LENGTH)
    return (
        f" (no machine reaches it yet: it takes {found.program.words:,} words of scratchpad, "
        f"`edge16` has {MACHINE.scratchpad.words:,}, room for {longest} tokens)"
    )
