"""``alembert evaluate``: packed models on a whole test set, over thresholds of early exits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .common import FLOW_ERROR, USER_ERROR, fail, output_path, progress_bar, report_beside, write
from .evaluate_data import Part, encode, read_texts, spread
from .evaluate_report import Result, check_outputs, csv_of, plot_of, table_of

if TYPE_CHECKING:
    from alembert_models import PackedModel
    from alembert_text.reuters import Stories

__all__ = ["evaluate"]

Models = Annotated[
    list[str] | None,
    typer.Argument(metavar="[MODELS]...", help="Built-in models or folders.  [default: r8]"),
]
Presets = Annotated[
    list[str] | None,
    typer.Option(
        "--preset",
        "-p",
        help="A machine; may be given again. [default: a model's all]",
    ),
]
Thresholds = Annotated[
    str | None,
    typer.Option(help="In nats, by commas. [default: twelve from 0 to 1.4, and the model's own]"),
]
Limit = Annotated[int | None, typer.Option(help="Texts at most, spread over the set.")]
Csv = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        parser=output_path,
        metavar="<path>",
        help="File for a row a threshold; - is standard output, and tables go to standard error.",
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot", parser=output_path, metavar="<path>", help="File for a picture: .svg or .png."
    ),
]
Split = Annotated[Part | None, typer.Option(help="Part of Reuters R8. [default: test]")]
Seed = Annotated[int, typer.Option(min=0, help="Of the part dev: the one of the training.")]
Data = Annotated[
    Path | None, typer.Option(help="A test set of one's own: class, tab, text a row, in UTF-8.")
]


@dataclass(frozen=True, kw_only=True)
class _Job:
    """A model, what it is called here, its machines, what it is asked about."""

    name: str
    model: PackedModel
    presets: Sequence[str]
    thresholds: Sequence[float] | None
    texts: Stories


def evaluate(
    models: Models = None,
    presets: Presets = None,
    thresholds: Thresholds = None,
    limit: Limit = None,
    csv: Csv = None,
    plot: Plot = None,
    split: Split = None,
    seed: Seed = 1,
    data: Data = None,
) -> None:
    """Measure accuracy, passes, cycles and energy of packed models over thresholds.

    Answers are the golden machine's, bit for bit; cycles are the cycle model's.

    Example: alembert evaluate r8 --preset edge16 --csv r8.csv --plot r8.svg
    """
    from alembert_compiler.packages import PackageError
    from alembert_runtime import DeviceError, note_on_saturation

    try:
        asked = None if thresholds is None else _numbers(thresholds)
        if limit is not None and limit < 1:
            raise ValueError(f"--limit must be at least 1, not {limit}")
        if data is not None and split is not None:
            raise ValueError("--data and --split exclude each other")
        check_outputs(csv, plot)
        part = split or Part.TEST
        loaded = _load(models or ["r8"], presets or [])
        jobs = [
            _Job(
                name=name,
                model=model,
                presets=_presets_of(model, presets),
                thresholds=asked,
                texts=spread(read_texts(model, data, part, seed), limit),
            )
            for name, model in loaded.items()
        ]
        what = part.value if data is None else data.name
        results = _run(jobs, what, is_dev=data is None and part is Part.DEV)
        picture = None if plot is None else plot_of(results, plot)
    except (ValueError, ImportError) as error:
        fail(error, USER_ERROR)
    except (PackageError, DeviceError, OSError) as error:
        fail(error, FLOW_ERROR)
    try:
        if csv is not None:
            write(csv_of(results), csv)
        if plot is not None and picture is not None:
            write(picture, plot)
    finally:  # what was measured is shown, whether it could be written or not
        console = report_beside(csv, plot)
        for result in results:
            console.print(table_of(result))
            if note := note_on_saturation(result.saturated):
                console.print(f"note: {note}", highlight=False, soft_wrap=True)
            if result.best is not None:
                console.print(f"chosen on these texts: {result.best:g} nats", highlight=False)


def _numbers(text: str) -> tuple[float, ...]:
    from alembert_runtime.sweep import check_thresholds

    found = []
    for part in text.split(","):
        try:
            found.append(float(part))
        except ValueError:
            raise ValueError(
                f"--thresholds must be numbers with commas between, not {text!r}"
            ) from None
    return check_thresholds(found)


def _load(sources: Sequence[str], presets: Sequence[str]) -> dict[str, PackedModel]:
    """Models by their names; by what was asked for where two have the same."""
    from alembert_models import PackedModel

    for what, given in (("models", sources), ("presets", presets)):
        if twice := [each for each in given if given.count(each) > 1]:
            raise ValueError(f"{what} must be different, not {twice[0]} twice")
    models = {source: PackedModel.load(source) for source in sources}
    for model in models.values():
        if not model.file.presets:
            raise ValueError(f"model {model.name} must have an image for some preset")
        if presets and not _presets_of(model, presets):
            model.preset(presets[0])
    for preset in presets:
        if not any(preset in model.file.presets for model in models.values()):
            next(iter(models.values())).preset(preset)
    names = [model.name for model in models.values()]
    if len(set(names)) < len(names):
        return models
    return dict(zip(names, models.values()))


def _presets_of(model: PackedModel, presets: Sequence[str] | None) -> tuple[str, ...]:
    """Those of the machines asked for that a model is packed for; all of its own otherwise."""
    own = tuple(model.file.presets)
    return tuple(preset for preset in presets if preset in own) if presets else own


def _run(jobs: Sequence[_Job], what: str, *, is_dev: bool) -> list[Result]:
    from alembert_runtime.nats import to_register
    from alembert_runtime.sweep import THRESHOLDS, choose, sweep

    from ..config import preset as preset_named

    encoded = [encode(job.model, job.texts) for job in jobs]
    results = []
    with progress_bar() as progress:
        for job, sentences in zip(jobs, encoded):
            for preset in job.presets:
                bar = progress.add_task(f"{job.name} {preset}", total=None)
                own = job.model.threshold_for(preset)
                usual = [t for t in THRESHOLDS if to_register(t) != to_register(own)]
                found = sweep(
                    job.model.image_for(preset),
                    preset_named(preset).machine,
                    sentences,
                    job.texts.labels,
                    job.thresholds or [*usual, own],
                    progress=lambda done, total, bar=bar: progress.update(
                        bar, completed=done, total=total
                    ),
                )
                results.append(
                    Result(
                        model=job.name,
                        preset=preset,
                        variant=job.model.preset(preset).variant,
                        texts=what,
                        sentences=len(sentences),
                        points=found.points,
                        saturated=found.evaluation.saturated,
                        own=own,
                        best=choose(found.evaluation, job.texts.labels) if is_dev else None,
                    )
                )
    return results
