"""Commands of nested loops for tests."""

from __future__ import annotations

import random
from dataclasses import dataclass

from alembert.config.memory import WalkerConfig
from support.streams import pack

__all__ = ["Command", "command_word", "random_command"]


@dataclass(frozen=True)
class Command:
    """A walk: where it begins, and iterations and increment of each loop, outermost first."""

    address: int
    counts: tuple[int, ...]
    increments: tuple[int, ...]


def command_word(command: Command, config: WalkerConfig) -> int:
    """The command as the stream carries it."""
    loops = [
        count | pack([increment], config.increment_width) << config.count_width
        for count, increment in zip(command.counts, command.increments)
    ]
    width = config.count_width + config.increment_width
    return command.address | pack(loops, width) << config.address_width


def random_command(config: WalkerConfig, most: int) -> Command:
    """Any address and increments, up to ``most`` iterations a loop."""
    half = 1 << (config.increment_width - 1)
    return Command(
        random.getrandbits(config.address_width),
        tuple(random.randint(1, most) for _ in range(config.levels)),
        tuple(random.randint(-half, half - 1) for _ in range(config.levels)),
    )
