# amaranth: UnusedElaboratable=no
"""Bursts: the definition against an independent one, the gateware against the definition."""

from __future__ import annotations

import re
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import pytest
from alembert.axi import BurstReader, BurstSplitter, ReadArbiter
from alembert.config.axi import AxiConfig, AxiFault
from hypothesis import given, settings
from hypothesis import strategies as st
from support.simulate import SIMULATORS, simulate


@settings(max_examples=300)
@given(
    data_width=st.sampled_from([32, 64, 128]),
    ratio=st.sampled_from([1, 2, 4]),
    max_burst=st.integers(1, 256),
    word=st.integers(0, 3000),
    words=st.integers(1, 2000),
)
def test_definition(data_width: int, ratio: int, max_burst: int, word: int, words: int) -> None:
    """Every beat once and in order; bursts legal, and none that could have been longer."""
    config = AxiConfig(data_width=data_width, max_burst=max_burst)
    size, width = data_width // 8, data_width * ratio
    first = word * size * ratio
    found = config.bursts(first, words, width)
    beats = [address + k * size for address, count in found for k in range(count)]
    assert beats == list(range(first, first + words * ratio * size, size))
    for address, count in found:
        assert 1 <= count <= max_burst
        assert address // 4096 == (address + count * size - 1) // 4096
    for (_, count), (following, _) in pairwise(found):
        assert count == max_burst or following % 4096 == 0


def test_refusal() -> None:
    config = AxiConfig(address_width=16, data_width=32)
    assert config.refusal(0xFFF8, 1, 64) == AxiFault.NONE
    assert config.refusal(0xFFF8, 2, 64) == AxiFault.OUT_OF_RANGE
    assert config.refusal(0, 1 << 13, 64) == AxiFault.NONE
    assert config.refusal(8, 0, 64) == AxiFault.EMPTY
    assert config.refusal(4, 0, 64) == AxiFault.MISALIGNED
    assert config.refusal(4, 1, 32) == AxiFault.NONE


def test_depths() -> None:
    assert AxiConfig().read_depth == 64
    assert AxiConfig().write_depth(128) == 18
    assert AxiConfig(max_burst=5).write_depth(256) == 5


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"address_width": 15}, ValueError, "AXI address width must be between 16 and 64, not 15"),
        ({"address_width": 65}, ValueError, "AXI address width must be between 16 and 64, not 65"),
        ({"data_width": 256}, ValueError, "AXI data width must be 32, 64 or 128, not 256"),
        ({"data_width": 64.0}, TypeError, "AXI data width must be an int, not 64.0"),
        ({"id_width": 0}, ValueError, "AXI ID width must be between 1 and 16, not 0"),
        ({"max_burst": 257}, ValueError, "AXI longest burst must be between 1 and 256, not 257"),
        ({"max_burst": True}, TypeError, "AXI longest burst must be an int, not True"),
        ({"outstanding": 0}, ValueError, "AXI outstanding bursts must be between 1 and 64, not 0"),
        ({"latency": 1025}, ValueError, "AXI latency must be between 0 and 1024, not 1025"),
    ],
)
def test_config_refuses(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        AxiConfig(**fields)


def test_components_refuse() -> None:
    config = AxiConfig(id_width=2)
    for width in (96, 32, 512):
        message = f"AXI word width must be 1, 2 or 4 times the data width 64, not {width}"
        with pytest.raises(ValueError, match=f"^{message}$"):
            BurstReader(config, width)
    not_an_int: Any = "64"
    with pytest.raises(TypeError, match=r"^AXI word width must be an int, not '64'$"):
        config.beats_per_word(not_an_int)
    with pytest.raises(ValueError, match=r"^AXI read clients must be between 1 and 64, not 0$"):
        ReadArbiter(config, 0)
    message = r"^AXI read clients must be at most 4, for IDs of 2 bits, not 5$"
    with pytest.raises(ValueError, match=message):
        ReadArbiter(config, 5)


CASES = {
    "default": (AxiConfig(), 128, 40),
    "odd": (AxiConfig(address_width=16, data_width=32, max_burst=7), 32, 20),
    "page": (AxiConfig(data_width=128, max_burst=256, address_width=64), 512, 20),
}


@pytest.mark.parametrize(
    ("name", "simulator"),
    [(n, s) for n in CASES for s in SIMULATORS if n == "default" or s == "icarus"],
)
def test_rtl(name: str, simulator: str) -> None:
    config, word_width, reach = CASES[name]
    simulate(
        BurstSplitter(config, word_width),
        simulator=simulator,
        module="axi.bench_splitter",
        top=f"burst_splitter_{name}",
        config=asdict(config),
        word_width=word_width,
        reach=reach,
    )
