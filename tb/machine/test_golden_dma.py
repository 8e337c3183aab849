"""LOAD, STORE and GATHER of the golden machine."""

from __future__ import annotations

import re

import numpy as np
import pytest
from alembert.config.command import MachineFault
from alembert.config.isa import WRITABLE, Instruction, MemoryBase, Opcode
from alembert_golden.dma import gather, load, store
from alembert_golden.machine_fault import InstructionError
from hypothesis import given, settings
from hypothesis import strategies as st
from machine.golden_machines import MACHINES, memory_of, random_scratchpad, resolved

CONFIG = MACHINES["adaptivfloat"]
BYTES = CONFIG.word_bytes
SEED = st.integers(0, 2**32 - 1)
BASES = st.sampled_from(list(MemoryBase))


def memory(rng, words: int, batch: int):
    """Regions full of anything."""
    regions = {
        base: rng.integers(0, 256, (batch, words * BYTES), dtype=np.uint8)
        for base in (MemoryBase.INPUT, MemoryBase.OUTPUT, MemoryBase.SCRATCH)
    }
    image = rng.integers(0, 256, words * BYTES, dtype=np.uint8).tobytes()
    return memory_of(CONFIG, image, regions)


def words_of(regions, base: int, sentence: int) -> np.ndarray:
    region = regions.region(base)
    return region[sentence if len(region) > 1 else 0].reshape(-1, BYTES)


