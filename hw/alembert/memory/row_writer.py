"""Writes a stream of words where nested loops walk."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config.memory import ScratchpadConfig, WalkerConfig
from .ports import write_signature
from .walker import Walker

__all__ = ["RowWriter"]


class RowWriter(wiring.Component):
    """A walker gives each word of a stream its address.

    Parameters
    ----------
    config : ScratchpadConfig
        Widths of word and address.
    walker : WalkerConfig
        The loops; its addresses are as wide as the scratchpad's.

    Members
    -------
    command : In, stream of {address, loops}
        As :class:`Walker` takes it.
    i : In, stream of {data, mask}
        As many words as the command has addresses. A word waits for its command.
    memory : Out, write_signature
        To the scratchpad, whose ``ready`` reaches ``i.ready`` in the same cycle.
    done : Out
        High for one cycle a command, the one after the scratchpad took its last word: a read that
        is taken from then on sees all of them.

    Latency: ``latency`` cycle from the edge that takes a command to the one that can take its first
    word. Throughput: a word a cycle, across commands too. Reset: ends the command.

    Raises
    ------
    ValueError
        The walker's addresses have another width than the scratchpad's.
    """

    command: stream.Interface
    i: stream.Interface
    memory: stream.Interface
    done: Signal

    latency = Walker.latency

    def __init__(self, config: ScratchpadConfig, walker: WalkerConfig):
        if walker.address_width != config.address_width:
            raise ValueError(
                f"row writer's addresses must have {config.address_width} bits, "
                f"not {walker.address_width}"
            )
        self._walker = Walker(walker)
        word = data.StructLayout({"data": config.word_width, "mask": config.codes})
        super().__init__(
            {
                "command": In(self._walker.i.signature.flip()),
                "i": In(stream.Signature(word)),
                "memory": Out(write_signature(config)),
                "done": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.walker = walker = self._walker
        connect(m, flipped(self.command), walker.i)
        write = self.memory
        m.d.comb += [
            write.valid.eq(walker.o.valid & self.i.valid),
            write.payload.address.eq(walker.o.payload.address),
            write.payload.data.eq(self.i.payload.data),
            write.payload.mask.eq(self.i.payload.mask),
            walker.o.ready.eq(write.ready & self.i.valid),
            self.i.ready.eq(write.ready & walker.o.valid),
        ]
        m.d.sync += self.done.eq(write.valid & write.ready & walker.o.payload.last[0])
        return m
