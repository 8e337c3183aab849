"""What was wrong with the instruction that a run could not fetch."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..axi.layouts import response_fault
from ..config.axi import AxiConfig, AxiFault
from ..config.command import PC_WIDTH
from ..config.isa import INSTRUCTION_BYTES

__all__ = ["FetchReport"]


class FetchReport(wiring.Component):
    """Tells the answer to the instruction at fault from those to what was only read ahead.

    The reader keeps its first fault, which may be of an instruction that was never executed, even
    of an earlier run. Here the answer to each word goes beside it, and the latest one that was
    taken with an error stays: with it the run has stopped.

    Parameters
    ----------
    config : AxiConfig
        Of the bus.
    word_width : int
        Bits of a word that instructions are read in.
    program_width : int
        Bits of ``program``, more than an address has.

    Members
    -------
    beat : In
        A beat comes to the reader of instructions.
    resp : In, 2 bits
        Its response.
    taken : In
        A word leaves the reader.
    error : In
        One of its beats was refused.
    program : In
        Byte address of the program, without overflow.
    pc : In
        Number of the instruction at fault.
    detail : Out, AxiFault
        Why it could not be read. OUT_OF_RANGE: it is beyond what the bus reaches; NONE: its number
        is above 65535.
    address : Out
        Its byte address, if the bus was asked for it; else 0.

    Latency: 1 cycle from ``taken``. Reset: together with the reader.
    """

    beat: Signal
    resp: Signal
    taken: Signal
    error: Signal
    program: Signal
    pc: Signal
    detail: Signal
    address: Signal

    def __init__(self, config: AxiConfig, word_width: int, program_width: int):
        self._config = config
        self._ratio = config.beats_per_word(word_width)
        super().__init__(
            {
                "beat": In(1),
                "resp": In(2),
                "taken": In(1),
                "error": In(1),
                "program": In(program_width),
                "pc": In(PC_WIDTH),
                "detail": Out(AxiFault),
                "address": Out(config.address_width),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        width = self._config.address_width
        depth = -(-self._config.read_depth // self._ratio) + 1
        m.submodules.answers = answers = SyncFIFO(width=2, depth=depth)
        position = Signal(range(max(2, self._ratio)))
        answer, before, latest = (
            Signal(2, name=name) for name in ("answer", "before", "latest_answer")
        )
        ends = position == self._ratio - 1
        m.d.comb += [
            # of a word's beats the first refused one counts
            answer.eq(Mux(before != AxiFault.NONE, before, response_fault(self.resp))),
            answers.w_data.eq(answer),
            answers.w_en.eq(self.beat & ends),
            answers.r_en.eq(self.taken),
        ]
        with m.If(self.beat):
            m.d.sync += [
                position.eq(Mux(ends, 0, position + 1)),
                before.eq(Mux(ends, AxiFault.NONE, answer)),
            ]
        with m.If(self.taken & self.error):
            m.d.sync += latest.eq(answers.r_data)

        place, end = Signal(len(self.program) + 1), Signal(len(self.program) + 2)
        m.d.comb += [
            place.eq(self.program + (self.pc << exact_log2(INSTRUCTION_BYTES))),
            end.eq(place + INSTRUCTION_BYTES - 1),
        ]
        with m.If(end[width:].any()):
            m.d.comb += self.detail.eq(AxiFault.OUT_OF_RANGE)
        with m.Elif(~self.pc[-1]):
            m.d.comb += [self.detail.eq(latest), self.address.eq(place)]
        return m
