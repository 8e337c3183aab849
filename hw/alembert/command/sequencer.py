"""One instruction after the other: fetched, decoded, dispatched or executed here."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.command import PASS_WIDTH, MachineFault
from ..config.isa import Opcode, Unit, operand
from .layouts import fetched_layout

__all__ = ["Sequencer"]


class Sequencer(wiring.Component):
    """Takes an instruction when it is dispatched, or, one of control, when it is executed.

    Members
    -------
    begin : In
        A pulse: a run begins, with pass number 1.
    go : In
        Work; else nothing moves.
    fetched : In, stream of {word, pc, error}
        Instructions; one stays until it is taken.
    decode : Out
        A pulse: decode the instruction at ``fetched``.
    decoded : In
        A pulse: ``fault`` and ``unit`` are right.
    fault : In, MachineFault
    unit : In, Unit
    check : Out
        A pulse: compare its ranges with those under way.
    free : In
        Nothing is in its way.
    dispatch : Out
        A pulse: it is handed over.
    busy : In
        Some unit has an instruction under way.
    entropy_busy, entropy_retired, exit_all : In
        The entropy unit has one; finished one in this cycle; its latest test said exit.
    max_passes : In, 16 bits
    jump : Out
        A pulse: go on at ``target``.
    target : Out, 16 bits
    halt : Out
        A pulse: the run is done.
    refused : Out, MachineFault
        Not NONE: why the instruction cannot be executed.
    pass_number : Out, 16 bits
    exited : Out

    Latency: an instruction that nothing is in the way of is dispatched in the cycle after
    ``decoded``; one of control, executed. Reset: no run, pass number 0.
    """

    begin: Signal
    go: Signal
    fetched: stream.Interface
    decode: Signal
    decoded: Signal
    fault: Signal
    unit: Signal
    check: Signal
    free: Signal
    dispatch: Signal
    busy: Signal
    entropy_busy: Signal
    entropy_retired: Signal
    exit_all: Signal
    max_passes: Signal
    jump: Signal
    target: Signal
    halt: Signal
    refused: Signal
    pass_number: Signal
    exited: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "begin": In(1),
                "go": In(1),
                "fetched": In(stream.Signature(fetched_layout())),
                "decode": Out(1),
                "decoded": In(1),
                "fault": In(MachineFault),
                "unit": In(Unit),
                "check": Out(1),
                "free": In(1),
                "dispatch": Out(1),
                "busy": In(1),
                "entropy_busy": In(1),
                "entropy_retired": In(1),
                "exit_all": In(1),
                "max_passes": In(PASS_WIDTH),
                "jump": Out(1),
                "target": Out(operand("target").width),
                "halt": Out(1),
                "refused": Out(MachineFault),
                "pass_number": Out(PASS_WIDTH),
                "exited": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        tested = Signal()
        place = operand("target")
        m.d.comb += self.target.eq(self.fetched.payload.word[place.low : place.low + place.width])
        with m.FSM():
            with m.State("Fetch"), m.If(self.go & self.fetched.valid):
                with m.If(self.fetched.payload.error):
                    m.d.comb += self.refused.eq(MachineFault.FETCH)
                with m.Else():
                    m.d.comb += self.decode.eq(1)
                    m.next = "Decode"
            with m.State("Decode"), m.If(self.go & self.decoded):
                m.d.comb += self.refused.eq(self.fault)
                with m.If(self.unit == Unit.CONTROL):
                    m.next = "Control"
                with m.Else():
                    m.d.comb += self.check.eq(1)
                    m.next = "Dispatch"
            with m.State("Dispatch"), m.If(self.go & self.free):
                m.d.comb += [self.dispatch.eq(1), self.fetched.ready.eq(1)]
                m.next = "Fetch"
            with m.State("Control"), m.If(self.go):
                self._execute(m, tested)
                with m.If(self.fetched.ready):
                    m.next = "Fetch"
        # what an earlier run's test said is not this one's
        with m.If(self.entropy_retired):
            m.d.sync += tested.eq(1)
        with m.If(self.begin):
            m.d.sync += [tested.eq(0), self.pass_number.eq(1), self.exited.eq(0)]
        return m

    def _execute(self, m: Module, tested: Signal) -> None:
        """An instruction of control, taken as soon as what it waits for has come."""
        word = self.fetched.payload.word
        place = operand("count")
        limit = Signal(PASS_WIDTH)
        count = word[place.low : place.low + place.width]
        is_unlimited = (self.max_passes == 0) | (count < self.max_passes)
        m.d.comb += limit.eq(Mux(is_unlimited, count, self.max_passes))
        done = self.fetched.ready
        with m.Switch(word[:8]):
            with m.Case(Opcode.HALT):
                m.d.comb += [done.eq(~self.busy), self.halt.eq(~self.busy)]
            with m.Case(Opcode.BARRIER):
                m.d.comb += done.eq(~self.busy)
            with m.Case(Opcode.LOOP):
                m.d.comb += [done.eq(1), self.jump.eq(self.pass_number < limit)]
                with m.If(self.jump):
                    m.d.sync += self.pass_number.eq(self.pass_number + 1)
            with m.Case(Opcode.EXIT):
                m.d.comb += [
                    done.eq(~self.entropy_busy),
                    self.jump.eq(done & tested & self.exit_all),
                ]
                with m.If(self.jump):
                    m.d.sync += self.exited.eq(1)
