# amaranth: UnusedElaboratable=no
"""Encoder: exhaustive at width 10, every boundary at width 38, four formats each."""

from __future__ import annotations

import re

import pytest
from alembert.adaptivfloat import Encoder
from alembert.config import AdaptivFloatFormat
from alembert.formats import AdaptivFloat
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from support.simulate import simulate

FORMATS = [
    AdaptivFloatFormat(width=n, exponent_width=e) for n, e in ((8, 3), (4, 3), (8, 4), (5, 2))
]
AF8 = FORMATS[0]
WIDE, NARROW = 38, 10


class Probe(wiring.Component):
    """Encoders of two widths and all formats behind the same inputs."""

    i_value: Signal
    i_exponent: Signal

    def __init__(self) -> None:
        self.encoders = {
            f"o_{fmt.slug}_{width}": Encoder(fmt, width=width)
            for fmt in FORMATS
            for width in (WIDE, NARROW)
        }
        outputs = {name: Out(AdaptivFloat(x.fmt)) for name, x in self.encoders.items()}
        super().__init__({"i_value": In(signed(WIDE)), "i_exponent": In(signed(10)), **outputs})

    def elaborate(self, platform) -> Module:
        m = Module()
        for name, encoder in self.encoders.items():
            m.submodules[name] = encoder
            m.d.comb += [
                encoder.value.eq(self.i_value[: len(encoder.value)].as_signed()),
                encoder.exponent.eq(self.i_exponent),
                getattr(self, name).eq(encoder.o),
            ]
        return m


def test_rtl_equals_golden(simulator: str) -> None:
    simulate(
        Probe(),
        simulator=simulator,
        module="adaptivfloat.bench_encoder",
        top="adaptivfloat_encoders",
        formats=[(fmt.width, fmt.exponent_width) for fmt in FORMATS],
        wide=WIDE,
        narrow=NARROW,
        latency=Encoder.latency,
        # Icarus takes ten times as long: it sees every exponent, but not every value at each
        step=1 if simulator == "verilator" else 13,
        random=20_000 if simulator == "verilator" else 400,
    )


@pytest.mark.parametrize(("width", "exponent_width"), [(2, 2), (62, 16)])
def test_narrowest_and_widest(simulator: str, width: int, exponent_width: int) -> None:
    simulate(
        Encoder(AF8, width=width, exponent_width=exponent_width),
        simulator=simulator,
        module="adaptivfloat.bench_encoder_widths",
        top=f"adaptivfloat_encoder_{width}",
        width=width,
        exponent_width=exponent_width,
        latency=Encoder.latency,
    )


@pytest.mark.parametrize(
    ("widths", "error", "message"),
    [
        ({"width": 1}, ValueError, "encoder value width must be between 2 and 62, not 1"),
        ({"width": 63}, ValueError, "encoder value width must be between 2 and 62, not 63"),
        ({"width": 8.0}, TypeError, "encoder value width must be an int, not 8.0"),
        (
            {"width": 8, "exponent_width": 1},
            ValueError,
            "encoder exponent width must be between 2 and 16, not 1",
        ),
        (
            {"width": 8, "exponent_width": True},
            TypeError,
            "encoder exponent width must be an int, not True",
        ),
    ],
)
def test_bad_widths_are_refused(widths: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        Encoder(AF8, **widths)
