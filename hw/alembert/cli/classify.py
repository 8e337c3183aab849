"""``alembert classify``: texts to a packed model, on the golden machine or as RTL."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from alembert_text.sentence_file import Format

from .classify_report import json_line, notes_on, print_table
from .classify_texts import read_texts
from .common import FLOW_ERROR, USER_ERROR, console, fail, preset_named, progress_bar, show_error
from .reactions_report import Backend

if TYPE_CHECKING:
    from alembert_models import PackedModel
    from alembert_runtime.classify import Classification

    from .classify_texts import Sentence

__all__ = ["classify"]

Text = Annotated[str | None, typer.Argument(help="A text; else a file's, or standard input's.")]
Texts = Annotated[Path | None, typer.Option("--file", "-f", help="A text a line, or JSON.")]
Form = Annotated[
    Format | None, typer.Option("--format", help="Of the texts. [default: by the file's name]")
]
Stories = Annotated[
    int | None,
    typer.Option("--reuters", min=1, help="So many stories that Reuters R8 asks about."),
]
Threshold = Annotated[
    float | None,
    typer.Option(help="Leave when the entropy is below, in nats; 0: never. [default: the model's]"),
]


def classify(
    text: Text = None,
    file: Texts = None,
    form: Form = None,
    reuters: Stories = None,
    model: Annotated[str, typer.Option("--model", "-m", help="A name, or a folder.")] = "r8",
    name: Annotated[
        str, typer.Option("--preset", "-p", help="A machine that the model is packed for.")
    ] = "edge16",
    threshold: Threshold = None,
    backend: Annotated[
        Backend, typer.Option(help="The golden model, or Verilog.")
    ] = Backend.GOLDEN,
    is_json: Annotated[bool, typer.Option("--json", help="An object a line.")] = False,
) -> None:
    """Classify texts by a packed model, and say what that takes.

    Prints for each its class and probability, the pass that it left after, the entropy there,
    cycles, and an energy proxy. As RTL, all that the machine stores is compared with the golden
    machine; otherwise cycles are those of the cycle model. Stories of Reuters R8 have their true
    class beside the model's. Of many texts those that cannot be classified are named at the end,
    and the exit code is 2; all others are answered.

    Example: alembert classify "oil prices rose after the opec meeting"
    """
    truths: list[str] | None = None
    try:
        if reuters is None:
            texts = read_texts(text, file, form)
        elif text is None and file is None:
            texts, truths = _stories(reuters)
        else:
            raise ValueError("--reuters, TEXT and --file exclude one another")
    except (ValueError, ImportError) as error:
        fail(error, USER_ERROR)
    # what is needed from here on takes its time to import
    from alembert_models import PackedModel
    from alembert_runtime import DeviceError, note_on_saturation
    from alembert_runtime.nats import to_register

    from ..flows.errors import FlowError
    from ..flows.simulation import SimulationError
    from .classify_texts import encode_texts

    try:
        packed = PackedModel.load(model)
        level = packed.threshold_for(name) if threshold is None else threshold
        to_register(level)
        numbered, faults = encode_texts(texts, packed.pieces, packed.max_length)
        sentences = list(numbered.values())
        found = _run(packed, name, sentences, level, backend) if sentences else []
    except (ValueError, ImportError) as error:
        fail(error, USER_ERROR)
    except (SimulationError, FlowError, DeviceError, OSError) as error:
        fail(error, FLOW_ERROR)
    for number, each in zip(numbered, found):
        if not each.is_golden:
            fail(f"text {number}: the machine and its golden model differ", FLOW_ERROR)
    for (number, sentence), each in zip(numbered.items(), found):
        for note in (*notes_on(sentence, packed.max_length), note_on_saturation(each.saturated)):
            if note:
                typer.echo(f"note: text {number}: {note}", err=True)
    if is_json:
        for sentence, each in zip(sentences, found):
            typer.echo(json_line(packed, name, sentence, each))
    elif sentences:
        print_table(console, packed, name, sentences, found, truths)
    for number, fault in faults.items():
        show_error(f"text {number}: {fault}")
    if faults:
        raise typer.Exit(USER_ERROR)


def _stories(count: int) -> tuple[list[str], list[str]]:
    """Stories that are asked about, spread over all of them, and their classes."""
    from alembert_compiler.packages import PackageError
    from alembert_text.reuters import CLASSES, fetch_reuters

    from .evaluate_data import spread

    try:
        _, asked = fetch_reuters()
    except PackageError as error:
        fail(error, FLOW_ERROR)
    if count > len(asked):
        raise ValueError(f"--reuters must be between 1 and {len(asked)}, not {count}")
    chosen = spread(asked, count)
    return list(chosen.texts), [CLASSES[label] for label in chosen.labels]


def _run(
    model: PackedModel, name: str, sentences: list[Sentence], threshold: float, backend: Backend
) -> list[Classification]:
    """Classify all; a bar on a terminal says how far it is."""
    from alembert_runtime.classify import classify as classified

    machine = preset_named(name).machine
    progress = progress_bar()
    progress.live.transient, progress.disable = True, not sys.stderr.isatty()
    with progress:
        bar = progress.add_task("classify", total=len(sentences))
        device = None
        if backend is Backend.RTL:
            from alembert_runtime.simulated import SimulatedDevice
            from alembert_runtime.simulation_build import build_simulation

            device = SimulatedDevice(
                build_simulation(
                    machine, progress=lambda step: progress.update(bar, description=step)
                )
            )
        runs = classified(
            model.image_for(name),
            machine,
            [sentence.ids for sentence in sentences],
            threshold=threshold,
            device=device,
            begin=lambda number: progress.update(bar, description="classify", completed=number),
        )
        return list(runs)
