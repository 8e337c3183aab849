# amaranth: UnusedElaboratable=no
"""The result encoder: codes as the encoder's own test has them, wide numbers, and both in turns."""

from __future__ import annotations

import re

import pytest
from alembert.config import AdaptivFloatFormat, VmacArrayConfig
from alembert.vmac.result_encoder import ResultEncoder, prepare_exponent
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from support.simulate import simulate

FORMATS = [
    AdaptivFloatFormat(width=n, exponent_width=e) for n, e in ((8, 3), (4, 3), (8, 4), (5, 2))
]
WIDE, NARROW = 38, 10


class Probe(wiring.Component):
    """Result encoders of two widths and all formats, exponents prepared, behind the same inputs."""

    i_value: Signal
    i_exponent: Signal
    i_wide: Signal

    def __init__(self) -> None:
        self._widths = {f"o_{fmt.slug}_{w}": (fmt, w) for fmt in FORMATS for w in (WIDE, NARROW)}
        outputs = {name: Out(VmacArrayConfig.RESULT_WIDTH) for name in self._widths}
        exponent = signed(VmacArrayConfig.EXPONENT_WIDTH)
        inputs = {"i_value": In(signed(WIDE)), "i_exponent": In(exponent), "i_wide": In(1)}
        super().__init__(inputs | outputs)

    def elaborate(self, platform) -> Module:
        m = Module()
        wide_width = VmacArrayConfig.RESULT_WIDTH
        for name, (fmt, width) in self._widths.items():
            m.submodules[name] = encoder = ResultEncoder(
                fmt,
                width=width,
                exponent_width=VmacArrayConfig.EXPONENT_WIDTH,
                wide_width=wide_width,
            )
            prepared = prepare_exponent(
                self.i_wide,
                self.i_exponent,
                width=width,
                wide_width=wide_width,
                shift_width=VmacArrayConfig.SHIFT_WIDTH,
            )
            m.d.comb += [
                encoder.value.eq(self.i_value[:width].as_signed()),
                encoder.wide.eq(self.i_wide),
                encoder.exponent.eq(prepared),
                getattr(self, name).eq(encoder.o),
            ]
        return m


@pytest.mark.parametrize("module", ["adaptivfloat.bench_encoder", "vmac.bench_result_encoder"])
def test_rtl_equals_golden(simulator: str, module: str) -> None:
    """Every test of the encoder holds for codes; then what is wide."""
    simulate(
        Probe(),
        simulator=simulator,
        module=module,
        top="result_encoders",
        formats=[(fmt.width, fmt.exponent_width) for fmt in FORMATS],
        wide=WIDE,
        narrow=NARROW,
        latency=ResultEncoder.latency,
        # Icarus takes ten times as long: it sees every exponent, but not every value at each
        step=1 if simulator == "verilator" else 13,
        random=20_000 if simulator == "verilator" else 400,
    )


@pytest.mark.parametrize(
    ("widths", "error", "message"),
    [
        ({"width": 1}, ValueError, "result encoder value width must be between 2 and 62, not 1"),
        ({"width": 2.0}, TypeError, "result encoder value width must be an int, not 2.0"),
        (
            {"exponent_width": 7},
            ValueError,
            "result encoder exponent width must be between 8 and 16, not 7",
        ),
        ({"exponent_width": 11}, ValueError, "wide results must be at least 17 bits, not 16"),
    ],
)
def test_bad_widths_are_refused(widths: dict, error: type[Exception], message: str) -> None:
    fmt = AdaptivFloatFormat(width=8, exponent_width=2)
    good: dict = {"width": 20, "exponent_width": 10, "wide_width": 16}
    assert ResultEncoder(fmt, **good).latency == 3
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        ResultEncoder(fmt, **(good | widths))
