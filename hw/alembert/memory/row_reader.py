"""Reads what nested loops walk over."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config.memory import ScratchpadConfig, WalkerConfig
from .ports import read_signature
from .read_port import ReadPort
from .walker import Walker

__all__ = ["RowReader"]


class RowReader(wiring.Component):
    """A walker and a read port: a command becomes its words, each with the loops that end there.

    Parameters
    ----------
    config : ScratchpadConfig
        Widths of word and address.
    walker : WalkerConfig
        The loops; its addresses are as wide as the scratchpad's.
    depth : int
        Words that may be under way or wait, as in :class:`ReadPort`.

    Members
    -------
    command : In, stream of {address, loops}
        As :class:`Walker` takes it.
    o : Out, stream of {data, last: levels bits}
        The words.
    memory : Out, read_signature
        To the scratchpad.

    Latency: ``latency`` cycles from the edge that takes a command to the one that can take its
    first word, if the bank is free at once. Throughput: a word a cycle, across commands too.
    Reset: as :class:`ReadPort`.

    Raises
    ------
    ValueError
        The walker's addresses have another width than the scratchpad's.
    """

    command: stream.Interface
    o: stream.Interface
    memory: Any

    latency = Walker.latency + ReadPort.latency

    def __init__(self, config: ScratchpadConfig, walker: WalkerConfig, *, depth: int = 8):
        if walker.address_width != config.address_width:
            raise ValueError(
                f"row reader's addresses must have {config.address_width} bits, "
                f"not {walker.address_width}"
            )
        self._walker = Walker(walker)
        self._port = ReadPort(config, tag_width=walker.levels, depth=depth)
        word = data.StructLayout({"data": config.word_width, "last": walker.levels})
        super().__init__(
            {
                "command": In(self._walker.i.signature.flip()),
                "o": Out(stream.Signature(word)),
                "memory": Out(read_signature(config)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.walker = walker = self._walker
        m.submodules.port = port = self._port
        connect(m, flipped(self.command), walker.i)
        connect(m, flipped(self.memory), port.memory)
        m.d.comb += [
            port.i.valid.eq(walker.o.valid),
            port.i.payload.address.eq(walker.o.payload.address),
            port.i.payload.tag.eq(walker.o.payload.last),
            walker.o.ready.eq(port.i.ready),
            self.o.valid.eq(port.o.valid),
            self.o.payload.data.eq(port.o.payload.data),
            self.o.payload.last.eq(port.o.payload.tag),
            port.o.ready.eq(self.o.ready),
        ]
        return m
