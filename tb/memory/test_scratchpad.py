# amaranth: UnusedElaboratable=no
"""The scratchpad: where words lie, and RTL against a model of every cycle."""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import asdict
from typing import Any

import pytest
from alembert.config.memory import ScratchpadConfig
from alembert.memory import Scratchpad
from support.simulate import SIMULATORS, simulate

SMALL = ScratchpadConfig(word_width=16, words=40, banks=4, address_width=7)
"""No power of two in a bank, and addresses well past the end."""
WIDE = ScratchpadConfig(word_width=128, words=1024, banks=8)

STRIDES = [1, 4, 8, 16, 32]
"""Of codes, and of rows of 4 to 32 words."""


def test_groups_of_consecutive_words_lie_in_different_banks() -> None:
    for config in (SMALL, WIDE, ScratchpadConfig(words=6 * 16, banks=16, address_width=7)):
        places = set()
        for first in range(0, config.words, config.banks):
            group = range(first, first + config.banks)
            assert {config.bank_of(address) for address in group} == set(range(config.banks))
            places |= {(config.bank_of(address), config.row_of(address)) for address in group}
        assert len(places) == config.words
        assert max(row for _, row in places) == config.rows - 1


def test_strides_of_powers_of_two_use_every_bank_equally() -> None:
    config = ScratchpadConfig(words=4096, banks=8)
    for log2_stride in range(10):
        for first in (0, 1, 5, 100):
            banks = [config.bank_of(first + (k << log2_stride)) for k in range(64)][:-1]
            inside = [b for k, b in enumerate(banks) if first + (k << log2_stride) < config.words]
            assert max(map(inside.count, range(8))) <= -(-len(inside) // 8) + 1, log2_stride


def test_a_stride_of_one_more_than_the_banks_uses_one() -> None:
    """What the page warns of."""
    config = ScratchpadConfig(words=4096, banks=8)
    assert {config.bank_of(9 * k) for k in range(8)} == {0}


def test_no_walk_starves_another() -> None:
    """The page's claim: waits of two cycles at most, and at least half the rate."""
    config, rng, count = ScratchpadConfig(words=16384, banks=8), random.Random(1), 256
    rates = []
    for first, second in itertools.product(STRIDES, repeat=2):
        for _ in range(8):
            urgent, other = rng.randrange(1024), rng.randrange(1024)
            cycles = wait = done = 0
            while done < count:
                blocked = config.bank_of(urgent + cycles * first % 8192) == config.bank_of(
                    other + done * second % 8192
                )
                cycles += 1
                done += not blocked
                wait = wait + 1 if blocked else 0
                assert wait <= 2, (first, second)
            rates.append(count / cycles)
    assert min(rates) >= 0.5
    assert sum(rates) / len(rates) > 0.85


def test_bank_of_known_addresses() -> None:
    config = ScratchpadConfig(words=4096, banks=8)
    assert config.bank_of(0o1234) == 1 ^ 2 ^ 3 ^ 4
    assert config.bank_of(0o7) == 7
    assert config.bank_of(0o70000 | 0o21) == 3  # the bits above the last word's are ignored
    assert config.row_of(0o1234) == 0o123


def test_derived_parameters() -> None:
    assert (SMALL.codes, SMALL.rows, SMALL.bank_width, SMALL.index_width) == (2, 10, 2, 6)
    assert (WIDE.codes, WIDE.rows, WIDE.bank_width, WIDE.index_width) == (16, 128, 3, 10)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        (
            {"word_width": 12},
            ValueError,
            "scratchpad word width must be a multiple of 8, not 12",
        ),
        (
            {"word_width": 520},
            ValueError,
            "scratchpad word width must be between 8 and 512, not 520",
        ),
        ({"banks": 1}, ValueError, "scratchpad banks must be between 2 and 32, not 1"),
        ({"banks": 6}, ValueError, "scratchpad banks must be a power of two, not 6"),
        (
            {"banks": 4, "words": 42},
            ValueError,
            "scratchpad words must be a multiple of its 4 banks, not 42",
        ),
        (
            {"words": 8},
            ValueError,
            "scratchpad words must be between 16 and 1048576, not 8",
        ),
        (
            {"words": 1025, "address_width": 10},
            ValueError,
            "scratchpad words must be between 16 and 1024, not 1025",
        ),
        (
            {"address_width": 33},
            ValueError,
            "scratchpad address width must be between 2 and 32, not 33",
        ),
        ({"words": 4096.0}, TypeError, "scratchpad words must be an int, not 4096.0"),
        ({"banks": True}, TypeError, "scratchpad banks must be an int, not True"),
    ],
)
def test_config_refuses(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        ScratchpadConfig(**fields)


@pytest.mark.parametrize(
    ("readers", "writers", "error", "message"),
    [
        ("ab", ["x"], TypeError, "scratchpad readers must be a sequence of names, not 'ab'"),
        (["a"], [1], TypeError, "scratchpad writers must be a sequence of names, not [1]"),
        ([], ["x"], ValueError, "scratchpad readers must be between 1 and 16, not 0"),
        (
            ["a"],
            [f"w{k}" for k in range(17)],
            ValueError,
            "scratchpad writers must be between 1 and 16, not 17",
        ),
        (["a", "a"], ["x"], ValueError, "scratchpad readers must be distinct identifiers, not 'a'"),
        (["a"], ["x-y"], ValueError, "scratchpad writers must be distinct identifiers, not 'x-y'"),
    ],
)
def test_ports_are_named(readers: Any, writers: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        Scratchpad(SMALL, readers, writers)


def _names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{k}" for k in range(count)]


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize(
    ("name", "config", "readers", "writers", "length", "longest_wait"),
    [("small", SMALL, 3, 2, 60, 3), ("wide", WIDE, 8, 6, 40, 2)],
)
def test_rtl_equals_model(
    simulator: str,
    name: str,
    config: ScratchpadConfig,
    readers: int,
    writers: int,
    length: int,
    longest_wait: int,
) -> None:
    read_names, write_names = _names("r", readers), _names("w", writers)
    simulate(
        Scratchpad(config, read_names, write_names),
        simulator=simulator,
        module="memory.bench_scratchpad",
        top=f"scratchpad_{name}",
        config=asdict(config),
        readers=read_names,
        writers=write_names,
        length=length,
        strides=STRIDES,
        longest_wait=longest_wait,
    )
