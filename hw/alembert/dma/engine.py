# amaranth: UnusedElaboratable=no
"""The DMA: LOAD, STORE and GATHER between external memory and the scratchpad."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from ..axi import BurstReader, BurstWriter
from ..axi.layouts import ReadBus, ReadSignature, WriteBus, WriteSignature
from ..command.layouts import instruction_layout
from ..config.axi import AxiFault
from ..config.dma import DmaFault
from ..config.isa import MemoryBase, Opcode, Unit
from ..config.machine import MachineConfig
from ..config.memory import WalkerConfig
from ..memory import RowReader, RowWriter, read_signature, write_signature
from .multiplier import SerialMultiplier
from .numbers import NUMBER_WIDTH, RowNumbers

__all__ = ["DmaEngine"]

OFFSET_WIDTH = 50
"""Bits of a word's number in memory: no offset and no product with it overflows."""


class DmaEngine(wiring.Component):
    """Executes the DMA's instructions, one after the other.

    * LOAD: ``columns`` words a row, from base[``memory_base``] + (``memory_offset`` +
      (pass − 1) · ``pitch``) words on, to o; STORE: from a, the other way round.
    * GATHER: row i comes from word ``memory_offset`` + number i · ``columns``; the numbers, of 32
      bits, are read from base[``index_base``] + ``index_offset`` words, ahead of their use.

    Every instruction ends before the next one begins, STORE with the answer to its last burst: a
    GATHER may read what the STORE before it wrote.

    Parameters
    ----------
    machine : MachineConfig
        Scratchpad and bus.

    Members
    -------
    instruction : In, stream of instruction_layout(DMA)
    done : Out
        High for a cycle an instruction: the scratchpad, or memory, has its last word.
    bases : In, {image, input, output, scratch}
        Byte addresses, whole words.
    data_bus, number_bus : Out, ReadSignature without ID
        For rows, and for the numbers of rows.
    write_bus : Out, WriteSignature
    read_memory : Out, read_signature
    write_memory : Out, write_signature
        Of the scratchpad.
    drain, idle : In, Out
        Of the bus, as :class:`alembert.axi.BurstReader` has them.
    fault : Out, DmaFault
        The first one. After INDEX nothing goes on; after the others words are as delivered.
    detail : Out, AxiFault
        What the bus said, with READ and WRITE.
    fault_address : Out
        Byte address of the burst at fault, with READ and WRITE.
    busy : Out
        An instruction is in work.
    stalled : Out
        One is, and no word passes between engine and scratchpad.

    Latency: an instruction takes its words' beats, some 60 cycles, and the memory's latency once,
    GATHER twice. Throughput: a beat of the bus a cycle, but at most a row of a GATHER in
    ``row_cycles``. Reset: everything; only while ``idle`` under ``drain``. Errors: ``fault``.
    """

    instruction: stream.Interface
    done: Signal
    bases: data.View
    data_bus: ReadBus
    number_bus: ReadBus
    write_bus: WriteBus
    read_memory: Any
    write_memory: Any
    drain: Signal
    idle: Signal
    fault: Signal
    detail: Signal
    fault_address: Signal
    busy: Signal
    stalled: Signal

    @staticmethod
    def row_cycles(columns: int) -> int:
        """Cycles to find a row of a GATHER."""
        return columns.bit_length() + 3

    def __init__(self, machine: MachineConfig):
        self._machine = machine
        axi, scratchpad = machine.axi, machine.scratchpad
        walker = WalkerConfig(
            levels=2,
            address_width=scratchpad.address_width,
            increment_width=scratchpad.address_width,
        )
        self._data = BurstReader(axi, scratchpad.word_width)
        # numbers are few, and read while rows are: no need to hide the latency from word to word
        few = replace(axi, outstanding=1, latency=0)
        self._number_words = BurstReader(few, scratchpad.word_width)
        self._out = BurstWriter(axi, scratchpad.word_width)
        self._rows_in = RowWriter(scratchpad, walker)
        self._rows_out = RowReader(scratchpad, walker)
        self._numbers = RowNumbers(scratchpad.word_width)
        self._multiplier = SerialMultiplier(
            width=OFFSET_WIDTH, multiplicand_width=32, multiplier_width=16
        )
        bases = data.StructLayout({each.name.lower(): axi.address_width for each in MemoryBase})
        super().__init__(
            {
                "instruction": In(stream.Signature(instruction_layout(Unit.DMA))),
                "done": Out(1),
                "bases": In(bases),
                "data_bus": Out(ReadSignature(axi, with_id=False)),
                "number_bus": Out(ReadSignature(axi, with_id=False)),
                "write_bus": Out(WriteSignature(axi)),
                "read_memory": Out(read_signature(scratchpad)),
                "write_memory": Out(write_signature(scratchpad)),
                "drain": In(1),
                "idle": Out(1),
                "fault": Out(DmaFault),
                "detail": Out(AxiFault),
                "fault_address": Out(axi.address_width),
                "busy": Out(1),
                "stalled": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.data = self._data
        m.submodules.number_words = self._number_words
        m.submodules.out = self._out
        m.submodules.rows_in = self._rows_in
        m.submodules.rows_out = self._rows_out
        m.submodules.numbers = self._numbers
        m.submodules.multiplier = self._multiplier
        self._connect_streams(m)

        given = self.instruction.payload
        is_store, is_gather = Signal(), Signal()
        words, row = Signal(self._machine.axi.WORDS_WIDTH), Signal.like(given.rows)
        is_last_row = row == given.rows - 1
        factors, product, number = self._multiplier.i, self._multiplier.o, self._numbers.o
        place, outside = self._place(m, "row", given.memory_base, product.payload.sum)
        reaches = number.payload.number >= given.index_limit
        commanded, stop = Signal(), Signal(DmaFault)
        m.d.comb += [
            is_store.eq(given.opcode == Opcode.STORE),
            is_gather.eq(given.opcode == Opcode.GATHER),
            self.busy.eq(self.instruction.valid),
            self.instruction.ready.eq(self.done),
            self._numbers.finish.eq(is_last_row),
        ]
        walked = self._walk(m, given, is_store)
        with m.FSM(name="step"):
            with m.State("BEGIN"):
                m.d.comb += self._walking.eq(self.instruction.valid & ~self.drain)
                m.d.sync += row.eq(0)
                with m.If(walked):
                    m.next = "COUNT"
                    with m.If(is_gather):
                        m.next = "NUMBERS"
            with m.State("COUNT"):  # words of all rows, which are one command
                m.d.comb += [
                    factors.payload.multiplicand.eq(given.columns),
                    factors.payload.multiplier.eq(given.rows),
                    factors.valid.eq(1),
                ]
                m.next = "COUNTED"
            with m.State("COUNTED"):
                m.d.comb += product.ready.eq(1)
                m.d.sync += words.eq(product.payload.sum)
                with m.If(product.valid):
                    m.next = "PLACE"
            with m.State("NUMBERS"):
                asked, beyond = self._ask_for_numbers(m, given)
                m.d.sync += words.eq(given.columns)
                with m.If(beyond):
                    m.d.comb += stop.eq(DmaFault.READ)
                    m.next = "STOPPED"
                with m.Elif(asked):
                    m.next = "PLACE"
            with m.State("PLACE"):  # where in memory the rows, or a gather's next row, are
                m.d.comb += [
                    factors.payload.addend.eq(given.memory_offset),
                    factors.payload.multiplicand.eq(
                        Mux(is_gather, number.payload.number, given.pitch)
                    ),
                    factors.payload.multiplier.eq(
                        Mux(is_gather, given.columns, given.pass_number - 1)
                    ),
                    factors.valid.eq(~is_gather | (number.valid & ~reaches)),
                    number.ready.eq(is_gather & ~reaches),
                ]
                with m.If(is_gather & number.valid & reaches):
                    m.d.comb += stop.eq(DmaFault.INDEX)
                    m.next = "STOPPED"
                with m.Elif(factors.valid):
                    m.next = "COMMAND"
            with m.State("COMMAND"):
                self._command(m, is_store, product.valid & ~outside, place, words, commanded)
                m.d.comb += product.ready.eq(commanded)
                with m.If(product.valid & outside):
                    m.d.comb += stop.eq(Mux(is_store, DmaFault.WRITE, DmaFault.READ))
                    m.next = "STOPPED"
                with m.Elif(commanded):
                    m.d.sync += row.eq(row + 1)
                    m.next = "PLACE"
                    with m.If(~is_gather | is_last_row):
                        m.next = "END"
            with m.State("END"):
                m.d.comb += self.done.eq(Mux(is_store, self._out.done, self._rows_in.done))
                with m.If(self.done):
                    m.next = "BEGIN"
            with m.State("STOPPED"):
                pass
        self._keep_fault(m, stop)
        return m

    def _place(self, m: Module, name: str, base: Value, offset: Value) -> tuple[Signal, Value]:
        """Byte address of a word, and whether it is outside what the bus reaches."""
        width = self._machine.axi.address_width
        byte = Signal(max(OFFSET_WIDTH + 6, width) + 1, name=f"{name}_byte")
        bases = Array(self.bases[each.name.lower()] for each in MemoryBase)
        shift = exact_log2(self._machine.word_bytes)
        m.d.comb += byte.eq(bases[base] + (offset << shift))
        return byte, byte[width:].any()

    def _walk(self, m: Module, given: data.View, is_store: Signal) -> Value:
        """The words of the scratchpad; returns whether the walker has taken them."""
        self._walking = Signal(name="walking")
        for part, operand, meant in (
            (self._rows_in, "o", ~is_store),
            (self._rows_out, "a", is_store),
        ):
            rows, columns = part.command.payload.loops[0], part.command.payload.loops[1]
            m.d.comb += [
                part.command.payload.address.eq(given[f"{operand}_address"]),
                rows.count.eq(given.rows),
                rows.increment.eq(given[f"{operand}_stride"]),
                columns.count.eq(given.columns),
                columns.increment.eq(1),
                part.command.valid.eq(self._walking & meant),
            ]
        taken = Mux(is_store, self._rows_out.command.ready, self._rows_in.command.ready)
        return self._walking & taken

    def _ask_for_numbers(self, m: Module, given: data.View) -> tuple[Value, Value]:
        """Read a gather's numbers; returns whether that is asked for, or its place is outside."""
        place, outside = self._place(m, "number", given.index_base, given.index_offset)
        command = self._number_words.command
        each = self._machine.scratchpad.word_width // NUMBER_WIDTH
        m.d.comb += [
            command.payload.address.eq(place),
            command.payload.words.eq((given.rows + (each - 1)) >> exact_log2(each)),
            command.valid.eq(~outside),
        ]
        return command.ready, outside

    def _command(
        self, m: Module, is_store: Signal, valid: Value, place: Value, words: Value, taken: Signal
    ) -> None:
        """Let the reader or the writer have ``words`` words at a byte address."""
        for part, meant in ((self._data, ~is_store), (self._out, is_store)):
            m.d.comb += [
                part.command.payload.address.eq(place),
                part.command.payload.words.eq(words),
                part.command.valid.eq(valid & meant),
            ]
        ready = Mux(is_store, self._out.command.ready, self._data.command.ready)
        m.d.comb += taken.eq(valid & ready)

    def _connect_streams(self, m: Module) -> None:
        """Words between memory and scratchpad, buses, drain."""
        parts = (self._data, self._number_words, self._out)
        buses = (self.data_bus, self.number_bus, self.write_bus)
        for part, bus in zip(parts, buses, strict=True):
            connect(m, part.bus, flipped(bus))
            m.d.comb += part.drain.eq(self.drain)
        connect(m, self._rows_out.memory, flipped(self.read_memory))
        connect(m, self._rows_in.memory, flipped(self.write_memory))
        connect(m, self._number_words.o, self._numbers.i)
        rows_in, rows_out, data_in, data_out = (
            *(self._rows_in.i, self._rows_out.o),
            *(self._data.o, self._out.i),
        )
        passes = (rows_in.valid & rows_in.ready) | (rows_out.valid & rows_out.ready)
        m.d.comb += [
            self.idle.eq(Cat(part.idle for part in parts).all()),
            rows_in.payload.data.eq(data_in.payload.data),
            rows_in.payload.mask.eq(Const(1).replicate(len(rows_in.payload.mask))),
            rows_in.valid.eq(data_in.valid),
            data_in.ready.eq(rows_in.ready),
            data_out.payload.data.eq(rows_out.payload.data),
            data_out.valid.eq(rows_out.valid),
            rows_out.ready.eq(data_out.ready),
            self.stalled.eq(self.busy & ~passes),
        ]

    def _keep_fault(self, m: Module, stop: Signal) -> None:
        """The first fault: of those of one cycle the reader's, the numbers', the writer's."""
        causes = [
            (self._data, DmaFault.READ),
            (self._number_words, DmaFault.READ),
            (self._out, DmaFault.WRITE),
        ]
        with m.If(self.fault == DmaFault.NONE):
            with m.If(stop != DmaFault.NONE):
                m.d.sync += self.fault.eq(stop)
                with m.If(stop != DmaFault.INDEX):
                    m.d.sync += self.detail.eq(AxiFault.OUT_OF_RANGE)
            for part, kind in reversed(causes):
                with m.If(part.fault != AxiFault.NONE):
                    m.d.sync += [
                        self.fault.eq(kind),
                        self.detail.eq(part.fault),
                        self.fault_address.eq(part.fault_address),
                    ]
