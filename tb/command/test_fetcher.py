# amaranth: UnusedElaboratable=no
"""The fetcher: what comes is what lies in memory, whatever the memory's pace."""

from __future__ import annotations

import re

import pytest
from alembert.axi import BurstReader
from alembert.command import Fetcher
from alembert.config.axi import AxiConfig
from alembert.config.command import FetcherConfig
from alembert.flows.verilog import generate_verilog
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import Out, connect, flipped
from command.machines import FETCHERS
from support.simulate import simulate


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        (
            {"word_width": 96},
            ValueError,
            "fetcher word width must be one of 32, 64, 128, 256, 512, not 96",
        ),
        ({"word_width": "32"}, TypeError, "fetcher word width must be an int, not '32'"),
        ({"burst": 3}, ValueError, "fetcher burst must be a power of two, not 3"),
        ({"burst": 32}, ValueError, "fetcher burst must be between 1 and 16, not 32"),
        ({"bursts": 0}, ValueError, "fetcher bursts must be between 1 and 8, not 0"),
    ],
)
def test_config_refuses(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        FetcherConfig(**{"word_width": 128, **fields})


class _WithReader(wiring.Component):
    """A fetcher at the reader it is made for, which nothing answers."""

    o: stream.Interface

    def __init__(self, axi: AxiConfig, config: FetcherConfig):
        self._parts = Fetcher(axi, config), BurstReader(axi, config.word_width)
        fetcher, _ = self._parts
        super().__init__({"o": Out(fetcher.o.signature)})

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.fetcher, m.submodules.reader = fetcher, reader = self._parts
        connect(m, fetcher.command, reader.command)
        connect(m, reader.o, fetcher.words)
        connect(m, flipped(self.o), fetcher.o)
        return m


def test_reader_and_fetcher_fit() -> None:
    design = _WithReader(*FETCHERS["narrow"])
    assert "module fetching" in generate_verilog(design, name="fetching")


@pytest.mark.parametrize(
    ("simulator", "name"), [("verilator", "narrow"), ("icarus", "narrow"), ("icarus", "wide")]
)
def test_rtl_fetches(simulator: str, name: str) -> None:
    simulate(
        Fetcher(*FETCHERS[name]),
        simulator=simulator,
        module="command.bench_fetcher",
        top=f"fetcher_{name}",
        fetcher=name,
    )
