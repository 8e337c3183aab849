"""The comparator's parameter object: what it refuses, and the widths and tables that follow."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from alembert.config.early_exit import EntropyConfig


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"max_classes": 1}, ValueError, "number of classes must be between 2 and 1024, not 1"),
        (
            {"max_classes": 1025},
            ValueError,
            "number of classes must be between 2 and 1024, not 1025",
        ),
        ({"max_classes": 8.0}, TypeError, "number of classes must be an int, not 8.0"),
        ({"logit_width": 3}, ValueError, "logit width must be between 4 and 24, not 3"),
        ({"logit_width": 25}, ValueError, "logit width must be between 4 and 24, not 25"),
        ({"logit_width": "20"}, TypeError, "logit width must be an int, not '20'"),
        ({"logit_fraction": -1}, ValueError, "logit fraction must be between 0 and 16, not -1"),
        ({"logit_fraction": 17}, ValueError, "logit fraction must be between 0 and 16, not 17"),
        (
            {"logit_width": 8, "logit_fraction": 9},
            ValueError,
            "logit fraction must be between 0 and 8, not 9",
        ),
        ({"logit_fraction": True}, TypeError, "logit fraction must be an int, not True"),
    ],
)
def test_bad_fields_are_refused(
    fields: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        EntropyConfig(**fields)


def test_widths_of_the_default() -> None:
    c = EntropyConfig()
    assert (c.index_width, c.count_width, c.log2_classes) == (10, 11, 10)
    assert (c.distance_width, c.exp_width, c.product_width) == (17, 27, 37)
    assert (c.sum_width, c.weighted_width, c.weighted_shift) == (37, 47, 4)


def test_tables_are_the_nearest_integers() -> None:
    c = EntropyConfig()
    for i in range(1 << c.TABLE_BITS):
        x = i / (1 << c.TABLE_BITS)
        assert c.exp_table.base[i] == round(2.0**-x * (1 << c.EXP_TABLE_FRACTION))
        assert c.log_table.base[i] == round(math.log1p(x) * (1 << c.LOG_TABLE_FRACTION))
    assert c.log2e == round(math.log2(math.e) * (1 << c.LOG2E_FRACTION))
    assert c.ln2 == round(math.log(2) * (1 << c.LOG_TABLE_FRACTION))


def test_chords_meet() -> None:
    """Every chord ends where the next begins, and the last where the next octave begins."""
    c = EntropyConfig()
    down, up = c.exp_table, c.log_table
    ends_down = [b - s for b, s in zip(down.base, down.step)]
    ends_up = [b + s for b, s in zip(up.base, up.step)]
    assert ends_down == [*down.base[1:], 1 << (c.EXP_TABLE_FRACTION - 1)]
    assert ends_up == [*up.base[1:], c.ln2]
