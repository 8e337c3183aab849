"""What ``alembert classify`` prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .classify_texts import Sentence

if TYPE_CHECKING:
    from alembert_models import PackedModel
    from alembert_runtime.classify import Classification

__all__ = ["json_line", "notes_on", "print_table"]

_SHOWN = 32
"""Characters of a text."""


def notes_on(sentence: Sentence, length: int) -> list[str]:
    """What a reader should know of how a text was read."""
    notes = []
    if sentence.cut:
        notes.append(f"{sentence.cut} tokens cut off, {length} fit")
    if sentence.unknown:
        notes.append(f"{sentence.unknown} of {sentence.words} tokens are unknown words")
    return notes


def json_line(model: PackedModel, preset: str, sentence: Sentence, found: Classification) -> str:
    """An object: names as in the table, and what is behind the sums."""
    energy = found.energy
    return json.dumps(
        {
            "text": sentence.text,
            "model": model.name,
            "preset": preset,
            "class": model.classes[found.predicted_class],
            "class_number": found.predicted_class,
            "probability": found.probability,
            "pass": found.passes,
            "passes": model.image_for(preset).passes,
            "exited": found.exited,
            "entropy": found.entropy,
            "tokens": sentence.ids.size,
            "tokens_unknown": sentence.unknown,
            "tokens_cut": sentence.cut,
            "cycles": found.cycles,
            "cycles_measured": found.is_measured,
            "saturated": {unit.name.lower(): each for unit, each in found.saturated.items()},
            "energy_nj": energy.total,
            "energy_parts_nj": {
                "arrays": energy.arrays,
                "scratchpad": energy.scratchpad,
                "memory": energy.memory,
            },
        },
        ensure_ascii=False,
    )


def print_table(
    console: Console,
    model: PackedModel,
    preset: str,
    sentences: Sequence[Sentence],
    found: Sequence[Classification],
    truths: Sequence[str] | None = None,
) -> None:
    """A row a text; with the true classes if they are known."""
    cycles = "cycles" if found[0].is_measured else "cycles (model)"
    passes = model.image_for(preset).passes
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("text", "class", *(() if truths is None else ("true",))):
        table.add_column(name)
    for name in ("probability", "left after", "entropy", cycles, "energy proxy, nJ"):
        table.add_column(name, justify="right", no_wrap=True)
    for number, (sentence, each) in enumerate(zip(sentences, found)):
        # a text's own brackets and control characters are no markup
        shown = "".join(c if c.isprintable() else " " for c in sentence.text.strip())
        table.add_row(
            Text(shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"),
            Text(model.classes[each.predicted_class]),
            *(() if truths is None else (truths[number],)),
            f"{100 * each.probability:.1f} %",
            f"pass {each.passes} of {passes}",
            f"{each.entropy:.3f}",
            f"{each.cycles:,}",
            f"{each.energy.total:,.0f}",
        )
    console.print(table)
