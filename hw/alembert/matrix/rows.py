# amaranth: UnusedElaboratable=no
"""Results as rows of codes or of wide numbers in the scratchpad."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..config import VmacArrayConfig
from ..config.isa import ResultKind
from ..config.memory import ScratchpadConfig
from ..memory import write_signature
from ..vmac.layouts import ResultBeat
from .fork import fork
from .layouts import Plan
from .walker import Items, ProductWalker

__all__ = ["RowResults"]


class RowResults(wiring.Component):
    """A beat of C results is written in a cycle, with zeros up to the end of a row's last word.

    Codes are C bytes, wide numbers 2 · C. With C = W a beat of wide numbers is two words, each of
    which has a port; with fewer, beats are parts of words, and a mask says which. Addresses are
    therefore counted in units of C bytes.

    Parameters
    ----------
    scratchpad : ScratchpadConfig
        W and widths. W is a power of two.
    array : VmacArrayConfig
        C, a divisor of W, and R.

    Members
    -------
    plan : In, stream of Plan
    results : In, stream of ResultBeat
        Taken only while there is a plan for them.
    write_0, … : Out, write_signature
        ``ports`` of them: two if C = W, else one.
    done : Out
        High for a cycle after an instruction's last write was taken.
    busy : Out
        There is a plan, or was one in the cycle before.

    Latency: 1 cycle from the edge that takes a plan to the one that can take its first results;
    results are written in the cycle in which they are taken. Throughput: a beat a cycle, across
    instructions too. Reset: ends the instruction.
    """

    plan: stream.Interface
    results: stream.Interface
    done: Signal
    busy: Signal

    def __init__(self, scratchpad: ScratchpadConfig, array: VmacArrayConfig):
        self._scratchpad = scratchpad
        self._array = array
        self._units = scratchpad.codes // array.vmacs
        self._unit_bits = exact_log2(self._units)
        self.ports = 2 if self._units == 1 else 1
        self._walker = ProductWalker(
            array,
            Items.ROWS,
            address_width=scratchpad.address_width + self._unit_bits,
            whole_depth=True,
        )
        super().__init__(
            {
                "plan": In(stream.Signature(Plan())),
                "results": In(stream.Signature(ResultBeat(array))),
                **{f"write_{k}": Out(write_signature(scratchpad)) for k in range(self.ports)},
                "done": Out(1),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.walker = walker = self._walker
        given, command = self.plan.payload.instruction, walker.command.payload
        stride = given.o_stride << self._unit_bits
        is_wide = Signal()
        m.d.comb += [
            walker.command.valid.eq(self.plan.valid),
            self.plan.ready.eq(walker.command.ready),
            *(command[name].eq(given[name]) for name in walker.dimensions),
            command.address.eq(given.o_address << self._unit_bits),
            command.steps[0].eq(stride * self._array.vmac.rows),
            command.steps[1].eq(Mux(given.kind == ResultKind.WIDE, 2, 1)),
            command.steps[3].eq(stride),
        ]
        with m.If(self.plan.valid & self.plan.ready):
            m.d.sync += is_wide.eq(given.kind == ResultKind.WIDE)

        step, writes = walker.o.payload, [getattr(self, f"write_{k}") for k in range(self.ports)]
        unit, address = step.address[: self._unit_bits], step.address[self._unit_bits :]
        codes = Cat(value[:8] for value in self.results.payload.values)
        wides = Cat(self.results.payload.values)
        if self._units == 1:
            half = len(codes)
            needed = [Const(1, 1), is_wide & (step.columns > self._array.vmacs // 2)]
            words = [Mux(is_wide, wides[:half], codes), wides[half:]]
            masks = [Const(-1, self._scratchpad.codes)] * 2
        else:
            word, mask = self._place(m, unit, codes, wides, is_wide, step.ends[1])
            needed, words, masks = [Const(1, 1)], [word], [mask]
        for k, write in enumerate(writes):
            m.d.comb += [
                write.payload.address.eq(address + k),
                write.payload.data.eq(words[k]),
                write.payload.mask.eq(masks[k]),
            ]

        there, written = Signal(), Signal()
        takers = [(needed[k], write.valid, write.ready) for k, write in enumerate(writes)]
        m.d.comb += [
            there.eq(walker.o.valid & self.results.valid),
            written.eq(fork(m, there, takers, name="writes")),
            walker.o.ready.eq(self.results.valid & written),
            self.results.ready.eq(walker.o.valid & written),
            self.busy.eq(walker.o.valid | self.done),
        ]
        m.d.sync += self.done.eq(there & written & step.ends.all())
        return m

    def _place(
        self, m: Module, unit: Value, codes: Value, wides: Value, is_wide: Value, is_end: Value
    ) -> tuple[Value, Value]:
        """The word and the mask of a beat at a unit: behind a row's last beat are zeros."""
        width = self._array.vmacs
        parts, mask = [], Signal(self._scratchpad.codes)
        for k in range(self._units):
            here = Signal(name=f"here_{k}")
            after = Signal(name=f"after_{k}")
            half = len(codes) * (k % 2)
            wide_part = wides[half : half + len(codes)]
            m.d.comb += [
                here.eq(Mux(is_wide, unit[1:] == k >> 1, unit == k)),
                after.eq(is_end & (unit < k) if k else 0),
                mask[k * width : (k + 1) * width].eq((here | after).replicate(width)),
            ]
            parts.append(Mux(here, Mux(is_wide, wide_part, codes), 0))
        return Cat(parts), mask
