"""Rounding and overflow: golden against exact fractions, RTL against golden, exhaustively."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from alembert.config import Overflow, Rounding
from alembert.formats import narrowing_shift_right, overflow, rounding_shift_right
from alembert_golden import fixed
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from support.simulate import simulate


def _round(x: Fraction, rounding: Rounding) -> int:
    """The definition, in exact fractions."""
    nearest = {math.floor(x), math.ceil(x)}
    distance = min(abs(x - n) for n in nearest)
    ties = sorted(n for n in nearest if abs(x - n) == distance)
    match rounding:
        case Rounding.FLOOR:
            return math.floor(x)
        case Rounding.TOWARD_ZERO:
            return math.trunc(x)
        case Rounding.HALF_UP:
            return ties[-1]
        case Rounding.HALF_AWAY:
            return max(ties, key=abs)
        case Rounding.HALF_EVEN:
            return round(x)


@pytest.mark.parametrize("rounding", Rounding)
def test_golden_rounds_as_defined(rounding: Rounding) -> None:
    values = np.arange(-300, 300)
    for shift in range(8):
        got = fixed.rounding_shift_right(values, shift, rounding)
        assert got.tolist() == [_round(Fraction(int(v), 1 << shift), rounding) for v in values]


def test_golden_shift_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^shift must be between 0 and 62, not -1…-1$"):
        fixed.rounding_shift_right([1], -1, Rounding.FLOOR)


def test_golden_overflow() -> None:
    values = np.arange(-40, 40)
    saturated = fixed.overflow(values, 4, Overflow.SATURATE)
    assert saturated.tolist() == [max(-8, min(7, int(v))) for v in values]
    wrapped = fixed.overflow(values, 4, Overflow.WRAP)
    assert wrapped.tolist() == [(int(v) + 8) % 16 - 8 for v in values]
    with pytest.raises(ValueError, match=r"^width must be between 1 and 63, not 0$"):
        fixed.overflow(values, 0, Overflow.WRAP)


def test_golden_narrowing_shift() -> None:
    """The window is exact but for its lowest bit, which tells of anything below."""
    values = np.arange(-300, 300)
    for shift in range(12):
        window, is_spilled = fixed.narrowing_shift_right(values, shift, 5)
        for value, got, spilled in zip(values, window, is_spilled):
            exact = Fraction(int(value), 1 << shift)
            floor = math.floor(exact)
            assert got == (floor if exact == floor else floor | 1)
            assert spilled == (not -16 <= floor < 16)


class Probe(wiring.Component):
    """The two functions behind ports."""

    value: Signal
    shift: Signal
    rounded: Signal
    o: Signal

    def __init__(self, width: int, shift_width: int, out: int, rounding: Rounding, mode: Overflow):
        super().__init__(
            {
                "value": In(signed(width)),
                "shift": In(shift_width),
                "rounded": Out(signed(width + 1)),
                "o": Out(signed(out)),
            }
        )
        self._parameters = (out, rounding, mode)

    def elaborate(self, platform) -> Module:
        m = Module()
        out, rounding, mode = self._parameters
        rounded = rounding_shift_right(m, self.value, self.shift, rounding, name="probe")
        m.d.comb += [self.rounded.eq(rounded), self.o.eq(overflow(rounded, out, mode))]
        return m


@pytest.mark.parametrize("mode", Overflow)
@pytest.mark.parametrize("rounding", Rounding)
def test_rtl_equals_golden(simulator: str, rounding: Rounding, mode: Overflow) -> None:
    width, shift_width, out_width = 7, 3, 4
    simulate(
        Probe(width, shift_width, out_width, rounding, mode),
        simulator=simulator,
        module="formats.bench_fixed",
        top="fixed_probe",
        width=width,
        shift_width=shift_width,
        out_width=out_width,
        rounding=rounding.value,
        overflow=mode.value,
    )


class NarrowProbe(wiring.Component):
    """narrowing_shift_right behind ports."""

    value: Signal
    shift: Signal
    o: Signal
    spilled: Signal

    def __init__(self, width: int, shift_width: int, out: int):
        super().__init__(
            {
                "value": In(signed(width)),
                "shift": In(shift_width),
                "o": Out(signed(out)),
                "spilled": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        window, spilled = narrowing_shift_right(
            m, self.value, self.shift, len(self.o), name="probe"
        )
        m.d.comb += [self.o.eq(window), self.spilled.eq(spilled)]
        return m


@pytest.mark.parametrize(
    ("width", "shift_width", "out_width"), [(8, 3, 4), (9, 4, 3), (5, 3, 8), (6, 2, 5)]
)
def test_narrowing_rtl_equals_golden(
    simulator: str, width: int, shift_width: int, out_width: int
) -> None:
    simulate(
        NarrowProbe(width, shift_width, out_width),
        simulator=simulator,
        module="formats.bench_narrowing",
        top="narrowing_probe",
        width=width,
        shift_width=shift_width,
        out_width=out_width,
    )
