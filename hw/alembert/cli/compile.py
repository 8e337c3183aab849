"""``alembert compile``: a checkpoint to an image that a machine runs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from .common import USER_ERROR, PresetName, console, fail, note, preset_named

if TYPE_CHECKING:
    from alembert_compiler.image import Image
    from alembert_compiler.model import Model
    from alembert_compiler.quantisation import Quantisation

    from ..config.machine import MachineConfig

__all__ = ["compile"]

Source = Annotated[Path, typer.Argument(help="A folder with config.json, or a .gguf file.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The image's file.")]
Length = Annotated[
    int | None, typer.Option(help="Most tokens of a sentence. [default: the model's]")
]
Targets = Annotated[int, typer.Option(help="Most tokens that an off-ramp looks at.")]
Calibrate = Annotated[
    Path | None,
    typer.Option(help="Sentences, one a line, or their token ids. [default: calibration.json]"),
]
Cut = Annotated[bool, typer.Option("--cut", help="Cut longer texts to the longest sentence.")]
Head = Annotated[str, typer.Option(help="mlm, classifier, or what the checkpoint has: auto.")]
Activations = Annotated[str, typer.Option(help="static, or token: a scale for each row.")]
Rounding = Annotated[str, typer.Option(help="Of weights: gptq or nearest.")]
Ranges = Annotated[
    str, typer.Option(help="Of activations: mse, absmax, percentile:99.9 or entropy.")
]
WeightRanges = Annotated[str, typer.Option(help="mse, absmax or percentile:99.9.")]
Granularity = Annotated[str, typer.Option(help="A scale of weights for a channel, or a tensor.")]
Bits = Annotated[int | None, typer.Option(help="Of weights. [default: the machine's]")]
Group = Annotated[int, typer.Option(help="Inputs whose weights share a scale; -1: all.")]
Spans = Annotated[
    str | None, typer.Option(help="How far each head sees, 0,4,4,0; layers apart by a slash.")
]


def compile(
    source: Source,
    output: Output,
    name: PresetName = "edge16_int8",
    length: Length = None,
    targets: Targets = 1,
    calibrate: Calibrate = None,
    cut: Cut = False,
    head: Head = "auto",
    activations: Activations = "static",
    rounding: Rounding = "gptq",
    ranges: Ranges = "mse",
    weight_ranges: WeightRanges = "mse",
    granularity: Granularity = "channel",
    bits: Bits = None,
    group: Group = -1,
    spans: Spans = None,
) -> None:
    """Compile a BERT or ALBERT for a machine, and write its image.

    Prints the size of the program and of the image, how much of the scratchpad they take, and the
    cycles of a pass at the longest sentence, by the cycle model.

    Example: alembert compile models/r8-float32 --preset edge16_int8 --output r8.image
    --calibrate stories.txt --cut
    """
    from alembert_compiler.quantisation import Clip, Quantisation

    machine = preset_named(name).machine
    try:
        chosen = Quantisation(
            rounding=rounding,
            group_size=group,
            weight_bits=bits,
            weight_range=Clip.parse(weight_ranges),
            activation_range=Clip.parse(ranges),
            granularity=granularity,
            activations=activations,
        )
        image = _compile(
            source,
            machine,
            chosen,
            head=head,
            length=length,
            targets=targets,
            calibrate=calibrate,
            cut=cut,
            spans=None if spans is None else _spans(spans),
        )
    except (TypeError, ValueError, ImportError) as error:
        fail(error, USER_ERROR)
    except OSError as error:
        fail(f"cannot read {error.filename or source}: {error.strerror or error}", USER_ERROR)
    try:
        image.save(output)
    except OSError as error:
        fail(f"cannot write to {output}: {error.strerror or error}", USER_ERROR)
    _show(image, machine)


def _compile(
    source: Path,
    machine: MachineConfig,
    quantisation: Quantisation,
    *,
    head: str,
    length: int | None,
    targets: int,
    calibrate: Path | None,
    cut: bool,
    spans: list[int] | list[list[int]] | None,
) -> Image:
    import numpy as np
    from alembert_compiler.activations import activation_note
    from alembert_compiler.calibrate import calibrate as measure
    from alembert_compiler.calibration_file import CALIBRATION, TOKENISER, read_calibration
    from alembert_compiler.compile import compile_model, longest_sentence
    from alembert_compiler.load_model import load_model
    from alembert_compression.error_redistribution import DampingWarning

    quantisation.check(machine)
    model = load_model(source)
    longest = longest_sentence(model.config, machine)
    length = longest if length is None else length
    if not 1 <= length <= longest:
        raise ValueError(f"--length must be between 1 and {longest}, not {length}")
    folder = source if source.is_dir() else source.parent
    if calibrate is None and not (folder / CALIBRATION).is_file():
        raise ValueError(
            f"--calibrate must name sentences to calibrate with: there is no {CALIBRATION} beside "
            f"the checkpoint"
        )
    sentences = read_calibration(
        calibrate or folder / CALIBRATION,
        vocabulary=model.config.vocab_size,
        length=length,
        tokeniser=folder / TOKENISER,
        cut=cut,
    )
    with np.errstate(all="ignore"):  # what is not finite is refused
        statistics = measure(model, sentences, spans=spans)
    if (text := activation_note(model.config.hidden_act, machine.special.gelu.form)) is not None:
        note(text)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DampingWarning)
        image = compile_model(
            model,
            machine,
            statistics,
            max_length=length,
            max_targets=targets,
            head=_head(model) if head == "auto" else head,
            spans=spans,
            quantisation=quantisation,
        )
    for each in caught:
        note(str(each.message))
    return image


def _head(model: Model) -> str:
    """Classifiers before the masked-language head: they were trained last."""
    return "classifier" if model.off_ramps or model.classifier is not None else "mlm"


def _spans(text: str) -> list[int] | list[list[int]]:
    try:
        rows = [[int(span) for span in row.split(",")] for row in text.split("/")]
    except ValueError:
        raise ValueError(f"--spans must be whole numbers, 0,4,4,0, not {text!r}") from None
    return rows if len(rows) > 1 else rows[0]


def _show(image: Image, machine: MachineConfig) -> None:
    from alembert_compiler.cycles import predict

    found = predict(
        machine,
        image,
        length=image.max_length,
        targets=image.max_targets,
        passes=min(2, image.passes),
    )
    first, last = found.passes[-1]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    table.add_column("used", justify="right")
    table.add_column("of", justify="right")
    words = len(image.data) // image.word_bytes
    for label, used, most in (
        ("instructions", image.instructions, None),
        ("words of image", words, None),
        ("words of scratchpad", image.scratchpad_words, machine.scratchpad.words),
        (f"cycles of a pass, {image.max_length} tokens", last - first + 1, None),
    ):
        table.add_row(label, f"{used:,}", "" if most is None else f"{most:,}")
    console.print(table)
