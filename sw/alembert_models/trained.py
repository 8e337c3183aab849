"""A trained classifier on a machine: compiled, its threshold chosen, asked about a test set."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from alembert.config import PRESETS
from alembert_compiler.calibrate import calibrate
from alembert_compiler.calibration_file import CALIBRATION, read_calibration
from alembert_compiler.compaction import compact
from alembert_compiler.compile import compile_model
from alembert_compiler.image import Image
from alembert_compiler.load_model import load_model
from alembert_runtime.evaluation import Evaluation, evaluate
from alembert_runtime.exit_costs import ExitCosts
from alembert_runtime.sweep import Point, choose, sweep
from numpy.typing import NDArray

__all__ = [
    "FORMATS",
    "Measured",
    "compile_trained",
    "measure_trained",
    "read_training",
]

FORMATS = {"edge16": "adaptivfloat8_3", "edge16_int8": "int8", "edge16_ternary": "ternary"}
"""Presets that trained classifiers are compiled for, and their number formats."""

_TRAINING = "training.json"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A classifier on the golden machine, bit for bit what the RTL says.

    Parameters
    ----------
    threshold : float
        Nats, chosen on the development part.
    dev, test : Point
        At that threshold.
    dense : Point
        The test part without early exits.
    """

    threshold: float
    dev: Point
    test: Point
    dense: Point


def compile_trained(folder: Path, preset: str) -> Image:
    """The image of a folder that ``alembert train`` has written, for a machine.

    Heads and neurons that do nothing are taken out; spans are those that were learned. The ternary
    machine scales activations token by token, as the model was trained, the others as the
    calibration says.

    Parameters
    ----------
    folder : Path
    preset : str
        Of :data:`FORMATS`.

    Raises
    ------
    ValueError
        The preset is another one, a file is missing or damaged, or the machine cannot run it.
    """
    if preset not in FORMATS:
        raise ValueError(f"preset must be one of {', '.join(FORMATS)}, not {preset!r}")
    machine = PRESETS[preset].machine
    learned = read_training(folder)
    model = load_model(folder)
    sentences = read_calibration(
        folder / CALIBRATION,
        vocabulary=model.config.vocab_size,
        length=model.config.max_position_embeddings,
        checkpoint=folder,
    )
    done = compact(model, learned.get("spans"), learned.get("heads_off", ()))
    spans = done.spans if "spans" in learned else None
    return compile_model(
        done.model,
        machine,
        calibrate(done.model, sentences, spans=spans),
        max_length=done.model.config.max_position_embeddings,
        head="classifier",
        spans=spans,
        activations="token" if FORMATS[preset] == "ternary" else "static",
    )


def measure_trained(
    image: Image,
    preset: str,
    sentences: dict[str, list[NDArray[np.int64]]],
    labels: dict[str, NDArray[np.int64]],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Measured:
    """Choose the threshold on "dev", and ask about "test" with it and without early exits."""
    machine = PRESETS[preset].machine
    dev = evaluate(image, machine, sentences["dev"])
    threshold = choose(dev, labels["dev"])
    costs = ExitCosts(image, machine)

    def at(part: str, thresholds: Sequence[float], run: Evaluation | None) -> tuple[Point, ...]:
        return sweep(
            image,
            machine,
            sentences[part],
            labels[part],
            thresholds,
            run=run,
            costs=costs,
            progress=progress,
        ).points

    dense, test = at("test", (0.0, threshold), None)
    (chosen,) = at("dev", (threshold,), dev)
    return Measured(threshold=threshold, dev=chosen, test=test, dense=dense)


def read_training(folder: Path) -> dict[str, Any]:
    """What ``training.json`` of a folder says.

    Raises
    ------
    ValueError
        It cannot be read, or is not what ``alembert train`` writes.
    """
    found = _json(folder / _TRAINING)
    if not isinstance(found, dict) or not {"scheme", "variant", "settings"} <= found.keys():
        raise ValueError(f"{folder / _TRAINING} must name variant, scheme and settings")
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
