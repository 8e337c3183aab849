"""The golden machine's control: decoding, loops, exits, faults, batches."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from alembert.config import VmacArrayConfig, VmacConfig
from alembert.config.command import MachineFault
from alembert.config.isa import Opcode
from alembert_compiler.assembler import assemble, to_bytes
from alembert_golden.machine import Machine, RunResult
from hypothesis import given, settings
from hypothesis import strategies as st
from machine.golden_machines import MACHINES, machine
from support.formats import PAIRS
from support.programs import any_instruction

CONFIG = MACHINES["adaptivfloat"]
OPTIONS: dict[str, Any] = {"program": 0, "length": 3, "targets": 1, "threshold": 0}
NONE = np.zeros((1, 0), dtype=np.uint8)


def run(text: str, inputs=NONE, **options) -> RunResult:
    return Machine(CONFIG).run(to_bytes(assemble(text)), inputs, **{**OPTIONS, **options})


def words(*values: int) -> np.ndarray:
    return np.array([values], dtype="<u4").view(np.uint8)


LOOP = """
    load rows=1 columns=1 o_stride=1 memory_base=INPUT
pass:
    store rows=1 columns=1 a_stride=1 memory_base=OUTPUT pitch=1
    load rows=1 columns=1 o_stride=1 memory_base=INPUT pitch=1
    loop target=pass count=4
    halt
"""


@pytest.mark.parametrize(("max_passes", "passes"), [(0, 4), (1, 1), (3, 3), (4, 4), (9, 4)])
def test_loops(max_passes: int, passes: int) -> None:
    """Pass p stores what pass p − 1 loaded."""
    result = run(LOOP, words(11, 22, 33, 44, 55), max_passes=max_passes, output_bytes=20)
    assert result.passes.tolist() == [passes]
    assert result.fault == (MachineFault.NONE,)
    stored = result.output.view("<u4")[0].tolist()
    assert stored == [11, 11, 22, 33][:passes] + [0] * (5 - passes)
    assert result.instructions.tolist() == [1 + 3 * passes + 1]
    assert not result.exited.any()


EXIT = """
pass:
    load rows=1 columns=4 o_stride=4 memory_base=INPUT pitch=4
    entropy rows=1 columns=8 a_stride=4 o_address=100 o_stride=2
    exit target=out
    loop target=pass count=3
    store rows=1 columns=1 a_address=0 a_stride=1 memory_base=OUTPUT
    halt
out:
    store rows=1 columns=2 a_address=100 a_stride=2 memory_base=OUTPUT memory_offset=1 pitch=2
    halt
