"""A tensor's rows in the scratchpad are the words that its definition names, as a view."""

from __future__ import annotations

import numpy as np
import pytest
from alembert_golden.memory_image import Rows, rows_of

WORDS, CODES = 12, 4
PLACES = [
    Rows(address=2, stride=3, count=3, words=2),
    Rows(address=0, stride=4, count=3, words=4),  # all of it
    Rows(address=1, stride=4, count=3, words=3),  # what the last row leaves unused is not there
    Rows(address=11, stride=5, count=1, words=1),
    Rows(address=3, stride=1, count=4, words=3),  # rows that overlap
    Rows(address=7, stride=0, count=3, words=2),  # one row again and again
    Rows(address=5, stride=2, count=0, words=2),
]


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("batch", [0, 1, 3])
@pytest.mark.parametrize("rows", PLACES, ids=str)
def test_rows_are_a_view_of_their_words(rows: Rows, batch: int, wide: bool) -> None:
    whole = np.random.default_rng(1).integers(0, 256, (2 * batch, WORDS, CODES), dtype=np.uint8)
    scratchpad = whole[::2]  # sentences may lie apart
    kind = "<i2" if wide else "u1"
    expected = np.zeros((batch, rows.count, rows.words * CODES), dtype=np.uint8)
    for row in range(rows.count):
        first = rows.address + row * rows.stride
        words = scratchpad[:, first : first + rows.words]
        expected[:, row] = words.reshape(batch, rows.words * CODES)
    found = rows_of(scratchpad, rows, wide=wide)
    np.testing.assert_array_equal(found, expected.view(kind))
    if rows.words <= rows.stride:
        found[:] = 0x11
        for row in range(rows.count):
            first = rows.address + row * rows.stride
            assert (scratchpad[:, first : first + rows.words, 0] == 0x11).all()