@settings(max_examples=60)
@given(BASES, st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), SEED)
def test_load_and_store(
    base: MemoryBase, rows: int, columns: int, pass_number: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    stride, address, offset = columns + rng.integers(0, 4), *rng.integers(0, 50, 2)
    pitch = rng.choice([0, rows * columns, rows * columns + int(rng.integers(0, 50))])
    operands = {
        "rows": rows,
        "columns": columns,
        "memory_base": base,
        "pitch": int(pitch),
        "memory_offset": int(offset),
    }
    first = offset + (pass_number - 1) * pitch
    external = memory(rng, 600, 2)
    scratchpad = random_scratchpad(rng, CONFIG, 2)
    expected = scratchpad.copy()
    for sentence, words in enumerate(expected):
        source = words_of(external, base, sentence)
        for r in range(rows):
            for k in range(columns):
                words[address + r * stride + k] = source[first + r * columns + k]
    place = {"o_address": int(address), "o_stride": int(stride)}
    one = resolved(Instruction(Opcode.LOAD, operands | place), CONFIG)
    load(one, scratchpad, external, CONFIG, pass_number=pass_number)
    np.testing.assert_array_equal(scratchpad, expected)

    place = {"a_address": int(address), "a_stride": int(stride)}
    given = Instruction(Opcode.STORE, operands | place)
    if base not in WRITABLE:
        rule = f"^OPERAND: store: memory_base must be OUTPUT or SCRATCH, not {base.name}$"
        with pytest.raises(InstructionError, match=rule):
            resolved(given, CONFIG)
        return
    one = resolved(given, CONFIG)
    scratchpad = random_scratchpad(rng, CONFIG, 2)
    before = {key: region.copy() for key, region in external.regions.items()}
    store(one, scratchpad, external, CONFIG, pass_number=pass_number)
    for sentence in range(2):
        target = before[base][sentence].reshape(-1, BYTES)
        for r in range(rows):
            for k in range(columns):
                target[first + r * columns + k] = scratchpad[sentence, address + r * stride + k]
    for key, region in external.regions.items():
        np.testing.assert_array_equal(region, before[key])


@settings(max_examples=60)
@given(BASES, BASES, st.integers(1, 9), st.integers(1, 5), st.integers(1, 3), SEED)
def test_gather(
    base: MemoryBase, index_base: MemoryBase, rows: int, columns: int, batch: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    stride, address, offset = columns + rng.integers(0, 4), *rng.integers(0, 50, 2)
    external, table_rows = memory(rng, 200, batch), 7
    index_offset = 150 + int(rng.integers(0, 200 - 150 - rows))
    image = external.image.copy()
    external = memory_of(CONFIG, b"", external.regions)
    external = type(external)(image, external.regions, BYTES)
    region = external.region(index_base)
    numbers = rng.integers(0, table_rows, (len(region), rows)).astype("<u4")
    region[:, index_offset * BYTES :][:, : 4 * rows] = numbers.view(np.uint8)
    operands = {
        "rows": rows,
        "columns": columns,
        "memory_base": base,
        "index_base": index_base,
        "memory_offset": int(offset),
        "index_offset": index_offset,
        "index_limit": table_rows,
        "o_address": int(address),
        "o_stride": int(stride),
    }
    scratchpad = random_scratchpad(rng, CONFIG, batch)
    expected = scratchpad.copy()
    for sentence, words in enumerate(expected):
        table = words_of(external, base, sentence)[offset:]
        row_numbers = numbers[sentence if len(numbers) > 1 else 0]
        for i, number in enumerate(row_numbers):
            for k in range(columns):
                words[address + i * stride + k] = table[number * columns + k]
    one = resolved(Instruction(Opcode.GATHER, operands), CONFIG)
    gather(one, scratchpad, external, CONFIG)
    np.testing.assert_array_equal(scratchpad, expected)


def fails(fault: MachineFault, message: str, action, *arguments, **named) -> InstructionError:
    with pytest.raises(InstructionError, match=f"^{re.escape(f'{fault.name}: {message}')}$") as got:
        action(*arguments, **named)
    assert got.value.fault is fault
    return got.value


def test_memory_that_is_not_there() -> None:
    rng = np.random.default_rng(1)
    external, scratchpad = memory(rng, 20, 2), random_scratchpad(rng, CONFIG, 2)
    untouched = scratchpad.copy()
    operands = {"rows": 2, "columns": 5, "memory_base": 2, "memory_offset": 4, "pitch": 10}
    one = resolved(Instruction(Opcode.LOAD, operands | {"o_stride": 5}), CONFIG)
    load(one, scratchpad, external, CONFIG, pass_number=1)
    scratchpad[:] = untouched
    fails(
        MachineFault.DMA_READ,
        "words 14…23 of OUTPUT must lie within its 80 bytes",
        *(load, one, scratchpad, external, CONFIG),
        pass_number=2,
    )
    one = resolved(Instruction(Opcode.STORE, operands | {"a_stride": 5}), CONFIG)
    before = external.region(MemoryBase.OUTPUT).copy()
    fails(
        MachineFault.DMA_WRITE,
        "words 14…23 of OUTPUT must lie within its 80 bytes",
        *(store, one, scratchpad, external, CONFIG),
        pass_number=2,
    )
    np.testing.assert_array_equal(external.region(MemoryBase.OUTPUT), before)
    np.testing.assert_array_equal(scratchpad, untouched)


def test_row_numbers_at_fault() -> None:
    """The first row at fault decides; sentences fail one by one, and nothing is written."""
    rng = np.random.default_rng(1)
    external, scratchpad = memory(rng, 20, 4), random_scratchpad(rng, CONFIG, 4)
    untouched = scratchpad.copy()
    numbers = np.array([[1, 9, 5], [0, 1, 2], [5, 9, 0], [8, 0, 1]], dtype="<u4")
    external.region(MemoryBase.INPUT)[:, :12] = numbers.view(np.uint8)
    operands = {
        "rows": 3,
        "columns": 4,
        "o_stride": 4,
        "memory_base": 3,
        "index_base": 1,
        "index_limit": 8,
    }
    one = resolved(Instruction(Opcode.GATHER, operands), CONFIG)
    error = fails(
        MachineFault.INDEX,
        "gather: row numbers must be below 8, not 9",
        *(gather, one, scratchpad, external, CONFIG),
    )
    assert error.sentences is not None
    assert error.sentences.tolist() == [True, False, False, False]  # one reason at a time
    error = fails(
        MachineFault.DMA_READ,
        "gather: row 5 of the table must lie within SCRATCH",
        *(gather, one, scratchpad[1:3], external.part(slice(1, 3)), CONFIG),
    )
    assert error.sentences is not None
    assert error.sentences.tolist() == [False, True]
    fails(
        MachineFault.DMA_READ,
        "words 18…20 of INPUT must lie within its 80 bytes",
        gather,
        resolved(Instruction(Opcode.GATHER, operands | {"index_offset": 18}), CONFIG),
        *(scratchpad, external, CONFIG),
    )
    far = resolved(Instruction(Opcode.GATHER, operands | {"memory_offset": 1 << 31}), CONFIG)
    error = fails(
        MachineFault.DMA_READ,
        "gather: row 0 of the table must lie within SCRATCH",
        *(gather, far, scratchpad[1:2], external.part(slice(1, 2)), CONFIG),
    )
    np.testing.assert_array_equal(scratchpad, untouched)
