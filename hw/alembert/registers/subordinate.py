"""AXI4-Lite to single accesses: the handshakes, so that registers need know nothing of them."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config.register_fields import REGISTER_BYTES, REGISTER_WIDTH
from .axi_lite import AxiLiteBus, AxiLiteSignature, Response

__all__ = ["AxiLiteSubordinate"]


class AxiLiteSubordinate(wiring.Component):
    """Turns a bus's transactions into cycles of ``write`` and of ``read``.

    Address and data of a write come in any order. Reads and writes do not wait for each other; both
    can happen in one cycle. Every ready is a register: no path leads from one channel to another.

    Parameters
    ----------
    address_width : int
        Bits of a byte address. Its lowest two bits are not looked at: strobes name bytes.

    Members
    -------
    bus : In, AxiLiteSignature
    write : Out
        A write takes place in this cycle.
    write_index : Out(address_width − 2)
        Its register: the address in words.
    write_data : Out(32)
    write_strobe : Out(4)
        Which bytes of it are meant.
    write_response : In, Response
        The answer to it, in the same cycle.
    read, read_index, read_data, read_response
        The same for reads; data and response are due in the same cycle.

    Latency: ``latency`` cycles from the edge that takes an address, and a write's data, to the one
    that can take the response. Throughput: a read and a write every ``interval`` cycles. Reset
    drops what is under way. Errors: none of its own.
    """

    bus: AxiLiteBus
    write: Signal
    write_index: Signal
    write_data: Signal
    write_strobe: Signal
    write_response: Signal
    read: Signal
    read_index: Signal
    read_data: Signal
    read_response: Signal

    latency = 2
    interval = 2

    def __init__(self, address_width: int) -> None:
        index_width = address_width - 2
        super().__init__(
            {
                "bus": In(AxiLiteSignature(address_width)),
                "write": Out(1),
                "write_index": Out(index_width),
                "write_data": Out(REGISTER_WIDTH),
                "write_strobe": Out(REGISTER_BYTES),
                "write_response": In(Response),
                "read": Out(1),
                "read_index": Out(index_width),
                "read_data": In(REGISTER_WIDTH),
                "read_response": In(Response),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        bus = self.bus
        has_write_address, has_write_data, has_read_address = Signal(), Signal(), Signal()

        m.d.comb += [
            bus.aw.ready.eq(~has_write_address),
            bus.w.ready.eq(~has_write_data),
            self.write.eq(has_write_address & has_write_data & (~bus.b.valid | bus.b.ready)),
        ]
        with m.If(bus.aw.valid & bus.aw.ready):
            m.d.sync += [
                has_write_address.eq(1),
                self.write_index.eq(bus.aw.payload.address[2:]),
            ]
        with m.If(bus.w.valid & bus.w.ready):
            m.d.sync += [
                has_write_data.eq(1),
                self.write_data.eq(bus.w.payload.data),
                self.write_strobe.eq(bus.w.payload.strobe),
            ]
        with m.If(self.write):
            m.d.sync += [
                has_write_address.eq(0),
                has_write_data.eq(0),
                bus.b.valid.eq(1),
                bus.b.payload.response.eq(self.write_response),
            ]
        with m.Elif(bus.b.ready):
            m.d.sync += bus.b.valid.eq(0)

        m.d.comb += [
            bus.ar.ready.eq(~has_read_address),
            self.read.eq(has_read_address & (~bus.r.valid | bus.r.ready)),
        ]
        with m.If(bus.ar.valid & bus.ar.ready):
            m.d.sync += [has_read_address.eq(1), self.read_index.eq(bus.ar.payload.address[2:])]
        with m.If(self.read):
            m.d.sync += [
                has_read_address.eq(0),
                bus.r.valid.eq(1),
                bus.r.payload.data.eq(self.read_data),
                bus.r.payload.response.eq(self.read_response),
            ]
        with m.Elif(bus.r.ready):
            m.d.sync += bus.r.valid.eq(0)
        return m
