"""cocotb side of test_scratchpad."""

from __future__ import annotations

import itertools
import random

import cocotb
from alembert.config.memory import ScratchpadConfig, ScratchpadFault
from alembert.memory import Scratchpad
from memory.ports import Request, ScratchpadBench
from support.parameters import parameters
from support.streams import PATTERNS, Monitor, start

GIVEN = parameters()
CONFIG = ScratchpadConfig(**GIVEN["config"])
READERS, WRITERS, LENGTH = GIVEN["readers"], GIVEN["writers"], GIVEN["length"]
OUTSIDE = range(CONFIG.words, 1 << CONFIG.address_width)
ALL_CODES = (1 << CONFIG.codes) - 1
WORDS = [0] * CONFIG.words
"""What is stored, from one test to the next."""


async def begin(dut, *, monitors: bool = False) -> ScratchpadBench:
    await start(dut)
    if monitors:
        for name in READERS:
            Monitor(dut, f"read_{name}_request")
        for name in WRITERS:
            Monitor(dut, f"write_{name}")
    return ScratchpadBench(dut, CONFIG, READERS, WRITERS, WORDS)


def random_write(address: int) -> Request:
    mask = random.choice([ALL_CODES, 0, random.getrandbits(CONFIG.codes)])
    return Request(address, random.getrandbits(CONFIG.word_width), mask)


async def clear(bench: ScratchpadBench) -> None:
    bench.clear = True
    await bench.step()
    bench.clear = False
    await bench.step()
    assert bench.fault == (ScratchpadFault.NONE, 0)


@cocotb.test(timeout_time=500, timeout_unit="us")
async def every_word_through_every_port(dut) -> None:
    """Each word holds its own: no two addresses share a place."""
    bench = await begin(dut)
    for k, address in enumerate(random.sample(range(CONFIG.words), CONFIG.words)):
        data = random.getrandbits(CONFIG.word_width)
        bench.writes[k % len(WRITERS)].queue.append(Request(address, data, ALL_CODES))
    await bench.run()
    for port in bench.reads:
        port.ask(random.sample(range(CONFIG.words), CONFIG.words))
    await bench.run()


@cocotb.test(timeout_time=500, timeout_unit="us")
async def every_pattern(dut) -> None:
    """All ports at once, pauses crossed: words far apart, few words, and one bank's words."""
    bench = await begin(dut, monitors=len(READERS) < 4)
    few = random.sample(range(CONFIG.words), 3)
    bank = [address for address in range(CONFIG.words) if CONFIG.bank_of(address) == 1]
    outside = [CONFIG.words, CONFIG.words + 1, OUTSIDE[-1], random.choice(OUTSIDE)]
    pools = itertools.cycle([range(CONFIG.words), few, bank, [*few, *few, *outside]])
    for reads, writes in itertools.product(PATTERNS, PATTERNS):
        bench.set_idle(reads, writes)
        pool = next(pools)
        for port in bench.reads:
            port.ask(random.choices(pool, k=LENGTH))
        for port in bench.writes:
            port.queue.extend(random_write(address) for address in random.choices(pool, k=LENGTH))
        await bench.run()
        await clear(bench)


@cocotb.test(timeout_time=500, timeout_unit="us")
async def order_of_a_read_and_a_write(dut) -> None:
    """A read in the cycle of a write gets the old word, and the new one from the next cycle on."""
    bench = await begin(dut)
    read, write = bench.reads[-1], bench.writes[-1]
    for address in random.sample(range(CONFIG.words), 4):
        old, new = WORDS[address], WORDS[address] ^ ((1 << CONFIG.word_width) - 1)
        bench.received[-1].clear()
        read.ask([address] * 3)
        await bench.step()
        write.queue.append(Request(address, new, ALL_CODES))
        await bench.run()
        assert read.transfers[-2] == write.transfers[-1]
        assert bench.received[-1] == [old, old, new]


@cocotb.test(timeout_time=500, timeout_unit="us")
async def every_mask(dut) -> None:
    """Of as many codes as there are in a word, or each alone and all but each."""
    bench = await begin(dut)
    masks = range(ALL_CODES + 1) if CONFIG.codes <= 4 else [1 << k for k in range(CONFIG.codes)]
    for mask in itertools.chain(masks, (ALL_CODES ^ mask for mask in masks)):
        address = random.randrange(CONFIG.words)
        data = WORDS[address] ^ ((1 << CONFIG.word_width) - 1)
        bench.writes[0].queue.append(Request(address, data, mask))
        await bench.step()
        bench.reads[0].ask([address])
    await bench.run()


