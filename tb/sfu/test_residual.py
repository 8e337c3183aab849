"""Residual addition: golden against exact fractions, RTL against golden."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat, IntegerFormat, TernaryFormat
from alembert.config.residual import ResidualConfig
from alembert.sfu.residual import ResidualAdd
from alembert_golden.residual import residual_add
from hypothesis import given, settings
from hypothesis import strategies as st
from support.formats import all_codes
from support.simulate import SIMULATORS, simulate

CONFIGS = {
    "adaptivfloat8_3": ResidualConfig(),
    "int8": ResidualConfig(lanes=3, fmt=IntegerFormat()),
    # the widest scaled codes and sums
    "adaptivfloat8_4": ResidualConfig(
        lanes=2, fmt=AdaptivFloatFormat(exponent_width=4), out_width=24
    ),
    # sums narrower than what is added
    "int4": ResidualConfig(lanes=1, fmt=IntegerFormat(width=4), out_width=8),
}


def _value(code: int, config: ResidualConfig) -> Fraction:
    """A code's value in units of its format's last place, from the format's definition."""
    fmt = config.fmt
    if isinstance(fmt, IntegerFormat):
        return Fraction(code)
    mantissa = code % (1 << fmt.mantissa_width)
    exponent = (code >> fmt.mantissa_width) % (1 << fmt.exponent_width)
    if mantissa == exponent == 0:
        return Fraction(0)
    sign = -1 if code >> (fmt.width - 1) else 1
    one = 1 << fmt.mantissa_width
    return sign * Fraction(2) ** exponent * (1 + Fraction(mantissa, one)) * one


def _expected(code: int, wide: int, ratio: Fraction, config: ResidualConfig) -> int:
    half = 1 << (config.out_width - 1)
    # round() of a Fraction goes to even
    return max(-half, min(half - 1, wide + round(_value(code, config) * ratio)))


@pytest.mark.parametrize("name", CONFIGS)
def test_golden_equals_the_definition_for_every_code(name: str) -> None:
    config = CONFIGS[name]
    codes = all_codes(config.fmt)
    for multiplier in (0, 1, 3, 255, 32768, 65535):
        for shift in (0, 1, 2, 7, 15, 16, 31, 62, 63):
            for wide in (-32768, -1, 0, 1, 2, 32767):
                got = residual_add(codes, np.full_like(codes, wide), multiplier, shift, config)
                ratio = Fraction(multiplier, 1 << shift)
                assert got.tolist() == [_expected(c, wide, ratio, config) for c in codes.tolist()]


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=100)
@given(data=st.data())
def test_golden_equals_the_definition(name: str, data) -> None:
    config = CONFIGS[name]
    code = data.draw(st.sampled_from(all_codes(config.fmt).tolist()))
    wide = data.draw(st.integers(-32768, 32767))
    multiplier, shift = data.draw(st.integers(0, 65535)), data.draw(st.integers(0, 63))
    want = _expected(code, wide, Fraction(multiplier, 1 << shift), config)
    assert residual_add([code], [wide], multiplier, shift, config).tolist() == [want]


@pytest.mark.parametrize("name", CONFIGS)
def test_scaled_codes_saturate_without_a_trace(name: str) -> None:
    """The worst wide number does not bring a saturated code back into the sum's range."""
    config = CONFIGS[name]
    limit, half = 1 << (config.scaled_width - 1), 1 << (config.out_width - 1)
    assert limit - 1 - (1 << 15) >= half - 1
    assert -limit + (1 << 15) - 1 <= -half


def test_golden_adds_adaptivfloat_codes_at_a_power_of_two() -> None:
    # 1.5·2^2 at bias 0 and 2^-4 a code's last place: 96; the wide numbers' last place is 2^-2
    config = ResidualConfig()
    assert residual_add([0x28, 0xA8], [100, 100], 1, 2, config).tolist() == [124, 76]


@pytest.mark.parametrize(
    ("given_", "error", "message"),
    [
        (
            {"multiplier": 65536},
            ValueError,
            "residual multiplier must be between 0 and 65535, not 65536",
        ),
        ({"multiplier": 1.0}, TypeError, "residual multiplier must be an int, not 1.0"),
        ({"shift": 64}, ValueError, "residual shift must be between 0 and 63, not 64"),
        (
            {"wide": [0, 32768]},
            ValueError,
            "residual wide numbers must be between -32768 and 32767, not 0…32768",
        ),
        ({"codes": [-129, 0]}, ValueError, "INT8 codes must be between -128 and 127, not -129…0"),
    ],
)
def test_golden_refuses(given_: dict, error: type[Exception], message: str) -> None:
    arguments = {"codes": [1, 2], "wide": [3, 4], "multiplier": 1, "shift": 0, **given_}
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        residual_add(config=CONFIGS["int8"], **arguments)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"lanes": 65}, ValueError, "residual lanes must be between 1 and 64, not 65"),
        ({"out_width": 7}, ValueError, "residual output width must be between 8 and 24, not 7"),
        ({"out_width": 25}, ValueError, "residual output width must be between 8 and 24, not 25"),
        ({"out_width": None}, TypeError, "residual output width must be an int, not None"),
        (
            {"fmt": TernaryFormat()},
            TypeError,
            "residual format must be an AdaptivFloatFormat or an IntegerFormat, "
            "not TernaryFormat()",
        ),
    ],
)
def test_config_refuses(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        ResidualConfig(**fields)


@pytest.mark.parametrize(
    ("name", "simulator"),
    [
        (n, s)
        for n in CONFIGS
        for s in SIMULATORS
        if n in ("adaptivfloat8_3", "int8") or s == "icarus"
    ],
)
def test_rtl_equals_golden(name: str, simulator: str) -> None:
    config = CONFIGS[name]
    fmt = config.fmt
    exponent_width = fmt.exponent_width if isinstance(fmt, AdaptivFloatFormat) else None
    simulate(
        ResidualAdd(config),
        simulator=simulator,
        module="sfu.bench_residual",
        top=f"residual_{name}",
        lanes=config.lanes,
        code_width=fmt.width,
        exponent_width=exponent_width,
        out_width=config.out_width,
    )
