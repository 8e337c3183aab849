"""cocotb side of test_entropy: vectors of logits in, one result a vector out, against golden."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert.config.early_exit import EntropyConfig, EntropyFault
from alembert_golden.entropy import EntropyResult, entropy
from cocotb.triggers import ClockCycles, RisingEdge
from early_exit.oracle import (
    EQUAL_THRESHOLD,
    MISLEADING_THRESHOLD,
    MISLEADING_VECTOR,
    equal_vector,
    quantise,
)
from numpy.typing import NDArray
from support.parameters import parameters
from support.streams import PATTERNS, Monitor, Sink, Source, start, within

GIVEN = parameters()
CONFIG = EntropyConfig(**{k: GIVEN[k] for k in ("max_classes", "logit_width", "logit_fraction")})
DEFAULT = EntropyConfig() == CONFIG
Case = tuple[NDArray[np.int64], int]


def pack(result: EntropyResult) -> int:
    """The one row of ``result`` as the port's word, lowest field first."""
    fields = (
        (int(result.exit[0]), 1),
        (int(result.argmax[0]), CONFIG.index_width),
        (int(result.max_logit[0]), CONFIG.logit_width),
        (int(result.entropy[0]), CONFIG.ENTROPY_WIDTH),
        (result.num_classes, CONFIG.count_width),
        (result.fault, 2),
    )
    word, position = 0, 0
    for value, width in fields:
        word |= (value & ((1 << width) - 1)) << position
        position += width
    return word


def expected(cases: list[Case], shift: int = 0) -> list[int]:
    """Golden's word for every case."""
    return [
        pack(entropy(vector[None], threshold, CONFIG, shift=shift)) for vector, threshold in cases
    ]


def beats(vector: NDArray[np.int64]) -> list[int]:
    """The vector as payloads of the input stream."""
    mask = (1 << CONFIG.logit_width) - 1
    words = [int(x) & mask for x in vector]
    return [*words[:-1], words[-1] | 1 << CONFIG.logit_width]


async def send(dut, source: Source, cases: list[Case]) -> None:
    """Send the vectors; the threshold is right at each one's last logit and wrong before it."""
    for vector, threshold in cases:
        words = beats(vector)
        dut.threshold.value = threshold ^ CONFIG.threshold_max
        await source.send(words[:-1])
        dut.threshold.value = threshold
        await source.send(words[-1:])


async def run(
    dut, cases: list[Case], *, idle: str = "never", stall: str = "never", shift: int = 0
) -> None:
    """Every result must be golden's, in order, and nothing more may come."""
    await start(dut)
    dut.shift.value = shift
    monitors = Monitor(dut, "i"), Monitor(dut, "o")
    source, sink = Source(dut, "i", idle=idle), Sink(dut, "o", stall=stall)
    sending = cocotb.start_soon(send(dut, source, cases))
    got = await sink.receive(len(cases))
    await within(10, dut.clk, sending)
    await sink.expect_silence(80)
    for (vector, threshold), word, want in zip(cases, got, expected(cases, shift)):
        head = f"shift {shift}, {len(vector)} classes {vector[:8].tolist()}, threshold {threshold}"
        assert word == want, f"{head}: {word:#x}, not {want:#x}"
    assert [m.beats for m in monitors] == [sum(len(v) for v, _ in cases), len(cases)]


def random_vector(rng: np.random.Generator, size: int) -> NDArray[np.int64]:
    """Logits at a random temperature, or uniform over the whole range."""
    if rng.random() < 0.2:
        return rng.integers(CONFIG.logit_min, CONFIG.logit_max + 1, size)
    return quantise(2.0 ** rng.uniform(-4, 5) * rng.standard_normal(size), CONFIG)


def near(rng: np.random.Generator, vector: NDArray[np.int64], shift: int = 0) -> Case:
    """The vector with a threshold on, just above, just below or far from its entropy."""
    own = int(entropy(vector[None], 0, CONFIG, shift=shift).entropy[0])
    threshold = [own, own + 1, own - 1, int(rng.integers(CONFIG.threshold_max))][rng.integers(4)]
    return vector, min(max(threshold, 0), CONFIG.threshold_max)


