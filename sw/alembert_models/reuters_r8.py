"""The built-in model r8: trained folders packed for three machines, with a model card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from alembert_text.r8_data import R8Data
from alembert_text.reuters import CLASSES, PACKAGE

from .pack import pack
from .packed_model import PackedModel
from .trained import FORMATS, Measured, compile_trained, measure_trained, read_training

__all__ = ["pack_reuters", "presets_of"]

_PRESETS = {
    "adaptivfloat8_3": ("edge16",),
    "int8": ("edge16_int8",),
    "ternary": ("edge16_ternary",),
}
_OF_FLOATS = ("edge16", "edge16_int8")

_CARD = Path(__file__).with_name("r8_card.md")


def presets_of(folders: Sequence[Path]) -> dict[str, Path]:
    """Which trained folder goes on which machine: by its format, a float32 one on two.

    Raises
    ------
    ValueError
        ``training.json`` cannot be read, its format is for no machine, or two folders are for the
        same one.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        scheme = read_training(folder)["scheme"]
        presets = _OF_FLOATS if scheme == "float32" else _PRESETS.get(scheme)
        if presets is None:
            raise ValueError(f"{folder}: no preset runs models trained in {scheme}")
        for preset in presets:
            if preset in found:
                raise ValueError(f"{found[preset]} and {folder} are both for {preset}")
            found[preset] = folder
    return found


def pack_reuters(
    folders: Mapping[str, Path],
    output: Path,
    data: R8Data,
    *,
    name: str,
    seed: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[PackedModel, dict[str, Measured]]:
    """Compile trained folders for their machines, measure them, and pack them into one model.

    Parameters
    ----------
    folders : mapping of str to Path
        By preset: what ``alembert train`` has written; see :func:`presets_of`.
    output : Path
        A packed model of this name, an empty folder, or nothing yet.
    data : R8Data
        What the folders were trained on.
    name : str
        What the model is called.
    seed : int
        Of the training; the card names it.
    progress : callable, optional
        Told the preset, how much is done, and of how much.

    Raises
    ------
    ValueError, OSError
        A folder is not of its form, a machine cannot run it, or the output cannot be written.
    """
    images, measured = {}, {}
    for preset, folder in folders.items():
        images[preset] = compile_trained(folder, preset)
        measured[preset] = measure_trained(
            images[preset],
            preset,
            data.sentences,
            data.labels,
            progress=None
            if progress is None
            else lambda done, total, preset=preset: progress(preset, done, total),
        )
    card = _card(name, measured, data, seed)
    packed = None
    for preset, image in images.items():
        found = measured[preset]
        packed = pack(
            output,
            image,
            preset=preset,
            name=name,
            classes=CLASSES,
            pieces=data.pieces,
            variant=FORMATS[preset],
            threshold=found.threshold,
            measured={
                "test_accuracy_percent": round(100 * found.test.accuracy, 2),
                "test_mean_pass": round(found.test.mean_pass, 3),
                "test_mean_cycles": round(found.test.mean_cycles),
                "test_accuracy_without_exits_percent": round(100 * found.dense.accuracy, 2),
                "test_mean_cycles_without_exits": round(found.dense.mean_cycles),
                "seed": seed,
            },
            card=card,
        )
    if packed is None:
        raise ValueError("there must be at least one trained folder to pack")
    return packed, measured


def _card(name: str, measured: Mapping[str, Measured], data: R8Data, seed: int) -> str:
    rows = "\n".join(
        f"| {preset} | {FORMATS[preset]} | {100 * found.test.accuracy:.2f} | "
        f"{found.test.mean_pass:.2f} | {found.threshold:g} | {100 * found.dense.accuracy:.2f} | "
        f"{found.test.mean_cycles:,.0f} | {found.dense.mean_cycles:,.0f} |"
        for preset, found in measured.items()
    )
    parts = {part: len(sentences) for part, sentences in data.sentences.items()}
    return _CARD.read_text(encoding="utf-8").format(
        name=name,
        package=PACKAGE,
        classes=", ".join(CLASSES),
        length=max(map(len, data.sentences["train"])),
        pieces=len(data.pieces),
        seed=seed,
        rows=rows,
        **parts,
    )
