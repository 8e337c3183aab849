"""The reader and the memory behind it, as the fetcher sees them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

from alembert.axi.layouts import command_layout, word_layout
from alembert.config.axi import AxiConfig

__all__ = ["FetchMemory"]


class FetchMemory:
    """Answers commands in order; call :meth:`edge` once after every clock edge.

    Parameters
    ----------
    dut : the device
    prefix : str
        Of the ports: ``<prefix>command`` and ``<prefix>words``.
    axi, word_width
        Layouts of both.
    read : callable
        Byte address → word and whether memory refuses it.
    rng : random.Random
    latency : tuple of int
        Least and most cycles from a command to its first word.
    idle, stall : float
        How often a word is late, and a command not taken.
    """

    def __init__(
        self,
        dut,
        prefix: str,
        axi: AxiConfig,
        word_width: int,
        read: Callable[[int], tuple[int, bool]],
        rng: random.Random,
        *,
        latency: tuple[int, int] = (1, 1),
        idle: float = 0.0,
        stall: float = 0.0,
    ):
        signals = (
            getattr(dut, f"{prefix}{stream}_{name}")
            for stream in ("command", "words")
            for name in ("payload", "valid", "ready")
        )
        self._command, self._asked, self._take, self._word, self._valid, self._ready = signals
        self._layout = command_layout(axi)
        self._word_layout = word_layout(word_width)
        self._bytes = word_width // 8
        self._read = read
        self._rng = rng
        self._latency, self._idle, self._stall = latency, idle, stall
        self._now = 0
        self._taking = self._giving = False
        self._waiting: deque[tuple[int, int]] = deque()
        self.commands: list[tuple[int, int]] = []
        """Address and words of every command taken."""
        self.silent = False
        """Answer nothing more."""
        self._take.value = 0
        self._valid.value = 0

    @property
    def idle(self) -> bool:
        """No word is left to give."""
        return not self._waiting

    def edge(self) -> None:
        """What moved at this edge, and what is driven until the next one."""
        self._now += 1
        if self._giving and self._ready.value:
            self._waiting.popleft()
            self._giving = False
        if self._taking and self._asked.value:
            self._accept()
        self._taking = self._rng.random() >= self._stall
        self._take.value = int(self._taking)
        if not self._giving and self._waiting and not self.silent:
            due, word = self._waiting[0]
            if due <= self._now and self._rng.random() >= self._idle:
                self._giving = True
                self._word.value = word
        self._valid.value = int(self._giving)

    def _accept(self) -> None:
        command = self._layout.from_bits(int(self._command.value))
        address, words = int(command.address), int(command.words)
        assert address % self._bytes == 0
        assert words > 0
        self.commands.append((address, words))
        due = self._now + self._rng.randint(*self._latency)
        for k in range(words):
            value, is_refused = self._read(address + k * self._bytes)
            word = self._word_layout.const(
                {"data": value, "last": k == words - 1, "error": is_refused}
            )
            self._waiting.append((due + k, word.as_bits()))