def corners(size: int) -> list[NDArray[np.int64]]:
    """Ties, one hot, both ends of the range."""
    low, high = CONFIG.logit_min, CONFIG.logit_max
    ends = np.full(size, low)
    ends[size // 2] = high
    alternate = np.where(np.arange(size) % 2, low, high)
    tie = np.zeros(size, dtype=np.int64)
    tie[[size // 2, -1]] = 3
    return [
        np.full(size, low),
        np.full(size, high),
        np.zeros(size, dtype=np.int64),
        ends,
        ends[::-1],
        alternate,
        np.roll(alternate, 1),
        tie,
        np.arange(size),
        -np.arange(size),
    ]


@cocotb.test()
async def short_vectors(dut) -> None:
    """Corner vectors of few classes, each on both sides of its own entropy."""
    sizes = (1, 2, 3, 5, 6, 8) if DEFAULT else range(1, CONFIG.max_classes + 3)
    cases: list[Case] = []
    for size in sizes:
        for vector in corners(size):
            own = int(entropy(vector[None], 0, CONFIG).entropy[0])
            thresholds = (own, own + 1, 0, CONFIG.threshold_max)
            cases += [(vector, t) for t in thresholds[: 4 if GIVEN["thorough"] else 2]]
    await run(dut, cases)


@cocotb.test(skip=not DEFAULT)
async def long_vectors(dut) -> None:
    """591 classes, as many as there may be, too many, and short ones between."""
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    sizes = [591, 2, 1024, 1025, 3, 1, 1023, 1500, 2]
    if GIVEN["thorough"]:
        cases = [(v, 1 << 18) for size in (1024, 1025) for v in corners(size)]
        cases += [near(rng, random_vector(rng, size)) for size in sizes * 3]
    else:
        cases = [near(rng, random_vector(rng, size)) for size in sizes[:6]]
    await run(dut, cases)


@cocotb.test()
async def patterns(dut) -> None:
    """Idle × back-pressure over vectors of every kind, faults among them."""
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    sizes = (2, 1, 3, 2, 7) if GIVEN["thorough"] else (3, 1, 7)
    for idle in PATTERNS:
        for stall in PATTERNS:
            cases = [near(rng, random_vector(rng, size)) for size in sizes]
            await run(dut, cases, idle=idle, stall=stall)


@cocotb.test()
async def random(dut) -> None:
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    largest = min(CONFIG.max_classes + 2, 40)
    count = 400 if GIVEN["thorough"] else 20
    sizes = rng.integers(1, largest, count)
    await run(dut, [near(rng, random_vector(rng, int(size))) for size in sizes])


@cocotb.test()
async def every_shift(dut) -> None:
    """Vectors whose logits reach 2^shift times as far, each with a threshold near its entropy."""
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    for shift in range(1 << CONFIG.SHIFT_WIDTH):
        sizes = (2, 3, 6) if GIVEN["thorough"] else (2, 3)
        vectors = [vector for size in sizes for vector in corners(size)]
        # distances of about one nat, which a shift brings back to where e^−a counts
        vectors += [random_vector(rng, int(size)) >> shift for size in rng.integers(2, 7, 8)]
        await run(dut, [near(rng, vector, shift) for vector in vectors], shift=shift)


@cocotb.test(skip=not DEFAULT)
async def equal_to_the_threshold(dut) -> None:
    """S·(ln S − T) = W to the last bit stays; one unit more exits."""
    thresholds = (EQUAL_THRESHOLD, EQUAL_THRESHOLD + 1, EQUAL_THRESHOLD - 1)
    cases = [(equal_vector(), t) for t in thresholds]
    assert [word & 1 for word in expected(cases)] == [0, 1, 0]
    await run(dut, cases)


@cocotb.test(skip=not DEFAULT)
async def numerator_is_the_entropys(dut) -> None:
    """The vector on which the public hardware's numerator would exit."""
    cases: list[Case] = [(MISLEADING_VECTOR, MISLEADING_THRESHOLD)]
    assert expected(cases)[0] & 1 == 0
    await run(dut, cases)


@cocotb.test()
async def nothing_survives_a_vector(dut) -> None:
    """The same two vectors in both orders, with the largest sums, maxima and thresholds first."""
    size = CONFIG.max_classes if GIVEN["thorough"] or not DEFAULT else 64
    large: Case = (np.full(size, CONFIG.logit_max), CONFIG.threshold_max)
    small: Case = (np.array([CONFIG.logit_min, CONFIG.logit_min + 1]), 0)
    over: Case = (np.full(CONFIG.max_classes + 1, CONFIG.logit_max), CONFIG.threshold_max)
    single: Case = (np.array([CONFIG.logit_max]), CONFIG.threshold_max)
    await run(dut, [large, small, small, large, single, small, over, small, large])


@cocotb.test()
async def reset_drops_what_is_under_way(dut) -> None:
    """Reset while one vector loads and another is evaluated; the next one comes out right."""
    for cycles in (1, 5, 9, 14, 22, 40, 55):
        await start(dut)
        sink = Sink(dut, "o")
        source = Source(dut, "i")
        vectors = [np.full(4, CONFIG.logit_max), np.full(5, CONFIG.logit_max)]
        task = cocotb.start_soon(send(dut, source, [(v, 1) for v in vectors]))
        await ClockCycles(dut.clk, cycles)
        task.cancel()
        dut.i_valid.value = 0
        dut.rst.value = 1
        await ClockCycles(dut.clk, 2)
        dut.rst.value = 0
        case: Case = (np.array([3, 1, 2]), CONFIG.threshold_max)
        sending = cocotb.start_soon(send(dut, Source(dut, "i"), [case]))
        assert await sink.receive(1) == expected([case])
        await within(10, dut.clk, sending)
        await sink.expect_silence(80)


async def cycles_to_result(dut, size: int) -> int:
    """Cycles from the edge that takes the last logit to the one that takes the result."""
    await Source(dut, "i").send(beats(np.arange(size)))
    cycles = 0
    while True:
        await RisingEdge(dut.clk)
        cycles += 1
        if int(dut.o_valid.value):
            return cycles


@cocotb.test()
async def latency(dut) -> None:
    """As the component states it, for vectors with and without a fault."""
    await start(dut)
    dut.o_ready.value = 1
    for size in (2, 3, CONFIG.max_classes, 1, 5, CONFIG.max_classes + 1):
        if size == CONFIG.max_classes and DEFAULT and not GIVEN["thorough"]:
            continue
        got = await cycles_to_result(dut, size)
        fault = entropy(np.zeros((1, size)), 0, CONFIG).fault
        stated = GIVEN["latency"][size - 1] if not fault else GIVEN["fault_latency"]
        assert got == stated, f"{size} classes take {got} cycles, not {stated}"
        assert fault in EntropyFault


@cocotb.test()
async def throughput(dut) -> None:
    """One vector of n classes every latency(n) cycles, where the result is taken at once."""
    await start(dut)
    dut.o_ready.value = 1
    size = 6
    source = Source(dut, "i")
    cocotb.start_soon(source.send(beats(np.arange(size)) * 6))
    times: list[int] = []
    for cycle in range(1000):
        await RisingEdge(dut.clk)
        if int(dut.o_valid.value):
            times.append(cycle)
    assert np.diff(times).tolist() == [GIVEN["latency"][size - 1]] * 5