"""


def logits_of(passes: list[int]) -> np.ndarray:
    """For each sentence its logits in three passes; in pass p it has no doubt but about class p."""
    found = np.zeros((len(passes), 3, 8), dtype="<i2")
    for sentence, which in enumerate(passes):
        found[sentence, :, 7] = 5
        if which <= 3:
            found[sentence, which - 1, which] = 20 << 10
    return found.reshape(len(passes), -1).view(np.uint8)


def test_sentences_exit_one_by_one() -> None:
    leave_at = [2, 9, 1, 3, 2, 9, 9, 1, 3, 2]
    result = run(EXIT, logits_of(leave_at), threshold=1000, output_bytes=28)
    assert result.passes.tolist() == [min(p, 3) for p in leave_at]
    assert result.exited.tolist() == [p <= 3 for p in leave_at]
    assert result.predicted_class.tolist() == [p if p <= 3 else 7 for p in leave_at]
    assert set(result.fault) == {MachineFault.NONE}
    stored = result.output.view("<u4")
    for row, p, entropy in zip(stored, leave_at, result.entropy):
        expected = np.zeros(7, dtype=np.int64)
        if p <= 3:
            expected[1 + 2 * (p - 1) : 3 + 2 * (p - 1)] = [p | 1 << 16, entropy]
            assert entropy < 1000
        else:
            expected[0] = 0  # logits 0 and 1
            assert abs(entropy - np.log(8) * 65536) < 100
        np.testing.assert_array_equal(row, expected)
    assert result.instructions.tolist() == [4 * p + 1 if p <= 3 else 14 for p in leave_at]


def test_an_exit_needs_a_test_and_every_row() -> None:
    result = run("exit target=2\nhalt\nstore rows=1 columns=1\n")
    assert (result.exited.any(), result.fault) == (False, (MachineFault.NONE,))
    text = """
    load rows=1 columns=8 o_stride=8 memory_base=INPUT
    entropy rows=2 columns=8 a_stride=4 o_address=100 o_stride=2
    exit target=out
    out: halt
    """
    for passes, exited in (([1, 1], True), ([1, 9], False), ([9, 1], False)):
        rows = np.concatenate([logits_of([p])[0, :16] for p in passes])
        assert run(text, rows[np.newaxis], threshold=1000).exited.tolist() == [exited]


def same(one: RunResult, other: RunResult) -> None:
    for each in fields(RunResult):
        np.testing.assert_array_equal(
            getattr(one, each.name), getattr(other, each.name), err_msg=each.name
        )


def part(result: RunResult, sentence: int) -> RunResult:
    some = slice(sentence, sentence + 1)
    return RunResult(**{each.name: getattr(result, each.name)[some] for each in fields(RunResult)})


def test_a_batch_is_its_sentences_one_by_one() -> None:
    """Sentences that exit in any pass, or fault, in more than one chunk; by threads as well."""
    rng = np.random.default_rng(1)
    inputs = np.concatenate(
        [
            logits_of(rng.integers(1, 5, 70).tolist()),
            np.array(rng.integers(0, 12, (70, 1)), dtype="<u4").view(np.uint8),
        ],
        axis=1,
    )
    gather = "gather rows=1 columns=1 o_address=9 o_stride=1 index_base=INPUT index_offset=12 "
    text = EXIT.replace("    exit", f"    {gather} index_limit=10\n    exit", 1)
    text = text.replace(
        "    halt", "    store rows=1 columns=1 a_address=9 memory_base=SCRATCH\n halt"
    )
    options = {"threshold": 1000, "output_bytes": 28, "scratch_bytes": 4}
    batch = run(text, inputs, **options)
    assert {MachineFault.NONE, MachineFault.INDEX} == set(batch.fault)
    assert set(batch.passes.tolist()) == {1, 2, 3} and batch.scratch.any()
    for sentence in range(len(inputs)):
        same(part(batch, sentence), run(text, inputs[sentence : sentence + 1], **options))
    same(batch, run(text, inputs, workers=3, **options))
    same(batch, run(text, inputs, trace=lambda event: None, **options))


def test_a_program_elsewhere() -> None:
    """It begins at any word; numbers of instructions count from its first."""
    code = bytes(12) + to_bytes(assemble("barrier\nloop target=0 count=3\nhalt"))
    result = Machine(CONFIG).run(code, NONE, **{**OPTIONS, "program": 3})
    assert (result.passes.tolist(), result.instructions.tolist()) == ([3], [7])


def test_an_instruction_of_one_wide_word() -> None:
    wide = machine(
        VmacArrayConfig(vmac=VmacConfig(pair=PAIRS["int8"], lanes=64), vmacs=16), word_width=512
    )
    padded = b"".join(
        each.encode().to_bytes(32, "little") + b"\xff" * 32
        for each in assemble("loop target=0 count=2\nhalt")
    )
    result = Machine(wide).run(padded, NONE, **OPTIONS)
    assert (result.passes.tolist(), result.fault) == ([2], (MachineFault.NONE,))


def test_trace() -> None:
    events = []
    run(LOOP, np.repeat(words(1, 2, 3, 4, 5), 2, axis=0), trace=events.append, output_bytes=20)
    assert [(event.number, event.pass_number) for event in events[:4]] == [
        (0, 1),
        (1, 1),
        (2, 1),
        (1, 2),
    ]
    assert len(events) == 9
    assert [event.instruction.opcode for event in events[:2]] == [Opcode.LOAD, Opcode.STORE]
    assert events[1].rows is None
    assert [event.rows[0, 0, 0, 0] for event in events[::2]] == [1, 1, 2, 3, 4]
    assert events[0].rows.shape == (2, 1, 1, 4)
    assert events[0].sentences.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "fault", "number", "reason"),
    [
        (
            "barrier",
            "FETCH",
            1,
            "instruction 1 must lie within the 32 bytes of IMAGE",
        ),
        (
            "loop target=65535 count=2",
            "FETCH",
            65535,
            "instruction 65535 must lie within the 32 bytes of IMAGE",
        ),
        (
            "load columns=1",
            "DMA_READ",
            0,
            "words 0…2 of INPUT must lie within its 0 bytes",
        ),
        (
            "store columns=1",
            "DMA_WRITE",
            0,
            "words 0…2 of OUTPUT must lie within its 8 bytes",
        ),
        (
            "linear rows=1 columns=4 depth=4 memory_offset=3",
            "WEIGHTS_READ",
            0,
            "words 3…22 of IMAGE must lie within its 32 bytes",
        ),
        (
            "loop target=0 count=65535",
            "TIMEOUT",
            0,
            "a run must end before 50 instructions",
        ),
    ],
)
def test_faults_of_a_run(text: str, fault: str, number: int, reason: str) -> None:
    text = text.replace("load", "load o_stride=1 memory_base=INPUT")
    text = text.replace("store", "store a_stride=1 memory_base=OUTPUT")
    result = run(text, np.zeros((2, 0), np.uint8), max_instructions=50, output_bytes=8)
    assert [each.name for each in result.fault] == [fault] * 2
    assert result.fault_number.tolist() == [number] * 2
    assert result.reason == (reason,) * 2


def test_no_instruction_beyond_65535() -> None:
    jump, barrier = to_bytes(assemble("loop target=65535 count=2")), to_bytes(assemble("barrier"))
    result = Machine(CONFIG).run(jump + barrier * 65535, NONE, **OPTIONS)
    assert result.fault == (MachineFault.FETCH,)
    assert result.fault_number.tolist() == [65536]
    assert result.reason == ("an instruction's number must be at most 65535, not 65536",)


@settings(max_examples=150)
@given(st.lists(any_instruction(), max_size=6), st.integers(0, 2**32 - 1))
def test_anything_ends_in_a_result(program, seed: int) -> None:
    """Programs at random, behind them anything: a result, or a fault by name."""
    image = to_bytes(program) + np.random.default_rng(seed).bytes(64)
    result = Machine(CONFIG).run(image, NONE, **OPTIONS, max_instructions=200)
    fault = result.fault[0]
    assert bool(result.reason[0]) == (fault is not MachineFault.NONE)


@pytest.mark.parametrize(
    ("inputs", "options", "kind", "message"),
    [
        (NONE, {"length": 65536}, ValueError, "length must be between 0 and 65535, not 65536"),
        (NONE, {"targets": -1}, ValueError, "targets must be between 0 and 65535, not -1"),
        (
            NONE,
            {"threshold": 1 << 19},
            ValueError,
            "threshold must be between 0 and 524287, not 524288",
        ),
        (NONE, {"max_passes": 1.5}, TypeError, "max_passes must be an int, not 1.5"),
        (NONE, {"workers": 0}, ValueError, "workers must be between 1 and 1024, not 0"),
        (
            NONE,
            {"output_bytes": -1},
            ValueError,
            "output_bytes must be between 0 and 4294967295, not -1",
        ),
        (
            np.zeros(4, np.uint8),
            {},
            ValueError,
            "inputs must be uint8 [batch, bytes], not uint8 [4]",
        ),
        (
            np.zeros((1, 4)),
            {},
            ValueError,
            "inputs must be uint8 [batch, bytes], not float64 [1, 4]",
        ),
    ],
)
def test_bad_arguments_are_refused(inputs, options, kind, message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        run("halt", inputs, **options)


def test_no_sentences() -> None:
    result = run("halt", np.zeros((0, 4), np.uint8))
    assert result.passes.shape == (0,) and result.fault == ()


def test_another_image_is_not_the_first() -> None:
    """Weights that stay decoded are those of the image at hand."""
    vmac = VmacConfig(pair=PAIRS["int8"], lanes=4, max_depth=64)
    config = machine(VmacArrayConfig(vmac=vmac, vmacs=4))
    text = """
    load rows=1 columns=1 o_stride=1 memory_base=INPUT
    linear rows=1 columns=1 depth=1 memory_offset=40 a_stride=1 o_address=9 o_stride=1
    store rows=1 columns=1 a_address=9 a_stride=1 memory_base=OUTPUT
    halt
    """
    code = to_bytes(assemble(text)).ljust(160, b"\0")
    golden = Machine(config)
    for weight in (3, 5, 3):
        layer = bytes([weight]) + bytes(11) + bytes([1]) + bytes(7)
        result = golden.run(code + layer, words(7), **OPTIONS)
        assert result.output[0, 0] == 7 * weight, result.reason
