"""Options of post-training quantisation that are refused, by the rule and the value."""

from __future__ import annotations

from typing import Any, cast

import pytest
from alembert_compiler.calibrate import Calibration
from alembert_compiler.compile import compile_model
from alembert_compiler.errors import CompileError
from alembert_compiler.model import Model
from alembert_compiler.quantisation import Clip, Quantisation
from compiler.compiled_models import MACHINES, calibration_of, random_model


@pytest.fixture(scope="module")
def model() -> Model:
    return random_model()


@pytest.fixture(scope="module")
def calibration(model: Model) -> Calibration:
    return calibration_of(model)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rounding": "up"}, "rounding must be 'nearest' or 'gptq', not 'up'"),
        ({"granularity": "row"}, "granularity must be 'channel' or 'tensor', not 'row'"),
        ({"activations": "row"}, "activations must be 'static' or 'token', not 'row'"),
        ({"act_order": 1}, "act_order must be a bool, not 1"),
        ({"weight_range": "mse"}, "weight_range must be a Clip, not 'mse'"),
        (
            {"weight_range": Clip(rule="entropy")},
            "weight_range must be one of mse, absmax, percentile, not entropy",
        ),
        (
            {"symmetric": False},
            "codes must be symmetric: what makes them, encoders and normalisations, has no zero "
            "points",
        ),
        ({"group_size": 0}, "group_size must be −1 or at least 1, not 0"),
        ({"group_size": True}, "group_size must be −1 or at least 1, not True"),
        ({"weight_bits": 3}, "weight_bits must be 4…8, not 3"),
        ({"weight_bits": 4.0}, "weight_bits must be 4…8, not 4.0"),
        (
            {"group_size": 8, "granularity": "tensor"},
            "weights in groups have a scale a channel, not one a tensor",
        ),
    ],
)
def test_options_that_there_are_not(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(CompileError) as caught:
        Quantisation(**fields)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kl", "a range must be one of mse, absmax, percentile, entropy, not 'kl'"),
        (
            "percentile",
            "a range by percentile has a percentage, and no other: not 'percentile' with None",
        ),
        (
            "absmax:9",
            "a range by percentile has a percentage, and no other: not 'absmax' with 9.0",
        ),
        ("percentile:0", "percent must be above 0 and at most 100, not 0.0"),
        ("percentile:101", "percent must be above 0 and at most 100, not 101.0"),
        ("percentile:nan", "percent must be above 0 and at most 100, not nan"),
        ("percentile:most", "percent must be a number, not 'most'"),
    ],
)
def test_ranges_that_there_are_not(text: str, message: str) -> None:
    with pytest.raises(CompileError) as caught:
        Clip.parse(text)
    assert str(caught.value) == message


def test_ranges_in_words() -> None:
    for text in ("mse", "absmax", "entropy", "percentile:99.9"):
        assert str(Clip.parse(text)) == text
    with pytest.raises(CompileError, match=r"^percent must be a number, not '9'$"):
        Clip(rule="percentile", percent=cast(float, "9"))


@pytest.mark.parametrize(
    ("machine", "fields", "message"),
    [
        (
            "ternary",
            {"granularity": "tensor"},
            "ternary weights are rounded by absmean, one scale a matrix: granularity must be left "
            "alone, not 'tensor'",
        ),
        (
            "ternary",
            {"weight_range": Clip(rule="absmax")},
            "ternary weights are rounded by absmean, one scale a matrix: weight_range must be left "
            "alone, not 'absmax'",
        ),
        (
            "ternary",
            {"weight_bits": 4},
            "ternary weights are rounded by absmean, one scale a matrix: weight_bits must be left "
            "alone, not 4",
        ),
        (
            "edge16",
            {"group_size": 16},
            "group_size is for weights of INT<n>, not AdaptivFloat<8,3>",
        ),
        (
            "edge16",
            {"weight_bits": 8},
            "weight_bits is for weights of INT<n>, not AdaptivFloat<8,3>",
        ),
        (
            "edge16",
            {"activation_range": Clip(rule="entropy")},
            "ranges by entropy are for codes of INT<n>, not AdaptivFloat<8,3>",
        ),
    ],
)
def test_what_codes_do_not_allow(
    machine: str, fields: dict[str, Any], message: str, model: Model, calibration: Calibration
) -> None:
    with pytest.raises(CompileError) as caught:
        compile_model(
            model,
            MACHINES[machine],
            calibration,
            max_length=8,
            quantisation=Quantisation(**fields),
        )
    assert str(caught.value) == message
