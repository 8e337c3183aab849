"""Instructions that wait at a unit."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from ..config.isa import Unit, operand
from .layouts import instruction_layout, queued_layout, unit_operands

__all__ = ["InstructionQueue"]


class InstructionQueue(wiring.Component):
    """A queue as wide as the bits that a unit's instructions use; at its end they become fields.

    Parameters
    ----------
    unit : Unit
        Whose.
    depth : int
        Instructions that wait.

    Members
    -------
    i : In, stream of {word, pass_number}
        Instructions with their dimensions substituted.
    o : Out, stream of :func:`instruction_layout`
        To the unit.
    stop : In
        Offer nothing from now on, but what is offered already. To be held until reset.

    Latency: 2 cycles. Throughput: an instruction a cycle. Reset: drops everything.
    """

    i: stream.Interface
    o: stream.Interface
    stop: Signal

    def __init__(self, unit: Unit, depth: int):
        self._unit = unit
        self._depth = depth
        super().__init__(
            {
                "i": In(stream.Signature(queued_layout())),
                "o": Out(stream.Signature(instruction_layout(unit))),
                "stop": In(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        used = _used_bits(self._unit)
        has_pass = self._unit is Unit.DMA
        given = Cat(*(self.i.payload.word[bit] for bit in used))
        if has_pass:
            given = Cat(given, self.i.payload.pass_number)
        # two rows behind the register at its output: a memory of one is a register to synthesis
        depth = max(3, self._depth)
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=len(given), depth=depth)
        m.d.comb += [
            fifo.w_data.eq(given),
            fifo.w_en.eq(self.i.valid & self.i.ready),
            self.i.ready.eq(fifo.w_level < self._depth),
        ]

        # what has been offered stays
        offered = Signal()
        m.d.comb += [
            self.o.valid.eq(fifo.r_rdy & (~self.stop | offered)),
            fifo.r_en.eq(self.o.valid & self.o.ready),
        ]
        m.d.sync += offered.eq(self.o.valid & ~self.o.ready)

        bit_at: dict[int, Value] = {bit: fifo.r_data[k] for k, bit in enumerate(used)}
        payload = self.o.payload
        m.d.comb += payload.opcode.eq(Cat(*(bit_at[bit] for bit in range(8))))
        if has_pass:
            m.d.comb += payload.pass_number.eq(fifo.r_data[len(used) :])
        for name in unit_operands(self._unit):
            place = operand(name)
            bits = Cat(*(bit_at[place.low + k] for k in range(place.width)))
            m.d.comb += payload[name].eq(bits)
        return m


def _used_bits(unit: Unit) -> list[int]:
    """Places of the bits that a unit's instructions use: opcode and operands."""
    places = [range(8)]
    for name in unit_operands(unit):
        places.append(range(operand(name).low, operand(name).low + operand(name).width))
    return sorted({bit for each in places for bit in each})
