"""On-chip memory of packed ternary weights, with the decoder in line."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import TernaryFormat
from ..config.ternary import WeightFault, WeightMemoryConfig
from ..formats import Ternary
from .unpack import decoder_of

__all__ = ["WeightMemory"]


class WeightMemory(wiring.Component):
    """Rows of V ternary weights, stored packed, read as a stream of decoded rows.

    A write puts one packed row at a row number. A read command {first_row, num_rows} is answered
    by exactly num_rows rows, also where something is wrong: weights of an illegal byte and rows
    past the end read as zeros and raise the fault flag, so that whoever counts rows never hangs.
    A read issued in the cycle of a write to the same row gets the old row.

    Parameters
    ----------
    config : WeightMemoryConfig
        Lanes, rows and packing.

    Members
    -------
    i_write : In(stream of {row, data: ArrayLayout(8, row_bytes)})
        A packed row; always ready. Padding weights in its last byte may be any legal ones.
    i_read : In(stream of {first_row, num_rows})
        A command; num_rows = 0 reads nothing.
    o : Out(stream of {weights: ArrayLayout(Ternary, V)})
        The rows, in order.
    i_clear : In(1)
        Forgets the fault; one that occurs in the same cycle is kept.
    o_fault : Out(WeightFault)
        The first fault since reset or clear; of two in one cycle, the read's.
    o_fault_row : Out
        Its row; the row numbers of commands do not wrap, hence one bit wider than they are.

    Latency
    -------
    ``latency`` cycles from the edge that takes a command to the one that can take its first row.

    Throughput
    ----------
    One row a cycle, across commands too, and one write a cycle beside it.

    Reset
    -----
    Ends the command and clears the fault; the stored rows stay.
    """

    i_write: stream.Interface
    i_read: stream.Interface
    o: stream.Interface
    i_clear: Signal
    o_fault: Signal
    o_fault_row: Signal

    latency = 3
    """Command register, memory register, decoded row."""

    def __init__(self, config: WeightMemoryConfig):
        self.config = config
        write = data.StructLayout(
            {"row": config.address_width, "data": data.ArrayLayout(8, config.row_bytes)}
        )
        command = data.StructLayout(
            {"first_row": config.address_width, "num_rows": config.count_width}
        )
        row = data.StructLayout(
            {"weights": data.ArrayLayout(Ternary(TernaryFormat()), config.lanes)}
        )
        super().__init__(
            {
                "i_write": In(stream.Signature(write)),
                "i_read": In(stream.Signature(command)),
                "o": Out(stream.Signature(row)),
                "i_clear": In(1),
                "o_fault": Out(WeightFault),
                "o_fault_row": Out(config.count_width + 1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        m.submodules.memory = rows = memory.Memory(
            shape=config.row_width, depth=config.rows, init=[]
        )
        write_port, read_port = rows.write_port(), rows.read_port(domain="sync")

        write = self.i_write.payload
        write_outside = Signal()
        m.d.comb += [
            self.i_write.ready.eq(1),
            write_outside.eq(self.i_write.valid & (write.row >= config.rows)),
            write_port.addr.eq(write.row),
            write_port.data.eq(write.data.as_value()),
            write_port.en.eq(self.i_write.valid & ~write_outside),
        ]

        # three stages, each moving when the next is empty or moves: command, memory, decoded row
        row = Signal(config.count_width + 1)
        remaining = Signal(config.count_width)
        read_valid, read_outside = Signal(), Signal()
        read_row = Signal.like(row)
        advance_read, advance_out = Signal(), Signal()
        m.d.comb += [
            advance_out.eq(~self.o.valid | self.o.ready),
            advance_read.eq(~read_valid | advance_out),
            self.i_read.ready.eq((remaining == 0) | ((remaining == 1) & advance_read)),
            read_port.addr.eq(row),
            read_port.en.eq(advance_read),
        ]
        with m.If(advance_read):
            m.d.sync += [
                read_valid.eq(remaining != 0),
                read_outside.eq(row >= config.rows),
                read_row.eq(row),
                row.eq(row + 1),
            ]
            with m.If(remaining != 0):
                m.d.sync += remaining.eq(remaining - 1)
        with m.If(self.i_read.valid & self.i_read.ready):
            m.d.sync += [
                row.eq(self.i_read.payload.first_row),
                remaining.eq(self.i_read.payload.num_rows),
            ]

        codes, illegal = self._decode(m, read_port.data)
        with m.If(advance_out):
            m.d.sync += self.o.valid.eq(read_valid)
            with m.If(read_valid):
                m.d.sync += self.o.payload.as_value().eq(Mux(read_outside, 0, codes))

        self._keep_first_fault(
            m,
            [
                (advance_out & read_valid & read_outside, WeightFault.READ_OUTSIDE, read_row),
                (advance_out & read_valid & illegal, WeightFault.ILLEGAL_BYTE, read_row),
                (write_outside, WeightFault.WRITE_OUTSIDE, write.row),
            ],
        )
        return m

    def _decode(self, m: Module, packed):
        """A packed row's codes, padding dropped, and whether a byte of it is illegal."""
        codes, errors = [], []
        for k in range(self.config.row_bytes):
            m.submodules[f"decoder_{k}"] = decoder = decoder_of(self.config.packing)
            m.d.comb += decoder.i.eq(packed.word_select(k, 8))
            codes.append(decoder.o.as_value())
            errors.append(decoder.o_error)
        return Cat(codes)[: 2 * self.config.lanes], Cat(errors).any()

    def _keep_first_fault(self, m: Module, faults) -> None:
        """Latch the first of ``faults`` (condition, kind, row) whose condition holds."""
        with m.If(self.i_clear):
            m.d.sync += [self.o_fault.eq(WeightFault.NONE), self.o_fault_row.eq(0)]
        with m.If((self.o_fault == WeightFault.NONE) | self.i_clear):
            # the last assignment wins, so the first of the list comes last
            for condition, kind, row in reversed(faults):
                with m.If(condition):
                    m.d.sync += [self.o_fault.eq(kind), self.o_fault_row.eq(row)]
