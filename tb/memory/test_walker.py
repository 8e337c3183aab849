# amaranth: UnusedElaboratable=no
"""The walker: golden against loops, RTL against golden."""

from __future__ import annotations

import itertools
import re
from dataclasses import asdict

import pytest
from alembert.config.memory import WalkerConfig
from alembert.memory import Walker
from alembert_golden.scratchpad import walk
from hypothesis import given, settings
from hypothesis import strategies as st
from support.simulate import SIMULATORS, simulate

CONFIGS = {
    "three": WalkerConfig(levels=3, address_width=8, count_width=4, increment_width=6),
    "one": WalkerConfig(levels=1, address_width=5, count_width=3, increment_width=5),
    "machine": WalkerConfig(levels=4),
}

_LOOP = st.tuples(st.integers(1, 5), st.integers(-32, 31))


@settings(max_examples=100)
@given(address=st.integers(0, 255), loops=st.lists(_LOOP, min_size=3, max_size=3))
def test_golden_is_nested_loops(address: int, loops: list[tuple[int, int]]) -> None:
    config = CONFIGS["three"]
    counts, increments = zip(*loops)
    want, ends = [], []
    for k in itertools.product(*map(range, counts)):
        want.append((address + sum(a * b for a, b in zip(k, increments))) % 256)
        left = [index == count - 1 for index, count in zip(k, counts)]
        ends.append([all(left[level:]) for level in range(3)])
    addresses, last = walk(address, counts, increments, config)
    assert addresses.tolist() == want
    assert last.tolist() == ends


@pytest.mark.parametrize(
    ("address", "counts", "increments", "message"),
    [
        (256, (1, 1, 1), (0, 0, 0), "address must be between 0 and 255, not 256"),
        (0, (1, 0, 1), (0, 0, 0), "counts must be between 1 and 15, not 0"),
        (0, (1, 1, 16), (0, 0, 0), "counts must be between 1 and 15, not 16"),
        (0, (1, 1, 1), (-33, 0, 0), "increments must be between -32 and 31, not -33"),
        (0, (1, 1), (0, 0, 0), "counts must be 3, not 2"),
        (0, (1, 1, 1), (0,), "increments must be 3, not 1"),
    ],
)
def test_golden_refuses(address: int, counts: tuple, increments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        walk(address, counts, increments, CONFIGS["three"])


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"levels": 0}, ValueError, "walker levels must be between 1 and 8, not 0"),
        (
            {"address_width": 33},
            ValueError,
            "walker address width must be between 2 and 32, not 33",
        ),
        ({"count_width": 0}, ValueError, "walker count width must be between 1 and 32, not 0"),
        (
            {"increment_width": 21},
            ValueError,
            "walker increment width must be between 2 and 20, not 21",
        ),
        ({"levels": 2.0}, TypeError, "walker levels must be an int, not 2.0"),
    ],
)
def test_config_refuses(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        WalkerConfig(**fields)


@pytest.mark.parametrize(
    ("name", "simulator"),
    [(n, s) for n in CONFIGS for s in SIMULATORS if n == "three" or s == "icarus"],
)
def test_rtl_equals_golden(name: str, simulator: str) -> None:
    config = CONFIGS[name]
    simulate(
        Walker(config),
        simulator=simulator,
        module="memory.bench_walker",
        top=f"walker_{name}",
        config=asdict(config),
    )
