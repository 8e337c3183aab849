"""S and V of streamed distances: RTL against golden's exponential, summed in Python."""

from __future__ import annotations

from alembert.early_exit import EntropyAccumulator
from early_exit.bench_accumulator import CONFIG
from support.simulate import simulate


def test_rtl_equals_golden(simulator: str) -> None:
    simulate(
        EntropyAccumulator(CONFIG),
        simulator=simulator,
        module="early_exit.bench_accumulator",
        top="entropy_accumulator",
        latency=EntropyAccumulator.latency,
    )
