"""Array configurations and presets: every rule by its whole message."""

from __future__ import annotations

import re
from typing import Any

import pytest
from alembert.config import (
    PRESETS,
    AdaptivFloatFormat,
    FormatPair,
    IntegerFormat,
    VmacArrayConfig,
    VmacConfig,
    preset,
)

INT8 = FormatPair(activation=IntegerFormat(), weight=IntegerFormat())


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"pair": "int8"}, TypeError, "VMAC format pair must be a FormatPair, not 'int8'"),
        ({"lanes": 0}, ValueError, "VMAC lanes must be between 1 and 256, not 0"),
        ({"lanes": 257}, ValueError, "VMAC lanes must be between 1 and 256, not 257"),
        ({"lanes": 4.0}, TypeError, "VMAC lanes must be an int, not 4.0"),
        ({"lanes": True}, TypeError, "VMAC lanes must be an int, not True"),
        ({"rows": 0}, ValueError, "accumulator rows must be between 1 and 1024, not 0"),
        ({"rows": 1025}, ValueError, "accumulator rows must be between 1 and 1024, not 1025"),
        ({"max_depth": 65536}, ValueError, "largest depth must be between 1 and 65535, not 65536"),
        (
            {"max_depth": 8},
            ValueError,
            "largest depth must be at least the number of VMAC lanes (16), not 8",
        ),
        (
            {"levels_per_stage": 0},
            ValueError,
            "adder levels per pipeline stage must be between 1 and 8, not 0",
        ),
    ],
)
def test_vmac_rules(fields: dict[str, Any], error: type[Exception], message: str) -> None:
    given: dict[str, Any] = {"pair": INT8} | fields
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        VmacConfig(**given)


def test_array_rules() -> None:
    wrong: dict[str, Any] = {"vmac": 3}
    with pytest.raises(TypeError, match=r"^array element must be a VmacConfig, not 3$"):
        VmacArrayConfig(**wrong)
    message = "VMACs of an array must be between 1 and 256, not 0"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        VmacArrayConfig(vmac=VmacConfig(pair=INT8), vmacs=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: AdaptivFloatFormat(width=3),
            "AdaptivFloat width must be between 4 and 8, not 3",
        ),
        (
            lambda: AdaptivFloatFormat(exponent_width=5),
            "AdaptivFloat exponent width must be between 2 and 4, not 5",
        ),
        (
            lambda: AdaptivFloatFormat(width=4, exponent_width=4),
            "AdaptivFloat<4,4> leaves no bit for the sign: exponent width must be at most 3",
        ),
        (lambda: IntegerFormat(width=9), "INT width must be between 4 and 8, not 9"),
        (
            lambda: preset("huge"),
            "preset must be one of tiny, edge16, edge16_int8, edge16_ternary, not 'huge'",
        ),
        (
            lambda: INT8.accumulator_width(0),
            "depth of a dot product must be at least 1, not 0",
        ),
    ],
)
def test_other_rules(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def test_presets_are_what_they_say() -> None:
    sizes = {
        name: [(array.vmac.lanes, array.vmacs) for array in entry.arrays.values()]
        for name, entry in PRESETS.items()
    }
    assert sizes == {
        "tiny": [(4, 4)],
        "edge16": [(16, 16)],
        "edge16_int8": [(16, 16)],
        "edge16_ternary": [(64, 16), (16, 4)],
    }
    assert PRESETS["edge16_ternary"].macs == 64 * 16 + 16 * 4
