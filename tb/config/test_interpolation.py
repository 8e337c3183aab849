"""Tables of chords, and golden's points on them, against exact fractions and float64."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from alembert.config.interpolation import Interpolation, falling_power
from alembert_golden.interpolation import chord

RISING = [-3, 0, 0, 5, 12]


@pytest.mark.parametrize("position_bits", [0, 1, 4])
@pytest.mark.parametrize("sign", [1, -1], ids=["rising", "falling"])
def test_points_lie_on_the_line_between_nodes(sign: int, position_bits: int) -> None:
    nodes = [sign * node for node in RISING]
    arguments = np.arange((len(nodes) - 1) << position_bits)
    base, offset = chord(Interpolation.through(nodes), arguments, position_bits)
    for argument, start, moved in zip(arguments.tolist(), base.tolist(), offset.tolist()):
        x = Fraction(argument, 1 << position_bits)
        i = math.floor(x)
        assert start == nodes[i]
        line = nodes[i] * (i + 1 - x) + nodes[i + 1] * (x - i)
        assert start + sign * Fraction(moved, 1 << position_bits) == line


def test_points_have_the_shape_of_their_arguments() -> None:
    table = Interpolation.through(RISING)
    shapes: list[tuple[int, ...]] = [(), (0,), (3,), (2, 0), (2, 3)]
    for shape in shapes:
        for part in chord(table, np.full(shape, 7), 2):
            assert part.shape == shape
            assert part.dtype == np.int64


@pytest.mark.parametrize("argument", [-1, 16])
def test_arguments_on_no_chord_are_refused(argument: int) -> None:
    message = f"argument of the chords must be between 0 and 15, not {min(argument, 3)}…"
    message += f"{max(argument, 3)}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        chord(Interpolation.through(RISING), [3, argument], 2)


@pytest.mark.parametrize(
    ("function", "real"),
    [
        (lambda f: (1 + f).ln(), math.log1p),
        (lambda f: 1 / (1 + f), lambda f: 1 / (1 + f)),
        (lambda f: (4 * f).sqrt(), lambda f: math.sqrt(4 * f)),
    ],
    ids=["logarithm", "reciprocal", "root"],
)
@pytest.mark.parametrize("table_bits", [0, 5])
def test_tables_hold_the_nearest_integers(
    function: Callable[[Decimal], Decimal], real: Callable[[float], float], table_bits: int
) -> None:
    num = 1 << table_bits
    nodes = [round(real(i / num) * (1 << 20)) for i in range(num + 1)]
    assert Interpolation.of(function, table_bits, 20) == Interpolation.through(nodes)


def test_nodes_at_a_tie_are_even() -> None:
    table = Interpolation.of(lambda f: 2 * f, 2, 0)
    assert (table.base, table.step) == ((0, 0, 1, 2), (0, 1, 1, 0))


@pytest.mark.parametrize("table_bits", [0, 3, 7])
def test_falling_power_is_within_the_bound_of_its_chords(table_bits: int) -> None:
    """h²/8 · max|f″| for chords of length h, and half a unit for the nodes."""
    fraction, position_bits = 24, 6
    arguments = np.arange(1 << (table_bits + position_bits))
    base, offset = chord(falling_power(table_bits, fraction), arguments, position_bits)
    got = (base - offset / (1 << position_bits)) / (1 << fraction)
    exact = 2.0 ** -(arguments / (1 << (table_bits + position_bits)))
    bound = 2.0 ** (-2 * table_bits) / 8 * math.log(2) ** 2
    assert (got - exact <= bound + 2.0 ** -(fraction + 1)).all()
    assert (exact - got <= 2.0 ** -(fraction + 1)).all()  # a chord of it is never too low
