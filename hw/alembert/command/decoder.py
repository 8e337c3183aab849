"""Whether an instruction is legal on this machine, and which words of the scratchpad it touches."""

from __future__ import annotations

from collections.abc import Iterable

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config.command import MachineFault
from ..config.isa import (
    FORMATS,
    INSTRUCTION_WIDTH,
    LENGTH,
    TARGETS,
    WRITABLE,
    Opcode,
    ResultKind,
    Unit,
    operand,
)
from ..config.machine import MachineConfig
from .layouts import DIMENSION_WIDTH, DIMENSIONS, RANGES, ranges_layout
from .range_finder import RangeFinder

__all__ = ["Decoder"]


class Decoder(wiring.Component):
    """Checks an instruction, substitutes its dimensions, and finds its ranges, one a cycle.

    Parameters
    ----------
    machine : MachineConfig
        What there is: scratchpad, matrix units, longest rows.

    Members
    -------
    begin : In
        A pulse: decode ``word``, which is to stay until ``done``.
    word : In, 256 bits
    length, targets : In, 16 bits
        Registers that dimensions may refer to; read in the cycle of ``begin``.
    done : Out
        A pulse, ``latency`` cycles after ``begin``: what follows is right from then on.
    fault : Out, MachineFault
        NONE, ILLEGAL_OPCODE, OPERAND or ADDRESS, in this order of precedence.
    unit : Out, Unit
        Who executes it; combinational from ``word``.
    substituted : Out, 256 bits
        The instruction with its dimensions as they are.
    ranges : Out, {o, a, b, p}
        The words of each operand, ``first`` … ``end`` − 1.

    Latency: ``latency`` cycles. Throughput: one instruction in ``latency`` cycles. Reset: ends it.
    """

    begin: Signal
    word: Signal
    length: Signal
    targets: Signal
    done: Signal
    fault: Signal
    unit: Signal
    substituted: Signal
    ranges: data.View

    latency = len(RANGES) + RangeFinder.latency

    def __init__(self, machine: MachineConfig):
        self._machine = machine
        super().__init__(
            {
                "begin": In(1),
                "word": In(INSTRUCTION_WIDTH),
                "length": In(DIMENSION_WIDTH),
                "targets": In(DIMENSION_WIDTH),
                "done": Out(1),
                "fault": Out(MachineFault),
                "unit": Out(Unit),
                "substituted": Out(INSTRUCTION_WIDTH),
                "ranges": Out(ranges_layout(machine.scratchpad)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        self._dimensions = dimensions = self._substitute(m)
        step = Signal(range(self.latency + 1))
        with m.If(self.begin):
            m.d.sync += step.eq(1)
        with m.Elif(step == self.latency):
            m.d.sync += step.eq(0)
        with m.Elif(step != 0):
            m.d.sync += step.eq(step + 1)
        m.d.comb += self.done.eq(step == self.latency)

        m.submodules.finder = finder = RangeFinder(self._machine)
        m.d.comb += [finder.word.eq(self.word), self.ranges.eq(finder.ranges)]
        m.d.comb += [getattr(finder, name).eq(value) for name, value in dimensions.items()]
        m.d.comb += finder.select.eq(Cat(step == 1 + k for k in range(len(RANGES))))

        unknown, illegal = self._check_operands(m)
        is_wrong, is_outside = Signal(), Signal()
        with m.If(step == 1):
            m.d.sync += [is_wrong.eq(illegal), is_outside.eq(0)]
        with m.Else():
            m.d.sync += [
                is_wrong.eq(is_wrong | finder.narrow | finder.overrun),
                is_outside.eq(is_outside | finder.outside),
            ]
        with m.If(unknown):
            m.d.comb += self.fault.eq(MachineFault.ILLEGAL_OPCODE)
        with m.Elif(is_wrong):
            m.d.comb += self.fault.eq(MachineFault.OPERAND)
        with m.Elif(is_outside):
            m.d.comb += self.fault.eq(MachineFault.ADDRESS)

        m.d.comb += self.substituted.eq(self.word)
        for name, value in dimensions.items():
            place = operand(name)
            with m.If(self._is_any(name)):
                m.d.comb += self.substituted[place.low : place.low + place.width].eq(value)
        return m

    def _field(self, name: str) -> Value:
        place = operand(name)
        return self.word[place.low : place.low + place.width]

    def _is(self, opcodes: Iterable[Opcode]) -> Value:
        return Cat(self.word[:8] == opcode for opcode in opcodes).any()

    def _is_any(self, name: str) -> Value:
        """Whether the instruction has an operand of that name."""
        return self._is(opcode for opcode, fmt in FORMATS.items() if name in fmt.operands)

    def _substitute(self, m: Module) -> dict[str, Signal]:
        found = {}
        for name in DIMENSIONS:
            given, value = self._field(name), Signal(DIMENSION_WIDTH, name=name)
            with m.If(self.begin):
                m.d.sync += value.eq(given)
                with m.If(given == LENGTH):
                    m.d.sync += value.eq(self.length)
                with m.Elif(given == TARGETS):
                    m.d.sync += value.eq(self.targets)
            found[name] = value
        return found

    def _check_operands(self, m: Module) -> tuple[Value, Value]:
        """Whether the opcode is none; whether an operand is illegal, in the cycle after begin."""
        machine = self._machine
        attention = machine.attention
        columns, depth = self._dimensions["columns"], self._dimensions["depth"]
        kind, is_attention = self._field("kind"), self._field("unit").any()
        unknown = ~self._is(FORMATS)
        with m.Switch(self.word[:8]):
            for opcode, fmt in FORMATS.items():
                with m.Case(opcode):
                    m.d.comb += self.unit.eq(fmt.unit)
                    if opcode is Opcode.MATMUL and attention is not None:
                        m.d.comb += self.unit.eq(Mux(is_attention, Unit.ATTENTION, Unit.MATRIX))
        max_depth = Mux(
            is_attention & (attention is not None),
            machine.products.vmac.max_depth,
            machine.main.vmac.max_depth,
        )
        is_matrix, is_special = (
            Cat(self._is(op for op, fmt in FORMATS.items() if fmt.unit is unit))
            for unit in (Unit.MATRIX, Unit.SPECIAL)
        )
        has_unit = Opcode.MATMUL if attention is not None else None
        illegal = [self._stray()]
        for name in DIMENSIONS:
            illegal.append(self._is_any(name) & (self._dimensions[name] == 0))
        if not machine.special.has_tokens:
            illegal.append(self._is([Opcode.RESCALE]) | (is_special & (kind == ResultKind.TOKEN)))
        illegal += [
            self._is([Opcode.STORE])
            & ~Cat(self._field("memory_base") == b for b in WRITABLE).any(),
            is_matrix & (kind == ResultKind.TOKEN),
            is_special & (kind == ResultKind.COLUMNS),
            is_special & (columns > machine.longest_row),
            is_matrix & (depth > max_depth),
            is_matrix & is_attention & ~self._is([has_unit] if has_unit else []),
            self._is([Opcode.ENTROPY]) & ((columns < 2) | (columns > machine.max_classes)),
        ]
        return unknown, Cat(illegal).any()

    def _stray(self) -> Value:
        """A bit is set that no operand uses; bits that the same opcodes use are one group."""
        groups: dict[frozenset[Opcode], list[Value]] = {}
        for bit in range(8, INSTRUCTION_WIDTH):
            users = frozenset(op for op, fmt in FORMATS.items() if fmt.used_bits >> bit & 1)
            groups.setdefault(users, []).append(self.word[bit])
        return Cat(
            Cat(bits).any() & ~self._is(sorted(users)) for users, bits in groups.items()
        ).any()
