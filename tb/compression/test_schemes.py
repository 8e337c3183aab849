"""Every scheme through one interface: what a sweep over formats sees."""

from __future__ import annotations

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat
from alembert_compression.narrow_floats import FP16, Beyond
from alembert_compression.schemes import (
    SCHEMES,
    AdaptivFloatScheme,
    NarrowFloatScheme,
    Scheme,
    UniformScheme,
)
from alembert_golden import adaptivfloat
from alembert_golden.ternary import absmean

VALUES = np.random.default_rng(1).normal(size=(64, 16)) * np.geomspace(0.1, 3, 16)


def error(scheme: Scheme, values: np.ndarray = VALUES) -> float:
    coded = scheme.quantise(values)
    assert coded.codes.shape == coded.values.shape == values.shape
    assert coded.codes.dtype.kind in "iu"
    assert int(coded.codes.max()) - int(coded.codes.min()) < 1 << scheme.width
    return float(np.square(coded.values - values).mean())


def test_more_bits_and_more_scales_err_less() -> None:
    found = {name: error(scheme) for name, scheme in SCHEMES.items()}
    for better, worse in [
        ("fp16", "bf16"),
        ("bf16", "adaptivfloat8_3"),
        ("int8_channel", "int8"),
        ("int8_token", "int8"),
        ("uint8_asymmetric", "int4_group32"),
        ("int4_group32", "int4_channel"),
        ("int4_channel", "ternary"),
    ]:
        assert found[better] < found[worse], (better, worse)
    assert [scheme.width for scheme in SCHEMES.values()] == [16, 16, 8, 8, 8, 8, 8, 4, 4, 2]


def test_schemes_of_the_golden_models() -> None:
    for fmt in (AdaptivFloatFormat(), AdaptivFloatFormat(width=6, exponent_width=2)):
        scheme = AdaptivFloatScheme(fmt=fmt)
        coded = scheme.quantise(VALUES)
        assert coded.bias == adaptivfloat.bias_of_tensor(VALUES, fmt)
        expected = adaptivfloat.encode(VALUES, coded.bias, fmt)
        np.testing.assert_array_equal(coded.codes, expected)
        np.testing.assert_array_equal(coded.values, adaptivfloat.decode(expected, coded.bias, fmt))
        assert scheme.width == fmt.width
    codes, scale = absmean(VALUES)
    np.testing.assert_array_equal(SCHEMES["ternary"].quantise(VALUES).values, codes * scale)


def test_options() -> None:
    half = NarrowFloatScheme(fmt=FP16, beyond=Beyond.SATURATE)
    assert half.quantise([1e9]).values[0] == 65504
    assert NarrowFloatScheme(fmt=FP16).quantise([1e9]).values[0] == np.inf
    static = UniformScheme(clip=(-1.0, 1.0)).quantise([0.5, 3.0])
    np.testing.assert_array_equal(static.codes, [64, 127])


@pytest.mark.parametrize("name", SCHEMES)
def test_nan_and_empty_tensors(name: str) -> None:
    scheme = SCHEMES[name]
    with pytest.raises(ValueError) as caught:
        scheme.quantise([[0.0, np.nan]])
    assert str(caught.value) == "tensor holds NaN at [0, 1]"
    coded = scheme.quantise(np.zeros((0, 3)))
    assert coded.codes.shape == coded.values.shape == (0, 3)
    assert not scheme.quantise(np.zeros((4, 3))).values.any()
