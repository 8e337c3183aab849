"""Figures of the classifier of news stories: trained, compiled, asked about its whole test set.

Three seeds, each with a split, word pieces, weights and thresholds of its own; what is tracked is
their mean. Trainings are kept in build/r8 and gone on from. Answers are the golden machine's, bit
for bit; cycles are the cycle model's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from alembert.config import PRESETS
from alembert_compiler.image import Image
from alembert_compiler.load_model import load_model
from alembert_models.trained import compile_trained
from alembert_runtime.evaluation import evaluate
from alembert_runtime.exit_costs import ExitCosts
from alembert_runtime.sweep import choose, sweep
from alembert_text.r8_data import R8Data
from alembert_text.reuters import fetch_reuters
from figures import Figure

if TYPE_CHECKING:
    from alembert_train.measure import Result

__all__ = ["RECIPE", "SEEDS", "r8_figures", "recipe_figures"]

_Values = dict[str, float]
"""By the names of figures."""

SEEDS = (1, 2, 3)
_TRAINED_FOR = {
    "adaptivfloat8_3": ("float32", "edge16"),
    "int8": ("float32", "edge16_int8"),
    "ternary": ("ternary", "edge16_ternary"),
}
"""Format -> the variant that is trained, and the machine that it is compiled for."""
_INGREDIENTS = {"pruning": "pruned", "spans": "spans"}
"""Parts of the recipe by themselves, of the first seed; cycles without early exits."""
RECIPE = ("edgebert_recipe", "recipe_without_exits", *_INGREDIENTS)
"""Behind the last dot of the names of the recipe's figures."""
_UNITS = {"seconds": "s", "cycles_ratio": "×", "mean_exit": "layers", "cycles": "cycles", "": "%"}
"""By a part of the figure's name; the first that fits."""


def r8_figures(root: Path, command: str) -> Iterator[Figure]:
    """Accuracy and mean exit of every format."""
    yield from _means(root, command, _formats)


def recipe_figures(root: Path, command: str) -> Iterator[Figure]:
    """What EdgeBERT's recipe costs and saves, together and part by part."""
    yield from _means(root, command, _recipe)


def _means(root: Path, command: str, measure: Callable[[_Seed], _Values]) -> Iterator[Figure]:
    """Of the seeds that have a figure."""
    found: dict[str, list[float]] = {}
    for seed in SEEDS:
        for name, value in measure(_Seed.of(root / "build" / "r8" / str(seed), seed)).items():
            found.setdefault(name, []).append(value)
    for name, values in found.items():
        unit = next(unit for part, unit in _UNITS.items() if part in name)
        value = round(float(np.mean(values)), 3)
        yield Figure(name=name, value=value, unit=unit, command=command)


@dataclass(frozen=True, kw_only=True)
class _Seed:
    """A seed's stories, and where its models are."""

    number: int
    folder: Path
    data: R8Data

    @classmethod
    def of(cls, folder: Path, number: int) -> _Seed:
        from alembert_train.r8 import R8_MODEL

        data = R8Data.of(*fetch_reuters(), vocabulary=R8_MODEL.vocab_size, seed=number)
        return cls(number=number, folder=folder, data=data)

    def train(self, variant: str) -> Result:
        """A variant, from the float32 model; what is trained already is not again."""
        from alembert_train.r8 import train_variant

        start = None if variant == "float32" else self.folder / "float32"
        if start is not None and not (start / "training.json").exists():
            self.train("float32")
        folder = self.folder / variant
        return train_variant(variant, self.data, folder, seed=self.number, start=start)

    def ask(self, variant: str, preset: str) -> _Asked:
        """A variant on a machine."""
        self.train(variant)
        return _ask(self.folder / variant, preset, self.data)


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A classifier on the golden machine, at the threshold chosen on the development part."""

    image: Image
    accuracy: float
    mean_pass: float
    cycles: float
    """Of a story, mean of the test part."""
    dense_cycles: float
    """Likewise, through all passes."""


def _formats(seed: _Seed) -> _Values:
    exact = seed.train("float32")
    values = {
        "r8.accuracy.float32": exact.exit_accuracy["test"],
        "r8.mean_exit.float32": exact.exit_pass["test"],
        "r8.accuracy_last.float32": exact.accuracy["test"][-1],
    }
    for slug, (variant, preset) in _TRAINED_FOR.items():
        found = seed.ask(variant, preset)
        values[f"r8.accuracy.{slug}"] = found.accuracy
        values[f"r8.mean_exit.{slug}"] = found.mean_pass
        values[f"r8.cycles.{slug}"] = found.cycles
        values[f"r8.cycles_ratio.{slug}"] = found.dense_cycles / found.cycles
        if seed.number == SEEDS[0] and slug == "adaptivfloat8_3":
            values["r8.evaluation.seconds"] = _seconds(found.image, seed.data)
    return values


def _recipe(seed: _Seed) -> _Values:
    dense = seed.ask("float32", "edge16").dense_cycles
    recipe = seed.ask("edgebert", "edge16")
    values = {
        "r8.accuracy.edgebert_recipe": recipe.accuracy,
        "r8.mean_exit.edgebert_recipe": recipe.mean_pass,
        "r8.cycles_ratio.edgebert_recipe": dense / recipe.cycles,
        "r8.cycles_ratio.recipe_without_exits": dense / recipe.dense_cycles,
        "r8.pruned_share.edgebert_recipe": 100 * _pruned_share(seed.folder / "edgebert"),
    }
    if seed.number == SEEDS[0]:
        for name, variant in _INGREDIENTS.items():
            found = seed.ask(variant, "edge16")
            values[f"r8.accuracy.{name}"] = found.accuracy
            values[f"r8.cycles_ratio.{name}"] = dense / found.dense_cycles
    return values


def _ask(folder: Path, preset: str, data: R8Data) -> _Asked:
    image, machine = compile_trained(folder, preset), PRESETS[preset].machine
    dev = evaluate(image, machine, data.sentences["dev"])
    threshold = choose(dev, data.labels["dev"])
    test, costs = data.sentences["test"], ExitCosts(image, machine)
    # early exits alone: a run through all passes takes ten times as long
    found = sweep(image, machine, test, data.labels["test"], [threshold], costs=costs).points[0]
    return _Asked(
        image=image,
        accuracy=100 * found.accuracy,
        mean_pass=found.mean_pass,
        cycles=found.mean_cycles,
        dense_cycles=float(np.mean([costs.of(len(sentence), 0).cycles for sentence in test])),
    )


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
