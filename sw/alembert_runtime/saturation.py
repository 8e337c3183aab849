"""Results that left their range in a run: how many of each unit, and a line about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from alembert.config.isa import Unit
from alembert.config.registers import SATURATING, SATURATIONS

from .registers import RegisterAccess

__all__ = ["Saturated", "by_unit", "note_on_saturation", "read_saturated"]

Saturated = Mapping[Unit, int]
"""Numbers of 16 bits that a unit cut to the ends of their range."""


def by_unit(counts: Iterable[int]) -> Saturated:
    """A sentence's row of the golden machine's ``RunResult.saturated``, by unit."""
    return {unit: int(count) for unit, count in zip(SATURATING, counts, strict=True)}


def read_saturated(registers: RegisterAccess) -> Saturated:
    """The counters as they are."""
    return {unit: registers.read(name.upper()) for unit, name in SATURATIONS.items()}


def note_on_saturation(saturated: Saturated) -> str:
    """One line for a reader; empty if all results kept within their range."""
    parts = [f"{count:,} of unit {unit.name}" for unit, count in saturated.items() if count]
    if not parts:
        return ""
    return f"results beyond 16 bits, which count as the ends of their range: {', '.join(parts)}"
