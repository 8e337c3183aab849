# amaranth: UnusedElaboratable=no
"""Values of a special function to rows of codes or of wide numbers in the scratchpad."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config import Overflow
from ..config.isa import Opcode, ResultKind
from ..config.machine import MachineConfig
from ..config.ternary import QuantiserFault
from ..formats import overflow
from ..hierarchy import emit_once
from ..matrix.fork import fork
from ..memory import RowWriter, write_signature
from .code_lane import CodeLane
from .layouts import SpecialPlan, ValueBeat, row_walker
from .token_rows import TokenRows

__all__ = ["SpecialResults"]


class SpecialResults(wiring.Component):
    """Encodes, packs and writes.

    A beat of wide numbers is a word, two beats of codes are one. The encoders cannot wait, so that
    a word's place in the FIFO behind them is reserved before the beat that completes it enters.
    Wide numbers go past the encoders when these are empty. Where codes are INT8, rows of kind TOKEN
    go through :class:`TokenRows` instead.

    Parameters
    ----------
    machine : MachineConfig
        Scratchpad, L, format of the codes.

    Members
    -------
    plan : In, stream of SpecialPlan
        After one of kind TOKEN only when that is done.
    i : In, stream of ValueBeat
        Taken only while there is a plan for it.
    lifts : In, stream of words
        L numbers of 16 bits for each beat, if the plan is a GELU's with parameters.
    fault : Out, QuantiserFault
        That of rows of kind TOKEN, until reset.
    write : Out, write_signature
    done : Out
        High for a cycle after an instruction's last write was taken.

    Latency: :meth:`latency`. Throughput: a beat a cycle, across instructions too, but for kind
    TOKEN. Reset: ends the instruction.
    """

    plan: stream.Interface
    i: stream.Interface
    lifts: stream.Interface
    write: stream.Interface
    done: Signal
    fault: Signal

    _DEPTH = 8
    """Words that wait to be written, or are on their way through the encoders."""

    def __init__(self, machine: MachineConfig):
        self._machine = machine
        self._lanes = [CodeLane(machine.special.fmt) for _ in range(machine.word_wides)]
        self._writer = RowWriter(machine.scratchpad, row_walker(machine))
        self._tokens = TokenRows(machine) if machine.special.has_tokens else None
        super().__init__(
            {
                "plan": In(stream.Signature(SpecialPlan(machine))),
                "i": In(stream.Signature(ValueBeat(machine))),
                "lifts": In(stream.Signature(machine.scratchpad.word_width)),
                "write": Out(write_signature(machine.scratchpad)),
                "done": Out(1),
                "fault": Out(QuantiserFault),
            }
        )

    def latency(self, kind: ResultKind, beats: int) -> int:
        """Cycles from the edge that takes a word's last beat to the one that can write it; of kind
        TOKEN, from a row's last of ``beats`` beats to the row's last word."""
        if kind is ResultKind.TOKEN:
            assert self._tokens is not None  # else there is no such kind
            return 1 + self._tokens.latency(beats)
        return 1 if kind is ResultKind.WIDE else 1 + self._lanes[0].latency

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.writer = writer = self._writer
        connect(m, writer.memory, flipped(self.write))
        m.d.comb += self.done.eq(writer.done)

        active, is_odd, enter, completes = Signal(), Signal(), Signal(), Signal()
        may_enter, has_room, needs_lifts = Signal(), Signal(), Signal()
        plan = Signal(SpecialPlan(self._machine))
        is_codes, is_wide, is_token = (
            active & (plan.instruction.kind == kind)
            for kind in (ResultKind.CODES, ResultKind.WIDE, ResultKind.TOKEN)
        )
        m.d.comb += [
            # those of LAYERNORM and RESCALE are not for here
            needs_lifts.eq(plan.has_p & is_codes & (plan.instruction.opcode == Opcode.GELU)),
            completes.eq(is_odd | self.i.payload.last),
            self.i.ready.eq(may_enter & (self.lifts.valid | ~needs_lifts)),
            self.lifts.ready.eq(may_enter & self.i.valid & needs_lifts),
            enter.eq(self.i.valid & self.i.ready),
        ]
        with m.If(enter):
            m.d.sync += is_odd.eq(is_codes & ~completes)
        self._follow_rows(m, plan, active, enter)

        codes = self._encode(m, plan, needs_lifts)
        is_empty, is_there, packed = self._pack(
            m, codes, enter & is_codes, completes=completes, is_odd=is_odd
        )
        tokens_ready, has_token, token = self._connect_tokens(m, is_token, is_empty & has_room)
        with m.If(is_codes):
            m.d.comb += may_enter.eq(has_room | ~completes)
        with m.If(is_wide):
            m.d.comb += may_enter.eq(has_room & is_empty)
        with m.If(is_token):
            m.d.comb += may_enter.eq(tokens_ready)
        word = Mux(is_empty, Mux(has_token, token, self._wides()), packed)
        self._queue(m, word, is_there | (enter & is_wide) | has_token)

        reserved, leave, takes = Signal(range(self._DEPTH + 1)), Signal(), Signal()
        m.d.comb += [
            has_room.eq(reserved != self._DEPTH),
            leave.eq(writer.i.valid & writer.i.ready),
            takes.eq((enter & ((is_codes & completes) | is_wide)) | has_token),
        ]
        m.d.sync += reserved.eq(reserved + takes - leave)
        return m

    def _follow_rows(self, m: Module, plan, active: Signal, enter: Value) -> None:
        """Hold a plan until its last row has entered."""
        rows, ends = Signal(16), Signal()
        m.d.comb += ends.eq(enter & self.i.payload.last & (rows == 1))
        with m.If(enter & self.i.payload.last):
            m.d.sync += rows.eq(rows - 1)
        with m.If(ends):
            m.d.sync += active.eq(0)
        begins = self._begin(m, ~active | ends)
        with m.If(begins):
            m.d.sync += [
                active.eq(1),
                plan.eq(self.plan.payload),
                rows.eq(self.plan.payload.instruction.rows),
            ]

    def _pack(
        self, m: Module, codes: Value, enter: Value, *, completes: Value, is_odd: Value
    ) -> tuple[Value, Value, Value]:
        """Two beats of codes to a word: nothing is in the encoders; a word is there; the word."""
        length = self._lanes[0].latency
        valid = Signal(length, name="valid_line")
        full = Signal(length, name="completes_line")  # whether a word is complete
        upper = Signal(length, name="odd_line")
        m.d.sync += [
            valid.eq(Cat(enter, valid)),
            full.eq(Cat(completes, full)),
            upper.eq(Cat(is_odd, upper)),
        ]
        low = Signal.like(codes, name="low", reset_less=True)
        with m.If(valid[-1] & ~full[-1]):
            m.d.sync += low.eq(codes)
        return ~valid.any(), valid[-1] & full[-1], Mux(upper[-1], Cat(low, codes), codes)

    def _begin(self, m: Module, is_free: Value) -> Value:
        """Hand a plan to the writer and to the encoders' side; when this one takes it."""
        plan, command = self.plan.payload, self._writer.command
        given, loops = plan.instruction, command.payload.loops
        wanted, taken = Signal(name="begin_wanted"), Signal(name="begin_taken")
        code_words = (plan.beats + 1) >> 1
        words = Signal(range(self._machine.special.beats + 2))
        with m.Switch(given.kind):
            with m.Case(ResultKind.WIDE):
                m.d.comb += words.eq(plan.beats)
            with m.Case(ResultKind.TOKEN):
                m.d.comb += words.eq(code_words + 1)
            with m.Default():
                m.d.comb += words.eq(code_words)
        m.d.comb += [
            command.payload.address.eq(given.o_address),
            loops[0].count.eq(given.rows),
            loops[0].increment.eq(given.o_stride),
            loops[1].count.eq(words),
            loops[1].increment.eq(1),
            taken.eq(is_free),
        ]
        takers = [(1, command.valid, command.ready), (1, wanted, taken)]
        m.d.comb += self.plan.ready.eq(fork(m, self.plan.valid, takers, name="plan"))
        return wanted & taken

    def _encode(self, m: Module, plan, needs_lifts: Value) -> Value:
        """The codes of the values that entered ``latency`` cycles ago, side by side."""
        for k, lane in enumerate(self._lanes):
            m.submodules[f"lane_{k}"] = emit_once(lane, key=self._machine.special.fmt)
            lift = self.lifts.payload[16 * k : 16 * k + 16].as_signed()
            m.d.comb += [
                lane.value.eq(self.i.payload["values"][k]),
                lane.exponent.eq(plan.instruction.exponent),
                lane.lift.eq(Mux(needs_lifts, lift, 0)),
            ]
        return Cat(lane.o for lane in self._lanes)

    def _wides(self) -> Value:
        """The values at ``i``, saturated to 16 bits."""
        values = (self.i.payload["values"][k] for k in range(len(self._lanes)))
        return Cat(overflow(value, 16, Overflow.SATURATE) for value in values)

    def _connect_tokens(
        self, m: Module, is_token: Value, has_room: Value
    ) -> tuple[Value, Value, Value]:
        """Rows of kind TOKEN: a beat can be taken; a word is there, and room for it; the word."""
        tokens = self._tokens
        if tokens is None:
            return Const(0), Const(0), Const(0)
        m.submodules.tokens = tokens
        m.d.comb += [
            tokens.i.valid.eq(self.i.valid & is_token),
            tokens.i.payload.eq(self.i.payload),
            tokens.o.ready.eq(has_room),
            self.fault.eq(tokens.fault),
        ]
        return tokens.i.ready, tokens.o.valid & has_room, tokens.o.payload

    def _queue(self, m: Module, word: Value, is_there: Value) -> None:
        """The FIFO between encoders and writer."""
        config = self._machine.scratchpad
        m.submodules.words = words = SyncFIFO(width=config.word_width, depth=self._DEPTH)
        writer = self._writer
        m.d.comb += [
            words.w_data.eq(word),
            words.w_en.eq(is_there),
            writer.i.valid.eq(words.r_rdy),
            writer.i.payload.data.eq(words.r_data),
            writer.i.payload.mask.eq(Const(-1, config.codes)),
            words.r_en.eq(writer.i.ready & words.r_rdy),
        ]
