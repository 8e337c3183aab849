# amaranth: UnusedElaboratable=no
"""Multiply, shift, round, saturate: golden against exact fractions, RTL against golden."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from alembert.arithmetic.digits import recode_factor
from alembert.arithmetic.scaler import DigitMultiplier, Scaler
from alembert_golden.scaler import scale
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from hypothesis import example, given
from hypothesis import strategies as st
from support.simulate import simulate


@given(
    st.integers(-(1 << 33), (1 << 33) - 1),
    st.integers(0, (1 << 32) - 1),
    st.integers(0, 63),
    st.integers(2, 32),
)
@example(1, 1 << 31, 32, 8)  # a tie that rounds to 0 ...
@example(3, 1 << 31, 32, 8)  # ... and one that rounds to 2
@example((1 << 29) - 1, (1 << 32) - 1, 63, 8)
@example(-(1 << 33), (1 << 32) - 1, 63, 8)  # beyond 64 bits
def test_golden_scales_as_defined(value: int, factor: int, shift: int, out_width: int) -> None:
    half = 1 << (out_width - 1)
    exact = round(Fraction(value * factor, 1 << shift))  # Python rounds ties to even
    assert scale([value], factor, shift, out_width).tolist() == [min(max(exact, -half), half - 1)]


def test_golden_refuses_what_it_does_not_define() -> None:
    with pytest.raises(ValueError, match=r"^factor must not be negative, not -3$"):
        scale([1, 2], [4, -3], 0, 8)
    with pytest.raises(ValueError, match=r"^shift must be between 0 and 63, not 5…64$"):
        scale(1, 1, [5, 64], 8)
    assert scale(np.zeros((0, 3)), 1, 0, 8).shape == (0, 3)


class Probe(wiring.Component):
    """A scaler, its factor recoded in front of it."""

    value: Signal
    factor: Signal
    shift: Signal
    saturate: Signal
    enable: Signal
    o: Signal
    saturated: Signal

    def __init__(self, *, width: int, factor_width: int, shift_width: int, out_width: int):
        self._scaler = Scaler(
            width=width, factor_width=factor_width, shift_width=shift_width, out_width=out_width
        )
        self.latency = self._scaler.latency
        members = dict(self._scaler.signature.members)
        members["factor"] = In(factor_width)
        super().__init__(members)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.scaler = scaler = self._scaler
        m.d.comb += [
            scaler.value.eq(self.value),
            scaler.factor.eq(recode_factor(m, self.factor, "factor")),
            scaler.shift.eq(self.shift),
            scaler.saturate.eq(self.saturate),
            scaler.enable.eq(self.enable),
            self.o.eq(scaler.o),
            self.saturated.eq(scaler.saturated),
        ]
        return m


@pytest.mark.parametrize(
    ("width", "factor_width", "shift_width", "out_width", "latency"),
    [
        (4, 3, 3, 3, 3),
        (5, 4, 3, 4, 3),
        (3, 6, 4, 5, 3),
        (4, 7, 2, 6, 3),
        (29, 32, 6, 16, 4),  # the requantiser of an INT8 array
        (22, 17, 6, 24, 4),  # a lane of the ternary rescaler
        (33, 32, 6, 16, 4),  # the largest INT8 accumulator
        (8, 9, 6, 32, 3),  # a result wider than any product
    ],
)
def test_rtl_equals_golden(
    simulator: str, width: int, factor_width: int, shift_width: int, out_width: int, latency: int
) -> None:
    probe = Probe(
        width=width, factor_width=factor_width, shift_width=shift_width, out_width=out_width
    )
    assert probe.latency == latency
    simulate(
        probe,
        simulator=simulator,
        module="arithmetic.bench_scaler",
        top="scaler_probe",
        latency=latency,
        count=2_000 if simulator == "icarus" else 10_000,
        width=width,
        factor_width=factor_width,
        shift_width=shift_width,
        out_width=out_width,
    )


def test_a_factor_too_narrow_for_a_tree_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^factor width must be at least 2, not 1$"):
        DigitMultiplier(width=8, factor_width=1)
