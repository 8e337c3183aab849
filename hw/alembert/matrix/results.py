# amaranth: UnusedElaboratable=no
"""Where results go: rows or columns of the scratchpad."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config import VmacArrayConfig
from ..config.isa import ResultKind
from ..config.memory import ScratchpadConfig
from ..memory import write_signature
from ..vmac.layouts import ResultBeat
from .columns import ColumnResults
from .layouts import Plan
from .rows import RowResults

__all__ = ["ResultWriter"]


class ResultWriter(wiring.Component):
    """Gives each instruction's results to who writes its kind.

    Rows follow rows without a gap; from rows to columns and back one ends before the other begins.

    Parameters
    ----------
    scratchpad : ScratchpadConfig
    array : VmacArrayConfig
    has_columns : bool
        Whether there are results of kind COLUMNS.

    Members
    -------
    plan : In, stream of Plan
    results : In, stream of ResultBeat
    write_0, … : Out, write_signature
        ``ports`` of them. Columns use the first.
    done : Out
        High for a cycle an instruction, after its last write was taken.

    Latency, throughput, reset: as :class:`RowResults` and :class:`ColumnResults`.
    """

    plan: stream.Interface
    results: stream.Interface
    done: Signal

    def __init__(self, scratchpad: ScratchpadConfig, array: VmacArrayConfig, *, has_columns: bool):
        self._rows = RowResults(scratchpad, array)
        self._columns = ColumnResults(scratchpad, array) if has_columns else None
        self.ports = self._rows.ports
        super().__init__(
            {
                "plan": In(stream.Signature(Plan())),
                "results": In(stream.Signature(ResultBeat(array))),
                **{f"write_{k}": Out(write_signature(scratchpad)) for k in range(self.ports)},
                "done": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.rows = rows = self._rows
        columns = self._columns
        if columns is None:
            for name in self.signature.members:
                if name != "done":
                    connect(m, flipped(getattr(self, name)), getattr(rows, name))
            m.d.comb += self.done.eq(rows.done)
            return m

        m.submodules.columns = columns
        for_columns = self.plan.payload.instruction.kind == ResultKind.COLUMNS
        first, of_rows, of_columns = self._port(self, 0), self._port(rows, 0), columns.write
        connect(m, flipped(self._port(self, 1)), self._port(rows, 1))
        m.d.comb += [
            rows.plan.payload.eq(self.plan.payload),
            columns.plan.payload.eq(self.plan.payload),
            rows.plan.valid.eq(self.plan.valid & ~for_columns & ~columns.busy),
            columns.plan.valid.eq(self.plan.valid & for_columns & ~rows.busy),
            self.plan.ready.eq(
                Mux(
                    for_columns,
                    columns.plan.ready & ~rows.busy,
                    rows.plan.ready & ~columns.busy,
                )
            ),
            # who has no plan takes nothing: both may be offered all results
            rows.results.payload.eq(self.results.payload),
            columns.results.payload.eq(self.results.payload),
            rows.results.valid.eq(self.results.valid),
            columns.results.valid.eq(self.results.valid),
            self.results.ready.eq(rows.results.ready | columns.results.ready),
            first.valid.eq(of_rows.valid | of_columns.valid),
            Value.cast(first.payload).eq(
                Mux(of_columns.valid, of_columns.payload, of_rows.payload)
            ),
            of_rows.ready.eq(first.ready),
            of_columns.ready.eq(first.ready),
            self.done.eq(rows.done | columns.done),
        ]
        return m

    def _port(self, writer: wiring.Component, index: int) -> stream.Interface:
        return getattr(writer, f"write_{index}")
