"""Golden post-processing against exact fractions: wide numbers, codes, and what is refused."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat, VmacArrayConfig, VmacConfig
from alembert_golden.adaptivfloat import encode_fixed
from alembert_golden.matrix_unit import matmul, matmul_beats
from alembert_golden.postprocess import ChannelParameters, postprocess
from alembert_golden.scaler import scale
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.formats import PAIRS, all_codes
from vmac.corners import shift_corners


def _config(pair: str) -> VmacArrayConfig:
    vmac = VmacConfig(pair=PAIRS[pair], lanes=4, rows=8, max_depth=4096)
    return VmacArrayConfig(vmac=vmac, vmacs=4)


FLOAT, INT8 = _config("adaptivfloat8_3"), _config("int8")


def _saturated(exact: Fraction, width: int) -> int:
    half = 1 << (width - 1)
    return min(max(round(exact), -half), half - 1)  # Python rounds ties to even


@settings(max_examples=300)
@given(
    st.integers(-(1 << 36), (1 << 36) - 1),
    st.integers(-(1 << 36), (1 << 36) - 1),
    st.booleans(),
    st.integers(0, 63),
)
@example(-3, 2, False, 1)  # −½, to 0
@example(-3, 0, False, 1)  # −1½, to −2
@example(3, 0, True, 1)
@example(-5, 0, True, 1)  # ReLU: a wide zero
@example((1 << 36) - 1, (1 << 36) - 1, False, 63)
@example(-(1 << 36), -(1 << 36), False, 37)  # −1
@example(-(1 << 36), -(1 << 36), False, 38)  # −½, to 0
def test_wide_adaptivfloat_sums_as_defined(total: int, bias: int, relu: bool, shift: int) -> None:
    t = max(total + bias, 0) if relu else total + bias
    parameters = ChannelParameters.of(1, bias=bias, relu=relu, wide=True, exponent=shift)
    want = _saturated(Fraction(t, 1 << shift), 16)
    assert postprocess([[total]], parameters, FLOAT).tolist() == [[want]]


@settings(max_examples=300)
@given(
    st.integers(-(1 << 22), (1 << 22) - 1),
    st.integers(0, (1 << 32) - 1),
    st.integers(0, 63),
    st.booleans(),
)
@example(1, 1 << 31, 32, True)
@example(65535, 1, 1, True)  # 32767½
@example(-65537, 1, 1, True)  # −32768½
@example(255, 1, 1, False)  # 127½
def test_int8_sums_as_defined(total: int, multiplier: int, shift: int, wide: bool) -> None:
    parameters = ChannelParameters.of(1, wide=wide, multiplier=multiplier, shift=shift)
    want = _saturated(Fraction(total * multiplier, 1 << shift), 16 if wide else 8)
    assert postprocess([[total]], parameters, INT8).tolist() == [[want]]


def test_a_code_is_the_wide_number_saturated_once_more() -> None:
    """Every sum of 18 bits at every shift that tells, and the corners of all: one scaler does."""
    channels = np.arange(20)
    sums = np.arange(-(1 << 17), 1 << 17)[:, None]
    parameters = ChannelParameters.of(len(channels), shift=channels)
    assert np.array_equal(postprocess(sums, parameters, INT8), scale(sums, 1, channels, 8))
    width = INT8.vmac.accumulator_width
    totals, shifts = np.array(shift_corners(width, 8, range(64))).T
    parameters = ChannelParameters.of(len(totals), bias=totals, shift=shifts)
    got = postprocess(np.zeros((1, len(totals))), parameters, INT8)
    assert np.array_equal(got[0], scale(totals, 1, shifts, 8))


@pytest.mark.parametrize("config", [FLOAT, INT8], ids=["adaptivfloat8_3", "int8"])
def test_wide_numbers_and_codes_side_by_side(config: VmacArrayConfig) -> None:
    """A channel's results do not depend on its neighbours; the beats hold their bits."""
    rng = np.random.default_rng(1)
    pair = config.vmac.pair
    activations = rng.choice(all_codes(pair.activation), (9, 6))
    weights = rng.choice(all_codes(pair.weight), (6, 7))
    wide = np.array([1, 0, 0, 1, 1, 0, 1], dtype=bool)
    scales = {"multiplier": 3, "shift": 8, "exponent": np.where(wide, 5, -17)}
    mixed = ChannelParameters.of(7, wide=wide, **scales)
    results = matmul(activations, weights, mixed, config)
    for channel in range(7):
        own = {name: np.resize(value, 7)[channel] for name, value in scales.items()}
        one = ChannelParameters.of(1, wide=wide[channel], **own)
        alone = matmul(activations, weights[:, channel : channel + 1], one, config)
        assert np.array_equal(results[:, channel], alone[:, 0])
    assert results[:, wide].min() < -128 and results[:, wide].max() > 255

    beats = matmul_beats(activations, weights, mixed, config).results
    assert beats.shape == (2 * 9, 4) and not beats[8:16, 3].any()
    fields = beats[:16].reshape(2, 8, 4).swapaxes(0, 1).reshape(8, 8)[:, :7]
    assert np.array_equal(fields, results[:8] & np.where(wide, 0xFFFF, 0xFF))


def test_codes_are_what_they_were_without_wide_channels() -> None:
    sums = np.arange(-500, 500)[:, None]
    exponents = np.array([-9, -3, 2])
    parameters = ChannelParameters.of(3, exponent=exponents)
    assert not parameters.wide.any()
    want = encode_fixed(np.repeat(sums, 3, axis=1), exponents, AdaptivFloatFormat())
    assert np.array_equal(postprocess(sums, parameters, FLOAT), want)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"exponent": [-1, -1, 63], "wide": [True, False, True]},
            "channel exponent of wide results must be between 0 and 63, not -1…63",
        ),
        (
            {"exponent": [0, -5, 64], "wide": [True, False, True]},
            "channel exponent of wide results must be between 0 and 63, not 0…64",
        ),
        ({"exponent": [0, 0, 512]}, "channel exponent must be between -512 and 511, not 0…512"),
        ({"shift": 64}, "channel shift must be between 0 and 63, not 64…64"),
        (
            {"multiplier": [-1, 0, 5]},
            "channel multiplier must be between 0 and 4294967295, not -1…5",
        ),
    ],
)
def test_what_registers_do_not_hold_is_refused(fields: dict, message: str) -> None:
    parameters = ChannelParameters.of(3, **fields)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        postprocess(np.zeros((1, 3)), parameters, FLOAT)
    allowed = ChannelParameters.of(3, exponent=[0, -5, 63], wide=[True, False, True])
    assert postprocess(np.zeros((1, 3)), allowed, FLOAT).tolist() == [[0, 0, 0]]
