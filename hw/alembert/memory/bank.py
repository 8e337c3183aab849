"""One memory of the scratchpad: the place to put a macro."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..config.memory import CODE_WIDTH, ScratchpadConfig

__all__ = ["SramBank"]


class SramBank(wiring.Component):
    """A synchronous memory that reads one word and writes one word in each cycle.

    Nothing else of the project is between a macro and the scratchpad: whoever has one gives it
    these ports and this behaviour. A read of the word that is written in the same cycle gets the
    old one.

    Parameters
    ----------
    config : ScratchpadConfig
        Width and number of words.

    Members
    -------
    read_enable : In
        A word is to be read; without it ``read_data`` may become anything.
    read_address : In
        Which, less than ``rows``.
    read_data : Out
        The word, in the cycle after.
    write_mask : In, one bit a code
        Which codes are to be written; 0 writes nothing.
    write_address : In
        Where, less than ``rows``.
    write_data : In
        The codes.

    Latency: 1 cycle. Throughput: one read and one write a cycle. Reset: changes nothing stored.
    """

    read_enable: Signal
    read_address: Signal
    read_data: Signal
    write_mask: Signal
    write_address: Signal
    write_data: Signal

    latency = 1

    def __init__(self, config: ScratchpadConfig):
        self._config = config
        super().__init__(
            {
                "read_enable": In(1),
                "read_address": In(range(config.rows)),
                "read_data": Out(config.word_width),
                "write_mask": In(config.codes),
                "write_address": In(range(config.rows)),
                "write_data": In(config.word_width),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.words = words = Memory(
            shape=self._config.word_width, depth=self._config.rows, init=[]
        )
        write = words.write_port(granularity=CODE_WIDTH)
        read = words.read_port(domain="sync")  # not transparent: the old word
        m.d.comb += [
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
            write.en.eq(self.write_mask),
            read.addr.eq(self.read_address),
            read.en.eq(self.read_enable),
            self.read_data.eq(read.data),
        ]
        return m
