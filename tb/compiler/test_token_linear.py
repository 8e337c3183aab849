"""Linear layers of codes with a scale a token: integers, factors and biases, and what they cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from alembert.config.isa import Opcode, ResultKind
from alembert.config.machine import MachineConfig
from alembert_compiler.calibrate import Statistics
from alembert_compiler.code_grid import fit_scale, nearest
from alembert_compiler.compile import compile_model, compile_quantised
from alembert_compiler.errors import CompileError
from alembert_compiler.linear_layer import LinearLayer
from alembert_compiler.model_config import ModelConfig
from alembert_compiler.quantise_model import quantise_model
from alembert_compiler.quantised_model import QuantisedModel, RescaleLayer
from alembert_compiler.token_linear import TokenInput, quantise_token_linear
from alembert_golden.activation_quantiser import absmax_quantise
from alembert_golden.rescale import rescale
from compiler.compiled_models import (
    BERT,
    CONFIG,
    MACHINES,
    TOKENS,
    calibration_of,
    random_model,
    run,
)
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
DEPTH, COLUMNS, LSB = 48, 20, 2.0**-9


def rows_of_all_sizes(rng: np.random.Generator, count: int) -> Float64:
    """Tokens whose magnitudes span four octaves."""
    rows = rng.normal(size=(count, DEPTH)) * np.exp2(rng.uniform(-4, 0, (count, 1)))
    return np.rint(rows / LSB) * LSB


def statistics_of(rows: Float64) -> Statistics:
    return Statistics(
        low=rows.min(axis=0),
        high=rows.max(axis=0),
        samples=rows.astype(np.float32),
        _rows=len(rows),
        _total=rows.sum(axis=0),
        _products=rows.T @ rows,
    )


def quantise(
    machine: MachineConfig, weights: Float64, bias: Float64, rows: Float64, fraction: int = 10
) -> tuple[LinearLayer, RescaleLayer]:
    inputs = TokenInput(lsb=LSB, seen=statistics_of(rows))
    return quantise_token_linear(
        "layer", weights, bias, inputs, machine, fraction_of=lambda _: fraction
    )


def machine_rows(name: str, linear: LinearLayer, behind: RescaleLayer, rows: Float64) -> Float64:
    """What TOKEN, LINEAR and RESCALE make of wide numbers."""
    machine, parameters = MACHINES[name], linear.parameters
    wide = np.rint(rows / LSB).astype(np.int64)
    codes, largest = absmax_quantise(wide, machine.special.quantiser)
    assert linear.fraction is not None
    sums = np.rint(np.ldexp((codes @ linear.codes) * linear.unit, linear.fraction))
    assert not parameters.bias.any() and np.abs(sums).max() < 1 << 15
    config = machine.special.rescale
    scaled = rescale(sums.astype(np.int64), largest, behind.multiplier, behind.shift, config)
    return np.ldexp((scaled + behind.bias).astype(np.float64), -behind.fraction)


@pytest.mark.parametrize("name", ["edge16_int8", "ternary"])
def test_rows_of_all_sizes_are_as_exact_as_their_weights(name: str) -> None:
    """Against x times the rounded weights in float64: each code is off by half a 127th of its row's
    largest, sums by half of their last bit, results by as much of theirs."""
    rng = np.random.default_rng(1)
    weights, bias = rng.normal(size=(DEPTH, COLUMNS)) / 7, rng.normal(size=COLUMNS)
    linear, behind = quantise(MACHINES[name], weights, bias, rows_of_all_sizes(rng, 400))
    rows = rows_of_all_sizes(rng, 500)
    rows[0] = 0
    found = machine_rows(name, linear, behind, rows)
    rounded = linear.codes * linear.unit
    real = rows @ rounded + np.ldexp(behind.bias, -behind.fraction)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    assert linear.fraction is not None
    sums = 0.5 * np.abs(rounded).sum(axis=0) * (1 + 2**-6) + np.ldexp(0.5, -linear.fraction)
    values = np.abs(real).max()
    bound = largest / 127 * sums + 2.0 ** -(behind.fraction + 1) + values * 2**-15
    assert (np.abs(found - real) <= bound).all()
    np.testing.assert_array_equal(found[0], np.ldexp(behind.bias, -behind.fraction))


@pytest.mark.parametrize("name", ["edge16_int8", "ternary"])
def test_small_tokens_gain_by_a_scale_of_their_own(name: str) -> None:
    """Errors relative to each row's results: those of one scale for all, halved at least."""
    rng = np.random.default_rng(2)
    weights, zero = rng.normal(size=(DEPTH, COLUMNS)) / 7, np.zeros(COLUMNS)
    seen, rows = rows_of_all_sizes(rng, 400), rows_of_all_sizes(rng, 500)
    linear, behind = quantise(MACHINES[name], weights, zero, seen, fraction=13)
    rounded = linear.codes * linear.unit
    real = rows @ rounded

    def relative(off: Float64) -> float:
        return float(np.mean(np.linalg.norm(off, axis=1) / np.linalg.norm(real, axis=1)))

    shift = np.ldexp(behind.bias, -behind.fraction)
    token = relative(machine_rows(name, linear, behind, rows) - shift - real)
    fmt = MACHINES[name].fmt
    scale = fit_scale(seen, np.abs(seen).max(axis=0), fmt, per_channel=False)
    static = relative(nearest(rows / scale, fmt) * scale @ rounded - real)
    assert token < 0.01 and token < static / 2


