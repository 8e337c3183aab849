"""The double-buffered vector store: maximum, distances, faults and hand-over."""

from __future__ import annotations

from alembert.early_exit import LogitBuffer
from early_exit.bench_logit_buffer import CONFIG
from support.simulate import simulate


def test_rtl_equals_the_definition(simulator: str) -> None:
    simulate(
        LogitBuffer(CONFIG),
        simulator=simulator,
        module="early_exit.bench_logit_buffer",
        top="logit_buffer",
    )
