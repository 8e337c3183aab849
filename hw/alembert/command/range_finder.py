"""The words of the scratchpad that each operand of an instruction takes."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..config.command import FOOTPRINTS, Footprint, RowLayout
from ..config.isa import FORMATS, INSTRUCTION_WIDTH, Opcode, ResultKind, operand
from ..config.machine import MachineConfig
from .layouts import DIMENSION_WIDTH, DIMENSIONS, RANGES, ranges_layout

__all__ = ["RangeFinder"]

_PITCHED = tuple(opcode for opcode, fmt in FORMATS.items() if "pitch" in fmt.operands)
"""LOAD and STORE."""
RECORD_WIDTH = 64
"""Bits of the record of an early-exit test."""


class RangeFinder(wiring.Component):
    """Rows × stride, one operand a cycle through one multiplier.

    A row of an operand must not reach into the next one: its stride must be at least its words.
    The stride of a single row means nothing; the row then takes what it takes, or its stride if
    that is more, so that the range is the same as for many rows.

    What LOAD and STORE move in a pass must not reach into the next pass's: a pitch must be at least
    rows · columns, unless it is 0. They have no operand b: in its place the same multiplier finds
    that product.

    Parameters
    ----------
    machine : MachineConfig
        Scratchpad and word.

    Members
    -------
    select : In, 4 bits
        One bit at most: find the range of o, a, b, or p. Strobes may follow each other.
    word : In, 256 bits
        The instruction; stays while operands are found.
    rows, columns, depth : In, 16 bits
        Its dimensions, none of them 0; likewise.
    narrow : Out
        A stride is less than the words of a row: in the cycle after ``select``.
    outside : Out
        An operand reaches beyond the scratchpad: 2 cycles after ``select``.
    overrun : Out
        A pass's words are more than the pitch: 2 cycles after ``select`` of b.
    ranges : Out, {o, a, b, p}
        The words of each; empty, 0…0, where the instruction has no such operand.

    Latency: ``latency`` cycles from ``select`` to the cycle in which the range is right.
    Throughput: an operand a cycle. Reset: ends what is under way.
    """

    select: Signal
    word: Signal
    rows: Signal
    columns: Signal
    depth: Signal
    narrow: Signal
    outside: Signal
    overrun: Signal
    ranges: data.View

    latency = 3

    def __init__(self, machine: MachineConfig):
        self._machine = machine
        super().__init__(
            {
                "select": In(len(RANGES)),
                "word": In(INSTRUCTION_WIDTH),
                **{name: In(DIMENSION_WIDTH) for name in DIMENSIONS},
                "narrow": Out(1),
                "outside": Out(1),
                "overrun": Out(1),
                "ranges": Out(ranges_layout(machine.scratchpad)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        scratchpad = self._machine.scratchpad
        selected = self._select(m)

        # one stage to select, one to multiply, one to add and compare
        taken, operand_1 = Signal.like(self.select), Signal.like(selected)
        m.d.sync += [taken.eq(self.select), operand_1.eq(selected)]
        is_short = operand_1.stride < operand_1.words
        m.d.comb += self.narrow.eq(operand_1.used & is_short & (operand_1.count != 1))

        found, used, is_moved = Signal.like(self.select), Signal(), Signal()
        first = Signal.like(operand_1.address)
        extent = Signal(len(operand_1.count) + len(operand_1.stride))
        m.d.sync += [
            found.eq(taken),
            used.eq(operand_1.used),
            is_moved.eq(operand_1.is_moved),
            first.eq(operand_1.address),
            extent.eq(Mux(is_short, operand_1.words, operand_1.count * operand_1.stride)),
        ]
        end, pitch = Signal(len(extent) + 1), self._field("pitch")
        m.d.comb += [
            end.eq(first + extent),
            self.overrun.eq(is_moved & pitch.any() & (extent > pitch)),
            self.outside.eq(used & (end > scratchpad.words)),
        ]
        for k, name in enumerate(RANGES):
            with m.If(found[k]):
                m.d.sync += [
                    self.ranges[name].first.eq(Mux(used, first, 0)),
                    self.ranges[name].end.eq(Mux(used, end, 0)),
                ]
        return m

    def _field(self, name: str) -> Value:
        place = operand(name)
        return self.word[place.low : place.low + place.width]

    def _select(self, m: Module) -> data.View:
        """What the chosen operand's range is found from."""
        layout = data.StructLayout(
            {
                "used": 1,
                "is_moved": 1,
                "count": DIMENSION_WIDTH,
                "stride": operand("o_stride").width,
                "words": DIMENSION_WIDTH + 1,
                "address": operand("o_address").width,
            }
        )
        chosen = Signal(layout)
        length, packing = Signal(DIMENSION_WIDTH), Signal(RowLayout, init=RowLayout.WORDS)
        for k, name in enumerate(RANGES):
            with m.If(self.select[k]):
                m.d.comb += chosen.address.eq(self._field(f"{name}_address"))
                if name == "p":
                    self._select_parameters(m, chosen, length)
                    continue
                m.d.comb += chosen.stride.eq(self._field(f"{name}_stride"))
                with m.Switch(self.word[:8]):
                    for opcode, footprints in FOOTPRINTS.items():
                        if name in footprints:
                            with m.Case(opcode):
                                self._select_rows(m, footprints[name], chosen, length, packing)
                    if name == "b":
                        with m.Case(*_PITCHED):
                            self._select_moved(m, chosen, length)
        codes = self._machine.word_codes
        with m.Switch(packing):
            with m.Case(RowLayout.WORDS):
                m.d.comb += chosen.words.eq(length)
            with m.Case(RowLayout.CODES):
                m.d.comb += chosen.words.eq(_ceil_divide(length, codes))
            with m.Case(RowLayout.BY_KIND):  # of the kinds, only TOKEN is left
                m.d.comb += chosen.words.eq(_ceil_divide(length, codes) + 1)
            with m.Case(RowLayout.WIDES):
                m.d.comb += chosen.words.eq(_ceil_divide(length, codes // 2))
            with m.Case(RowLayout.WORD):
                m.d.comb += chosen.words.eq(1)
            with m.Case(RowLayout.RECORD):
                m.d.comb += chosen.words.eq(-(-RECORD_WIDTH // self._machine.scratchpad.word_width))
        return chosen

    def _select_rows(
        self, m: Module, footprint: Footprint, chosen: data.View, length: Signal, packing: Signal
    ) -> None:
        flag = 1 if footprint.flag is None else self._field(footprint.flag)
        rows, columns = getattr(self, footprint.rows), getattr(self, footprint.columns)
        m.d.comb += [
            chosen.used.eq(flag),
            chosen.count.eq(rows),
            length.eq(columns),
            packing.eq(footprint.layout),
        ]
        if footprint.layout is RowLayout.BY_KIND:
            m.d.comb += packing.eq(RowLayout.CODES)
            with m.If(self._field("kind") == ResultKind.TOKEN):
                m.d.comb += packing.eq(RowLayout.BY_KIND)
            with m.If(self._field("kind") == ResultKind.WIDE):
                m.d.comb += packing.eq(RowLayout.WIDES)
            with m.If(self._field("kind") == ResultKind.COLUMNS):
                m.d.comb += [chosen.count.eq(columns), length.eq(rows)]

    def _select_moved(self, m: Module, chosen: data.View, length: Signal) -> None:
        """Rows · columns. Columns that are too many for a stride are so for the operand's, too:
        then a single row is all that can be legal, and its words count."""
        m.d.comb += [
            chosen.is_moved.eq(1),
            chosen.count.eq(self.rows),
            chosen.stride.eq(self.columns),
            length.eq(self.columns),
        ]

    def _select_parameters(self, m: Module, chosen: data.View, length: Signal) -> None:
        """As many rows of one word as there are columns; LAYERNORM takes them in pairs."""
        is_norm, is_gelu, is_rescale = (
            self.word[:8] == opcode for opcode in (Opcode.LAYERNORM, Opcode.GELU, Opcode.RESCALE)
        )
        lifts, biases = self._field("has_lifts").any(), self._field("has_bias").any()
        m.d.comb += [
            chosen.used.eq(is_norm | (is_gelu & lifts) | (is_rescale & biases)),
            chosen.count.eq(self.columns + (is_norm & self.columns[0])),
            chosen.stride.eq(1),
            length.eq(1),
        ]


def _ceil_divide(value: Value, divisor: int) -> Value:
    """Words of rows; the divisor is a power of two."""
    return (value + divisor - 1) >> exact_log2(divisor)