@cocotb.test(timeout_time=500, timeout_unit="us")
async def conflicts_and_priority(dut) -> None:
    """All ports want one bank, each another word: one a cycle, in the ports' order."""
    bench = await begin(dut)
    bank = [address for address in range(CONFIG.words) if CONFIG.bank_of(address) == 0]
    for turn in range(3):
        for ports in (bench.reads, bench.writes):
            for k, port in enumerate(ports):
                address = bank[(k + turn) % len(bank)]
                if ports is bench.reads:
                    port.ask([address])
                else:
                    port.queue.append(random_write(address))
        first = bench.cycle
        await bench.run()
        for ports in (bench.reads, bench.writes):
            taken = [port.transfers[-1] for port in ports]
            assert taken == list(range(first, first + len(ports)))
    # nobody passes a port that goes on and on; all are served when it ends
    bench.reads[0].ask(bank[:8] * 4)
    for port in bench.reads[1:]:
        port.ask([bank[0]])
    first = bench.cycle
    await bench.run()
    count = len(bank[:8] * 4)
    later = [port.transfers[-1] for port in bench.reads[1:]]
    assert later == list(range(first + count, first + count + len(later)))


@cocotb.test(timeout_time=500, timeout_unit="us")
async def faults(dut) -> None:
    """Of every port, in order of urgency; the first stays until it is cleared."""
    bench = await begin(dut)
    none, read, write = ScratchpadFault

    async def raised_by(readers, writers) -> tuple[ScratchpadFault, int]:
        for k in readers:
            bench.reads[k].ask([OUTSIDE[k]])
        for k in writers:
            bench.writes[k].queue.append(random_write(OUTSIDE[k]))
        await bench.run()
        found = bench.fault
        await clear(bench)
        return found

    assert CONFIG.bank_of(OUTSIDE[0]) != CONFIG.bank_of(OUTSIDE[1])  # taken in the same cycle
    for k in range(len(READERS)):
        assert await raised_by([k], []) == (read, k)
    for k in range(len(WRITERS)):
        assert await raised_by([], [k]) == (write, k)
    assert await raised_by([0, 1], [0, 1]) == (read, 0)
    assert await raised_by([1], [0, 1]) == (read, 1)
    assert await raised_by([], [0, 1]) == (write, 0)

    bench.writes[1].queue.append(random_write(OUTSIDE[0]))
    await bench.run()
    bench.reads[0].ask([OUTSIDE[0]])
    await bench.run()
    assert bench.fault == (write, 1)
    for delay in range(4):  # a clear around the cycle in which the next one is raised
        bench.reads[1].ask([OUTSIDE[-1]])
        for cycle in range(6):
            bench.clear = cycle == delay
            await bench.step()
        assert bench.fault == ((none, 0) if delay > 1 else (read, 1))
        bench.writes[0].queue.append(random_write(OUTSIDE[-1]))
        await bench.run()
    await clear(bench)


@cocotb.test(timeout_time=500, timeout_unit="us")
async def sustained_throughput(dut) -> None:
    """Two ports that walk: the first never waits, the other never for long."""
    bench = await begin(dut)
    count = min(CONFIG.words, 512)

    def walk(stride: int) -> list[int]:
        return [k * stride % CONFIG.words for k in range(count)]

    ports = [bench.reads[0], bench.writes[0], bench.reads[1], bench.writes[1]]
    for first, second in itertools.product(GIVEN["strides"], repeat=2):
        for read, write, stride in ((*ports[:2], first), (*ports[2:], second)):
            read.ask(walk(stride))
            write.queue.extend(random_write(address) for address in walk(stride))
        begun = bench.cycle
        await bench.run()
        for port, is_first in zip(ports, (True, True, False, False)):
            taken = [begun - 1, *port.transfers[-count:]]
            wait = max(later - earlier - 1 for earlier, later in itertools.pairwise(taken))
            most = 0 if is_first else GIVEN["longest_wait"]
            assert wait <= most, f"strides {first} and {second}: waits of {wait} cycles"


@cocotb.test(timeout_time=500, timeout_unit="us")
async def reset_in_the_middle(dut) -> None:
    """No response to a request from before; what was written before is there."""
    bench = await begin(dut)
    for cycles in range(1, 2 * Scratchpad.read_latency):
        for port in bench.reads:
            port.ask(random.choices([*range(CONFIG.words), OUTSIDE[0]], k=20))
        for port in bench.writes:
            port.queue.extend(random_write(random.randrange(CONFIG.words)) for _ in range(20))
        for _ in range(cycles):
            await bench.step()
        await bench.reset(cycles=1 + cycles % 2)
        await bench.run()
        for port in bench.reads:
            port.ask(random.sample(range(CONFIG.words), min(CONFIG.words, 40)))
        await bench.run()
