"""``alembert pack``: trained folders to one packed model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import FLOW_ERROR, USER_ERROR, console, fail, progress_bar, shown_warnings

__all__ = ["pack"]

Folders = Annotated[list[Path], typer.Argument(help="What `alembert train` has written.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder of the packed model.")]


def pack(
    folders: Folders,
    output: Output,
    name: Annotated[str, typer.Option(help="What the model is called.")] = "r8",
) -> None:
    """Compile trained models for their machines, choose their thresholds, and pack them.

    A float32 model goes to edge16 and edge16_int8, a ternary one to edge16_ternary. Thresholds are
    chosen on the part of Reuters R8 set apart for that; the test part is asked about, all on the
    golden machine.

    Example: alembert pack models/r8-float32 models/r8-ternary --output models/r8
    """
    from alembert_compiler.load_model import load_model
    from alembert_compiler.packages import PackageError
    from alembert_models.reuters_r8 import pack_reuters, presets_of
    from alembert_models.trained import read_training
    from alembert_runtime import DeviceError
    from alembert_text.r8_data import R8Data
    from alembert_text.reuters import fetch_reuters
    from alembert_text.word_pieces import WordPieces

    try:
        of_presets = presets_of(folders)
        seeds = {read_training(folder)["settings"]["seed"] for folder in folders}
        if len(seeds) > 1:
            raise ValueError(f"all folders must be of one seed, not {sorted(seeds)}")
        (seed,) = seeds
        pieces = [WordPieces.load(folder / "tokenizer.json") for folder in folders]
        vocabulary = load_model(folders[0]).config.vocab_size
        with shown_warnings(), progress_bar() as progress:
            bar = progress.add_task("Reuters R8", total=None)
            data = R8Data.of(*fetch_reuters(), vocabulary=vocabulary, seed=seed)
            if any(each.vocabulary != data.pieces.vocabulary for each in pieces):
                raise ValueError("all folders must have the word pieces of that seed's stories")
            packed, _ = pack_reuters(
                of_presets,
                output,
                data,
                name=name,
                seed=seed,
                progress=lambda preset, done, total: progress.update(
                    bar, description=preset, completed=done, total=total
                ),
            )
    except (ValueError, ImportError) as error:
        fail(error, USER_ERROR)
    except (PackageError, DeviceError, OSError) as error:
        fail(error, FLOW_ERROR)
    for preset, entry in packed.file.presets.items():
        facts = entry.measured
        console.print(
            f"{preset}: {facts['test_accuracy_percent']:.2f} % at mean pass "
            f"{facts['test_mean_pass']:.2f} below {entry.threshold:g} nats, "
            f"{facts['test_accuracy_without_exits_percent']:.2f} % after the last pass",
            highlight=False,
        )
