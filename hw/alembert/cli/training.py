"""Commands that train models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import FLOW_ERROR, USER_ERROR, console, fail, progress_bar

__all__ = ["train"]

Variant = Annotated[
    str,
    typer.Option(
        help="float32; of it adaptivfloat8_3, int8, ternary, binary, pruned, spans, edgebert, "
        "two_stage."
    ),
]
Start = Annotated[
    Path | None,
    typer.Option(help="Folder of a float32 model; what all variants but float32 begin with."),
]
Folder = Annotated[Path, typer.Option("--output", "-o", help="Folder of the model.")]


def train(
    output: Folder,
    variant: Variant = "float32",
    start: Start = None,
    seed: Annotated[int, typer.Option(min=0, help="Of split, weights and order.")] = 1,
) -> None:
    """Train an ALBERT with early exits on Reuters R8, on one processor core.

    Goes on where it was interrupted: a folder keeps the state after every epoch.

    Example: alembert train --output models/r8-float32
    """
    try:
        import torch
    except ImportError:
        fail("training needs torch: pip install 'alembert[train]' brings it", USER_ERROR)
    from alembert_compiler.packages import PackageError
    from alembert_text.r8_data import R8Data
    from alembert_text.reuters import fetch_reuters
    from alembert_train.r8 import R8_MODEL, train_variant

    torch.set_num_threads(1)  # more of them fight over small matrices
    try:
        with progress_bar() as progress:
            bar = progress.add_task("Reuters R8", total=None)
            data = R8Data.of(*fetch_reuters(), vocabulary=R8_MODEL.vocab_size, seed=seed)
            progress.update(bar, description=f"train {variant}")
            result = train_variant(
                variant,
                data,
                output,
                seed=seed,
                start=start,
                after_step=lambda step, steps: progress.update(bar, completed=step, total=steps),
                after_epoch=lambda epoch: progress.console.print(
                    f"epoch {epoch.number}: loss {epoch.loss:.4f}", highlight=False
                ),
            )
    except (ValueError, ImportError) as error:
        fail(error, USER_ERROR)
    except (PackageError, FloatingPointError, OSError) as error:
        fail(error, FLOW_ERROR)
    console.print(
        f"test accuracy {result.accuracy['test'][-1]:.2f} % after the last pass, "
        f"{result.exit_accuracy['test']:.2f} % at mean pass {result.exit_pass['test']:.2f} "
        f"below {result.threshold:g} nats",
        highlight=False,
    )
