"""Weights that are exactly 0 are codes that are 0, and errors no larger than by plain rounding."""

from __future__ import annotations

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat, Format, IntegerFormat
from alembert_compiler.code_grid import fit_scale
from alembert_compiler.quantisation import Quantisation
from alembert_compiler.quantise_model import quantise_model
from alembert_compiler.weight_rounding import round_weights
from compiler.compiled_models import MACHINES, calibration_of, random_model
from compression.layers import layer
from numpy.typing import NDArray

FORMATS: list[Format] = [AdaptivFloatFormat(), IntegerFormat()]


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("act_order", [True, False])
def test_pruned_weights_stay_zero(fmt: Format, seed: int, act_order: bool) -> None:
    weights, hessian = layer(K=40, N=24, seed=seed)
    is_pruned = np.random.default_rng(seed).random(weights.shape) < 0.6
    weights[is_pruned] = 0.0
    scale = fit_scale(weights, np.abs(weights).max(axis=0), fmt, per_channel=True)
    found = round_weights(weights, scale, fmt, hessian, act_order=act_order)
    assert not found[is_pruned].any()
    assert (found == 0).mean() >= is_pruned.mean()
    plain = round_weights(weights, scale, fmt)

    def loss(integers: NDArray) -> float:
        error = integers * scale - weights
        return float(np.sum(error * (hessian @ error)))

    assert loss(found) <= loss(plain)


def test_pruned_models_stay_pruned() -> None:
    def prune(name: str, tensor: NDArray) -> NDArray:
        if tensor.ndim != 2 or "embeddings" in name:
            return tensor
        return np.where(np.abs(tensor) < np.quantile(np.abs(tensor), 0.7), 0, tensor)

    pruned = random_model().map_tensors(prune)
    seen = calibration_of(pruned)
    for name, machine in MACHINES.items():
        for chosen in (Quantisation(), Quantisation(weight_bits=4, group_size=8)):
            if chosen.group_size != -1 and name not in ("edge16_int8",):
                continue
            found = quantise_model(pruned, seen, machine, quantisation=chosen).layers[0]
            for own, dense in (
                (found.query, pruned.layers[0].query),
                (found.ffn, pruned.layers[0].ffn),
                (found.ffn_output, pruned.layers[0].ffn_output),
            ):
                assert (dense.weight == 0).mean() > 0.69
                assert not own.codes[dense.weight.T == 0].any()
