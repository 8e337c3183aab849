# amaranth: UnusedElaboratable=no
"""Weights from memory: what the matrix engine asks for, as a stream of words."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from ..axi import BurstReader
from ..axi.layouts import ReadBus, ReadSignature, word_layout
from ..config.axi import AxiFault
from ..config.isa import MemoryBase
from ..config.machine import MachineConfig
from ..matrix.layouts import WeightCommand

__all__ = ["WeightFetcher"]


class WeightFetcher(wiring.Component):
    """Reads the words of each command ahead of their use.

    Parameters
    ----------
    machine : MachineConfig
        Bus and word.

    Members
    -------
    command : In, stream of WeightCommand
    bases : In, {image, input, output, scratch}
        Byte addresses.
    o : Out, stream of {data, last, error}
        The words.
    bus : Out, ReadSignature without ID
    drain, idle : In, Out
        As :class:`alembert.axi.BurstReader` has them.
    fault : Out, AxiFault
        The first one. OUT_OF_RANGE too where an address is beyond the bus: nothing is read then.
    fault_address : Out
        Byte address of the burst at fault.

    Latency: the reader's, and none beyond. Throughput: a beat of the bus a cycle. Reset: only while
    ``idle`` under ``drain``.
    """

    command: stream.Interface
    bases: data.View
    o: stream.Interface
    bus: ReadBus
    drain: Signal
    idle: Signal
    fault: Signal
    fault_address: Signal

    def __init__(self, machine: MachineConfig):
        self._machine = machine
        axi = machine.axi
        bases = data.StructLayout({each.name.lower(): axi.address_width for each in MemoryBase})
        super().__init__(
            {
                "command": In(stream.Signature(WeightCommand())),
                "bases": In(bases),
                "o": Out(stream.Signature(word_layout(machine.scratchpad.word_width))),
                "bus": Out(ReadSignature(axi, with_id=False)),
                "drain": In(1),
                "idle": Out(1),
                "fault": Out(AxiFault),
                "fault_address": Out(axi.address_width),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        axi = self._machine.axi
        m.submodules.reader = reader = BurstReader(axi, self._machine.scratchpad.word_width)
        connect(m, reader.o, flipped(self.o))
        connect(m, reader.bus, flipped(self.bus))
        given = self.command.payload
        bases = Array(self.bases[each.name.lower()] for each in MemoryBase)
        offset = given.offset << exact_log2(self._machine.word_bytes)
        place = Signal(max(len(offset), axi.address_width) + 1)
        outside, refused = Signal(), Signal()
        m.d.comb += [
            place.eq(bases[given.base] + offset),
            outside.eq(place[axi.address_width :].any()),
            reader.command.payload.address.eq(place),
            reader.command.payload.words.eq(given.words),
            reader.command.valid.eq(self.command.valid & ~outside),
            self.command.ready.eq(reader.command.ready & ~outside),
            reader.drain.eq(self.drain),
            self.idle.eq(reader.idle),
            self.fault.eq(reader.fault),
            self.fault_address.eq(reader.fault_address),
        ]
        with m.If(self.command.valid & outside):
            m.d.sync += refused.eq(1)
        with m.If(refused & (reader.fault == AxiFault.NONE)):
            m.d.comb += self.fault.eq(AxiFault.OUT_OF_RANGE)
        return m
