"""Asks memory for weights."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import VmacArrayConfig
from .layouts import Plan, WeightCommand

__all__ = ["WeightCommander"]


class WeightCommander(wiring.Component):
    """Asks memory for the weights of each block of rows: the same words again and again.

    Parameters
    ----------
    array : VmacArrayConfig
        R.

    Members
    -------
    plan : In, stream of Plan
        Those of LINEAR only.
    o : Out, stream of WeightCommand

    Latency: 1 cycle. Throughput: a command a cycle. Reset: drops what has not been asked for.
    """

    plan: stream.Interface
    o: stream.Interface

    def __init__(self, array: VmacArrayConfig):
        self._rows = array.vmac.rows
        super().__init__(
            {
                "plan": In(stream.Signature(Plan())),
                "o": Out(stream.Signature(WeightCommand())),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        instruction = self.plan.payload.instruction
        left = Signal.like(instruction.rows)
        is_last = left <= self._rows
        m.d.comb += self.plan.ready.eq(~self.o.valid | (self.o.ready & is_last))
        with m.If(self.o.ready):
            m.d.sync += left.eq(left - self._rows)
            with m.If(is_last):
                m.d.sync += self.o.valid.eq(0)
        with m.If(self.plan.valid & self.plan.ready):
            m.d.sync += [
                left.eq(instruction.rows),
                self.o.valid.eq(1),
                self.o.payload.base.eq(instruction.memory_base),
                self.o.payload.offset.eq(instruction.memory_offset),
                self.o.payload.words.eq(self.plan.payload.weight_words),
            ]
        return m
