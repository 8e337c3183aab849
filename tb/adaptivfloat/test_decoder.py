# amaranth: UnusedElaboratable=no
"""Decoder: every code of five formats, RTL against golden."""

from __future__ import annotations

from alembert.adaptivfloat import Decoder
from alembert.config import AdaptivFloatFormat
from alembert.formats import AdaptivFloat
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from support.simulate import simulate

FORMATS = [
    AdaptivFloatFormat(width=n, exponent_width=e)
    for n, e in ((8, 3), (4, 3), (8, 4), (4, 2), (5, 4))
]


class Probe(wiring.Component):
    """One decoder a format, so that one build tests them all."""

    def __init__(self) -> None:
        self.decoders = [Decoder(fmt) for fmt in FORMATS]
        ports = {}
        for decoder in self.decoders:
            ports[f"i_{decoder.fmt.slug}"] = In(AdaptivFloat(decoder.fmt))
            ports[f"o_{decoder.fmt.slug}"] = Out(decoder.o.shape())
        super().__init__(ports)

    def elaborate(self, platform) -> Module:
        m = Module()
        for decoder in self.decoders:
            slug = decoder.fmt.slug
            m.submodules[slug] = decoder
            m.d.comb += [
                decoder.i.eq(getattr(self, f"i_{slug}")),
                getattr(self, f"o_{slug}").eq(decoder.o),
            ]
        return m


def test_output_is_as_wide_as_the_largest_magnitude() -> None:
    widths = [len(Decoder(fmt).o) for fmt in FORMATS]
    assert widths == [13, 9, 20, 6, 17]  # m + 1 + 2^e


def test_rtl_equals_golden(simulator: str) -> None:
    simulate(
        Probe(),
        simulator=simulator,
        module="adaptivfloat.bench_decoder",
        top="adaptivfloat_decoders",
        formats=[(fmt.width, fmt.exponent_width) for fmt in FORMATS],
    )