def test_means_make_up_for_rounded_weights() -> None:
    """Over the rows that were seen, results are right on average, ternary weights or not."""
    rng = np.random.default_rng(3)
    rows = rows_of_all_sizes(rng, 400) + 0.5
    weights, bias = rng.normal(size=(DEPTH, COLUMNS)) / 7, rng.normal(size=COLUMNS)
    linear, behind = quantise(MACHINES["ternary"], weights, bias, rows)
    mean = rows.mean(axis=0)
    off = mean @ weights + bias - mean @ (linear.codes * linear.unit)
    assert np.abs(np.ldexp(behind.bias, -behind.fraction) - off).max() <= 2.0**-11


def test_numbers_out_of_range_are_refused() -> None:
    rng = np.random.default_rng(4)
    rows, weights = rows_of_all_sizes(rng, 50), np.zeros((DEPTH, COLUMNS))
    bias = np.zeros(COLUMNS)
    bias[7] = 40
    machine, integers = MACHINES["ternary"], MACHINES["edge16_int8"]
    main = replace(integers.main, vmac=replace(integers.main.vmac, max_depth=40))
    shallow = replace(integers, main=main)
    for where, biases, fraction, expected in (
        (
            machine,
            bias,
            10,
            "bias of layer, channel 7, must be below 32 to have 10 fraction bits, not 40",
        ),
        (
            shallow,
            bias * 0,
            10,
            "layer sums 48 products, the machine's accumulators 40 at most",
        ),
        (
            machine,
            bias * 0,
            70,
            "layer: weight scale · activation lsb / (127 · output lsb) must be between 2^-64 and "
            "2^1, not 1082196484.031496",
        ),
    ):
        with pytest.raises(CompileError) as caught:
            quantise(where, weights, biases, rows, fraction)
        assert str(caught.value) == expected


@pytest.mark.parametrize("name", ["edge16_int8", "ternary"])
@pytest.mark.parametrize("config", [CONFIG, BERT], ids=["albert", "bert"])
def test_instructions_and_room(name: str, config: ModelConfig) -> None:
    """Two results of kind TOKEN a layer, and the same hidden states in the least room."""
    machine, model = MACHINES[name], random_model(config)
    quantised = quantise_model(model, calibration_of(model), machine, activations="token")
    images = [
        compile_quantised(
            replace(quantised, machine=replace(machine, scratchpad=scratchpad)),
            max_length=16,
            max_targets=2,
            keep_hidden=True,
        )
        for scratchpad in (
            machine.scratchpad,
            replace(machine.scratchpad, words=_least_words(quantised)),
        )
    ]
    assert images[1].scratchpad_words < images[0].scratchpad_words
    code = images[0].program_code
    layers = len(quantised.layers)
    tokens = [each for each in code if each.operands.get("kind") == ResultKind.TOKEN]
    assert [each.opcode for each in tokens] == [Opcode.RESCALE, Opcode.GELU] * layers
    outputs = [run(machine, image, TOKENS, [0, 5]).output for image in images]
    np.testing.assert_array_equal(outputs[0], outputs[1])


def _least_words(quantised: QuantisedModel) -> int:
    banks = quantised.machine.scratchpad.banks
    scratchpad = replace(quantised.machine.scratchpad, words=2 * banks)
    small = replace(quantised, machine=replace(quantised.machine, scratchpad=scratchpad))
    with pytest.raises(CompileError, match="words of scratchpad") as caught:
        compile_quantised(small, max_length=16, max_targets=2)
    return -(-int(str(caught.value).split()[3]) // banks) * banks


def test_static_is_the_default() -> None:
    model, machine = random_model(), MACHINES["edge16_int8"]
    seen = calibration_of(model)
    default = compile_model(model, machine, seen, max_length=8)
    static, token, again = (
        compile_model(model, machine, seen, max_length=8, activations=activations)
        for activations in ("static", "token", "token")
    )
    assert default == static != token
    assert token == again
