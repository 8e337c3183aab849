"""Figures of the classifier of news stories: trained, compiled, asked about its whole test set.

Three seeds, each with a split, word pieces, weights and thresholds of its own; what is tracked is
their mean. Trainings are kept in build/r8 and gone on from. Answers are the golden machine's, bit
for bit; cycles are the cycle model's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from alembert.config import PRESETS
from alembert_compiler.image import Image
from alembert_compiler.load_model import load_model
from alembert_models.trained import Measured, compile_trained, measure_trained
from alembert_runtime.evaluation import evaluate
from alembert_text.r8_data import R8Data
from alembert_text.reuters import fetch_reuters
from figures import Figure

__all__ = ["SEEDS", "r8_figures"]

SEEDS = (1, 2, 3)
_TRAINED_FOR = {
    "adaptivfloat8_3": ("float32", "edge16"),
    "int8": ("float32", "edge16_int8"),
    "ternary": ("ternary", "edge16_ternary"),
    "edgebert_recipe": ("edgebert", "edge16"),
}
"""Slug of a figure -> the variant that is trained, and the machine that it is compiled for."""
_INGREDIENTS = {"pruning": "pruned", "spans": "spans"}
"""Parts of the recipe by themselves, of the first seed, without early exits."""


def r8_figures(root: Path, command: str) -> Iterator[Figure]:
    """Accuracy and mean exit of every format, and what EdgeBERT's recipe saves."""
    found: dict[str, list[float]] = {}
    for seed in SEEDS:
        for name, value in _of_seed(root / "build" / "r8" / str(seed), seed).items():
            found.setdefault(name, []).append(value)
    for name, values in found.items():
        unit = next(unit for part, unit in _UNITS.items() if part in name)
        yield Figure(
            name=name, value=round(float(np.mean(values)), 3), unit=unit, command=command
        )


_UNITS = {
    "seconds": "s",
    "cycles_ratio": "×",
    "mean_exit": "layers",
    "cycles": "cycles",
    "": "%",
}
"""By a part of the figure's name; the first that fits."""


def _of_seed(folder: Path, seed: int) -> dict[str, float]:
    """By the names of the figures."""
    from alembert_train.r8 import R8_MODEL, train_variant

    data = R8Data.of(*fetch_reuters(), vocabulary=R8_MODEL.vocab_size, seed=seed)
    variants = {variant for variant, _ in _TRAINED_FOR.values()}
    if seed == SEEDS[0]:
        variants |= {*_INGREDIENTS.values()}
    trained = {"float32": train_variant("float32", data, folder / "float32", seed=seed)}
    for variant in sorted(variants - {"float32"}):
        trained[variant] = train_variant(
            variant, data, folder / variant, seed=seed, start=folder / "float32"
        )
    exact = trained["float32"]
    values = {
        "r8.accuracy.float32": exact.exit_accuracy["test"],
        "r8.mean_exit.float32": exact.exit_pass["test"],
        "r8.accuracy_last.float32": exact.accuracy["test"][-1],
    }
    measured: dict[str, Measured] = {}
    images: dict[str, Image] = {}
    for slug, (variant, preset) in _TRAINED_FOR.items():
        images[slug] = compile_trained(folder / variant, preset)
        measured[slug] = measure_trained(images[slug], preset, data.sentences, data.labels)
        values[f"r8.accuracy.{slug}"] = 100 * measured[slug].test.accuracy
        values[f"r8.mean_exit.{slug}"] = measured[slug].test.mean_pass
        values[f"r8.accuracy_last.{slug}"] = 100 * measured[slug].dense.accuracy
        values[f"r8.cycles.{slug}"] = measured[slug].test.mean_cycles
    dense = measured["adaptivfloat8_3"].dense.mean_cycles
    recipe = measured["edgebert_recipe"]
    values["r8.cycles_ratio.edgebert_recipe"] = dense / recipe.test.mean_cycles
    values["r8.cycles_ratio.early_exit"] = dense / measured["adaptivfloat8_3"].test.mean_cycles
    values["r8.cycles_ratio.recipe_without_exits"] = dense / recipe.dense.mean_cycles
    values["r8.pruned_share.edgebert_recipe"] = 100 * _pruned_share(folder / "edgebert")
    if seed == SEEDS[0]:
        values |= _ingredients(folder, data, dense)
        values |= {"r8.evaluation.seconds": _seconds(images["adaptivfloat8_3"], data)}
    return values


def _ingredients(folder: Path, data: R8Data, dense: float) -> Mapping[str, float]:
    values = {}
    for name, variant in _INGREDIENTS.items():
        image = compile_trained(folder / variant, "edge16")
        found = measure_trained(image, "edge16", data.sentences, data.labels)
        values[f"r8.cycles_ratio.{name}"] = dense / found.dense.mean_cycles
        values[f"r8.accuracy_last.{name}"] = 100 * found.dense.accuracy
    return values


def _pruned_share(folder: Path) -> float:
    """Zeros among the weights of the layer's six matrices."""
    layer = load_model(folder).layers[0]
    parts = (layer.query, layer.key, layer.value, layer.attention_dense, layer.ffn)
    weights = np.concatenate([p.weight.ravel() for p in (*parts, layer.ffn_output)])
    return float((weights == 0).mean())


def _seconds(image: Image, data: R8Data) -> float:
    """Of the whole test set through all twelve passes, by the clock, on all cores."""
    machine = PRESETS["edge16"].machine
    before = time.perf_counter()
    evaluate(image, machine, data.sentences["test"], workers=os.cpu_count())
    return time.perf_counter() - before


