"""cocotb side of test_logit_buffer: three streams stalled independently of each other."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert.config.early_exit import EntropyConfig, EntropyFault
from cocotb.triggers import ClockCycles
from support.streams import PATTERNS, Monitor, Sink, Source, start

CONFIG = EntropyConfig(max_classes=5, logit_width=9, logit_fraction=4)
_MASK = (1 << CONFIG.logit_width) - 1


def fault_of(size: int) -> EntropyFault:
    """Fault of a vector of ``size`` logits."""
    if size < 2:
        return EntropyFault.TOO_FEW_CLASSES
    return EntropyFault.TOO_MANY_CLASSES if size > CONFIG.max_classes else EntropyFault.NONE


def head(logits: list[int], threshold: int) -> int:
    """The head's word, lowest field first."""
    fault = fault_of(len(logits))
    largest = 0 if fault else max(logits)
    fields = (
        (0 if fault else logits.index(largest), CONFIG.index_width),
        (largest, CONFIG.logit_width),
        (min(len(logits), CONFIG.max_classes + 1), CONFIG.count_width),
        (fault, 2),
        (threshold, CONFIG.ENTROPY_WIDTH),
    )
    word, position = 0, 0
    for value, width in fields:
        word |= (value & ((1 << width) - 1)) << position
        position += width
    return word


def distances(logits: list[int], shift: int) -> list[int]:
    """The distances' words; none with a fault."""
    if fault_of(len(logits)):
        return []
    words = [(max(logits) - x) << shift for x in logits]
    return [*words[:-1], words[-1] | 1 << CONFIG.shifted_width]


@cocotb.test()
async def patterns(dut) -> None:
    """Idle × back-pressure, the two outputs under different patterns."""
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    names = list(PATTERNS)
    for idle in names:
        for number, stall in enumerate(names):
            sizes = [5, 2, 1, 6, 3, 9, 5, 4]
            low, high = CONFIG.logit_min, CONFIG.logit_max + 1
            vectors = [rng.integers(low, high, n).tolist() for n in sizes]
            vectors[0] = [low, high - 1, high - 1, low, 0]
            shift = int(rng.integers(1 << CONFIG.SHIFT_WIDTH))
            await run(dut, vectors, idle, stall, names[number - 2], shift)
    for shift in range(1 << CONFIG.SHIFT_WIDTH):
        await run(dut, [[low, high - 1], [5, 4, 3]], "never", "never", "never", shift)


async def run(
    dut, vectors: list[list[int]], idle: str, stall: str, head_stall: str, shift: int
) -> None:
    """Both outputs must be the definition's, in order."""
    await start(dut)
    dut.shift.value = shift
    monitors = [Monitor(dut, name) for name in ("i", "distances", "vector")]
    source = Source(dut, "i", idle=idle)
    distance_sink = Sink(dut, "distances", stall=stall)
    head_sink = Sink(dut, "vector", stall=head_stall)

    async def send() -> None:
        for threshold, logits in enumerate(vectors):
            words = [x & _MASK for x in logits]
            dut.threshold.value = 77
            await source.send(words[:-1])
            dut.threshold.value = threshold
            await source.send([words[-1] | 1 << CONFIG.logit_width])

    cocotb.start_soon(send())
    want_distances = [d for v in vectors for d in distances(v, shift)]
    receiving = cocotb.start_soon(distance_sink.receive(len(want_distances)))
    heads = await head_sink.receive(len(vectors))
    assert heads == [head(v, t) for t, v in enumerate(vectors)]
    assert await receiving == want_distances
    dut.vector_ready.value = 1
    await distance_sink.expect_silence(20)
    counts = [sum(map(len, vectors)), len(want_distances), len(vectors)]
    assert [m.beats for m in monitors] == counts


@cocotb.test()
async def two_vectors_fit_and_a_third_waits(dut) -> None:
    """With nothing taken, two vectors are held; the third is not let in, and nothing is lost."""
    await start(dut)
    vectors = [[1, 2], [3, 4], [5, 7]]
    monitor = Monitor(dut, "i")
    words = [x | last << CONFIG.logit_width for v in vectors for last, x in enumerate(v)]
    cocotb.start_soon(Source(dut, "i").send(words))
    await ClockCycles(dut.clk, 60)
    assert monitor.beats == 4
    assert not int(dut.i_ready.value)
    dut.distances_ready.value = 1
    heads = await Sink(dut, "vector").receive(3)
    assert heads == [head(v, 0) for v in vectors]
