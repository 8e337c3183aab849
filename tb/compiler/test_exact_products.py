"""Products that do not depend on the order of their sums: against exact fractions and float64."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from alembert_compiler.exact_products import gram, multiply, product
from alembert_compiler.linear_layer import LinearInput, quantise_linear
from compiler.compiled_models import MACHINES, TOKENS, random_model
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


def octave(values: Float64, axis: int) -> Float64:
    """The power of two above the largest magnitude."""
    return np.ldexp(1.0, np.frexp(np.abs(values).max(axis=axis, keepdims=True))[1])


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 600), st.integers(1, 5)),
    spread=st.integers(0, 20),
    seed=st.integers(0, 2**31),
)
def test_error_is_within_its_bound_and_order_does_not_matter(
    shape: tuple[int, int, int], spread: int, seed: int
) -> None:
    (M, K, N), rng = shape, np.random.default_rng(seed)
    x = (rng.normal(size=(M, K)) * 2.0 ** rng.integers(-spread, 1, K)).astype(np.float32)
    w = (rng.normal(size=(K, N)) * 2.0 ** rng.integers(-spread, 1, (K, 1))).astype(np.float32)
    found = product(x, w)
    exact = x.astype(np.float64) @ w.astype(np.float64)
    bits = (53 - (K - 1).bit_length()) // 2
    rows, columns = octave(x.astype(np.float64), 1), octave(w.astype(np.float64), 0)
    bound = np.abs(x).sum(axis=1, keepdims=True) * columns + np.abs(w).sum(axis=0) * rows
    bound = np.ldexp(bound, -bits - 1) + K * np.ldexp(rows * columns, -2 * bits - 2)
    assert (np.abs(found - exact) <= bound * (1 + 1e-9)).all()
    order = rng.permutation(K)
    np.testing.assert_array_equal(product(x[:, order], w[order]), found)
    np.testing.assert_array_equal(np.stack([product(row[None], w)[0] for row in x]), found)
    np.testing.assert_array_equal(multiply(x, w), found.astype(np.float32))


def test_sums_are_exact() -> None:
    """The widest sums that a depth allows, in whole numbers."""
    for K in (1, 2, 512, 4096):
        bits = (53 - (K - 1).bit_length()) // 2
        rng = np.random.default_rng(K)
        x = rng.integers((1 << bits) - 9, 1 << bits, (2, K)).astype(np.float64)
        w = rng.integers((1 << bits) - 9, 1 << bits, (K, 2)).astype(np.float64)
        w[:, 1] *= rng.choice([-1, 1], K)
        found = product(x, w)
        for i in range(2):
            for j in range(2):
                exact = sum(Fraction(a) * Fraction(b) for a, b in zip(x[i], w[:, j]))
                assert Fraction(found[i, j]) == exact


@pytest.mark.parametrize("K", [2, 100, 512, 4096])
def test_the_largest_sums_do_not_depend_on_their_order(K: int) -> None:
    """Operands of one sign, just below a power of two, with more bits than are kept."""
    rng = np.random.default_rng(K)
    x, w = (1 - rng.uniform(0, 1e-3, shape) for shape in ((20, K), (K, 20)))
    found = product(x, w)
    for _ in range(3):
        order = rng.permutation(K)
        np.testing.assert_array_equal(product(x[:, order], w[order]), found)


def test_stacks_zeros_and_what_is_not_finite() -> None:
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(3, 2, 4, 6)), rng.normal(size=(3, 2, 6, 5))
    x[0, 0, 1] = 0
    found = product(x, w)
    np.testing.assert_array_equal(found[2, 1], product(x[2, 1], w[2, 1]))
    np.testing.assert_allclose(found, x @ w, atol=1e-6)
    assert not found[0, 0, 1].any()
    with np.errstate(all="ignore"):
        for bad in (np.nan, np.inf):
            x[1, 1, 2, 3] = bad
            found = product(x, w)
            assert not np.isfinite(found[1, 1, 2]).any()
            assert np.isfinite(found[1, 1, 1]).all()


def test_gram_of_many_rows() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(9000, 7)).astype(np.float32) * np.geomspace(1, 1e-6, 7).astype("f4")
    found, exact = gram(rows), rows.astype(np.float64).T @ rows.astype(np.float64)
    np.testing.assert_array_equal(found, found.T)
    size = np.sqrt(np.diag(exact))
    assert (np.abs(found - exact) / np.outer(size, size)).max() < 1e-7
    assert gram(rows[:0]).tolist() == np.zeros((7, 7)).tolist()


def test_a_forward_pass_is_float32s() -> None:
    model = random_model()
    exact = model.forward(TOKENS, multiply=multiply).hidden
    for found, wanted in zip(exact, model.forward(TOKENS).hidden):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, atol=2e-5)


_COMPILE = """
import hashlib
import numpy as np
from alembert_compiler.calibrate import calibrate
from alembert_compiler.compile import compile_model
from compiler.compiled_models import MACHINES, random_model
from dataclasses import replace
from compiler.compiled_models import CONFIG
config = replace(
    CONFIG, hidden_size=96, intermediate_size=192, embedding_size=48, max_position_embeddings=64
)
model = random_model(config)
tokens = np.random.default_rng(3).integers(0, config.vocab_size, (2, 60))
seen = calibrate(model, [tokens])
for activations in ("static", "token"):
    image = compile_model(
        model, MACHINES["edge16_int8"], seen, max_length=4, activations=activations
    )
    print(hashlib.sha256(bytes(image.data)).hexdigest())
big = np.random.default_rng(4).normal(size=(300, 300))
print(hashlib.sha256((big @ big).tobytes()).hexdigest())
"""


def test_bytes_do_not_depend_on_threads() -> None:
    outputs = []
    for threads in ("1", "2"):
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
        environment |= dict.fromkeys(
            ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads
        )
        done = subprocess.run(
            [sys.executable, "-c", _COMPILE],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        outputs.append(done.stdout.split())
    assert outputs[0][:2] == outputs[1][:2]
    assert len(set(outputs[0])) == 3


@pytest.mark.parametrize("name", ["edge16", "edge16_int8"])
def test_bias_is_added_in_one_order(name: str) -> None:
    """What rounded weights do to the mean, by sums from the first input on."""
    rng = np.random.default_rng(7)
    array, weights = MACHINES[name].main, rng.normal(size=(30, 4))
    mean = rng.normal(size=30)
    layer = quantise_linear(
        "a layer",
        weights,
        np.zeros(4),
        LinearInput(scale=np.full(30, 2.0**-6), mean=mean),
        array,
        fraction=4,
    )
    codes = layer.codes
    assert codes.shape == (30, 4)
    if name == "edge16_int8":
        moved = np.zeros(4)
        for k in range(30):
            moved += mean[k] * weights[k]
        for k in range(30):
            moved -= mean[k] / 2.0**-6 * (codes[k] * layer.unit)
        np.testing.assert_array_equal(layer.parameters.bias, np.rint(moved / layer.unit))
