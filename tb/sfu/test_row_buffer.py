"""The row buffer, with a reducer of adjustable latency beside it."""

from __future__ import annotations

import re

import pytest
from alembert.config.sfu import RowBufferConfig
from alembert.sfu.row_buffer import RowBuffer
from amaranth.hdl import Array, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from support.simulate import SIMULATORS, simulate

BEAT = data.StructLayout({"value": 8, "last": 1})
REDUCTION = data.StructLayout({"sum": 16, "count": 8})
MAX_DELAY = 15


class Probe(wiring.Component):
    """A row buffer and the sum and count of each row, ``delay`` cycles after its last beat.

    Members
    -------
    i : In, stream of BEAT
    o : Out, stream of {beat: BEAT, reduction: REDUCTION}
    delay : In
        Cycles from the store of a row's last beat to its reduction; 0 is the same cycle.
    reduced : Out
        A reduction is handed in.
    """

    i: stream.Interface
    o: stream.Interface
    delay: Signal
    reduced: Signal
    clear: Signal
    fault: Signal

    def __init__(self, config: RowBufferConfig):
        self._buffer = RowBuffer(BEAT, REDUCTION, config)
        super().__init__(
            {
                "i": In(stream.Signature(BEAT)),
                "o": Out(self._buffer.o.signature),
                "delay": In(range(MAX_DELAY + 1)),
                "reduced": Out(1),
                "clear": In(1),
                "fault": Out(self._buffer.fault.shape()),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.buffer = buffer = self._buffer
        connect(m, flipped(self.i), buffer.i)
        connect(m, flipped(self.o), buffer.o)
        running, total = Signal(REDUCTION), Signal(REDUCTION)
        m.d.comb += [
            total.sum.eq(Mux(buffer.first, 0, running.sum) + self.i.payload.value),
            total.count.eq(Mux(buffer.first, 0, running.count) + 1),
            buffer.clear.eq(self.clear),
            self.fault.eq(buffer.fault),
        ]
        with m.If(buffer.store):
            m.d.sync += running.eq(total)
        done = Signal()
        m.d.comb += done.eq(buffer.store & self.i.payload.last)
        valid, word = [done], [Value.cast(total)]
        for k in range(MAX_DELAY):
            valid.append(Signal(name=f"valid_{k}"))
            word.append(Signal(len(word[0]), name=f"word_{k}"))
            m.d.sync += [valid[-1].eq(valid[-2]), word[-1].eq(word[-2])]
        m.d.comb += [
            buffer.reduction.valid.eq(Array(valid)[self.delay]),
            Value.cast(buffer.reduction.payload).eq(Array(word)[self.delay]),
            self.reduced.eq(buffer.reduction.valid),
        ]
        return m


CONFIGS = {
    # no powers of two
    "ring": RowBufferConfig(depth=7, rows=3),
    "smallest": RowBufferConfig(depth=2, rows=1),
}


@pytest.mark.parametrize(
    ("name", "simulator"),
    [(n, s) for n in CONFIGS for s in SIMULATORS if (n, s) != ("smallest", "verilator")],
)
def test_rtl(name: str, simulator: str) -> None:
    config = CONFIGS[name]
    simulate(
        Probe(config),
        simulator=simulator,
        module="sfu.bench_row_buffer",
        top=f"row_buffer_{name}",
        depth=config.depth,
        rows=config.rows,
    )


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"depth": 1}, ValueError, "row buffer depth must be between 2 and 65536, not 1"),
        ({"depth": 65537}, ValueError, "row buffer depth must be between 2 and 65536, not 65537"),
        ({"rows": 0}, ValueError, "row buffer rows must be between 1 and 64, not 0"),
        ({"rows": 65}, ValueError, "row buffer rows must be between 1 and 64, not 65"),
        ({"rows": 2.0}, TypeError, "row buffer rows must be an int, not 2.0"),
    ],
)
def test_config_refuses(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        RowBufferConfig(**fields)
