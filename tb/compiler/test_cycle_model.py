"""The cycle model by itself: what can be counted on paper, and the programs of shapes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from alembert.config.isa import Instruction, MemoryBase, Opcode, Unit
from alembert_compiler.classifier import Classifier
from alembert_compiler.compile import compile_model
from alembert_compiler.cycles import Prediction, predict, shape_program
from alembert_compiler.cycles.banks import Waits
from alembert_compiler.cycles.kernel import Event, Kernel, Process
from alembert_compiler.fit import FitWarning
from alembert_compiler.model_config import ModelConfig
from alembert_golden.machine_fault import InstructionError
from compiler.compiled_models import BERT, CONFIG, MACHINES, calibration_of, random_model

EDGE16 = MACHINES["edge16"]
HALT = Instruction(Opcode.HALT)


def layer(length: int, *, layers: int = 1, **options: int) -> Prediction:
    """An encoder of hidden size 256, 8 heads, FFN 512."""
    program = shape_program(
        hidden=256, heads=8, ffn=512, layers=layers, length=length, machine=EDGE16
    )
    return predict(EDGE16, program, length=length, **options)


def test_events_happen_in_order() -> None:
    """Registers before processes in a cycle; who waits goes on when the event happens."""
    kernel, seen = Kernel(), []
    event = Event(kernel)

    def process() -> Process:
        yield 3
        seen.append(("process", kernel.now))
        yield event
        seen.append(("event", kernel.now))

    kernel.resume(process())
    kernel.at(7, event.fire)
    kernel.at(3, lambda: seen.append(("register", kernel.now)))
    kernel.run()
    assert seen == [("register", 3), ("process", 3), ("event", 7)]


def test_a_wait_in_a_bank() -> None:
    waits = Waits(8)
    assert [waits.of(4, 1) for _ in range(4)] == [0, 1, 0, 1]
    assert Waits(2).of(10, 5) == 10


@pytest.mark.parametrize("latency", [0, 40, 100])
def test_halt_waits_for_its_fetch(latency: int) -> None:
    """A burst asked for, decoded when two words have come, and executed."""
    ask, reader, arbiter, beats, decode, execute = 1, 5, 2, 4, 8, 1
    cycles = ask + reader + arbiter + latency + beats + decode + execute
    assert predict(EDGE16, [HALT], length=1, latency=latency).cycles == cycles


def test_passes_follow_each_other() -> None:
    """64 × 256 × 256 is 16 tiles of 16 passes of 64 vectors; weights take half of a pass."""
    operands = {"rows": 64, "columns": 256, "depth": 256, "o_stride": 16, "a_stride": 16}
    linear = Instruction(Opcode.LINEAR, {**operands, "a_address": 1024})
    predicted = predict(EDGE16, [linear, HALT], length=1)
    record = predicted.instructions[0]
    assert record.work == 16 * 16 * 64 == record.fed - record.started + 1
    assert predicted.units[Unit.MATRIX].work == record.work
    # with 8 rows a pass waits for 32 beats of weights, a tile's last for its parameters too
    few = predict(EDGE16, [Instruction(Opcode.LINEAR, {**operands, "rows": 8}), HALT], length=1)
    beats = 16 * (16 + 1) * 32
    assert beats - 64 < few.instructions[0].fed - few.instructions[0].started < beats + 64


def test_the_layer_of_the_goal() -> None:
    """92 % of the peak over a pass of hidden 256, 8 heads, FFN 512, 64 tokens."""
    predicted = layer(64, layers=2)
    spans = predicted.passes
    assert len(spans) == 2
    for number, (first, last) in enumerate(spans, start=1):
        work = sum(
            each.work
            for each in predicted.instructions
            if each.pass_number == number and each.unit is Unit.MATRIX and each.dispatched >= first
        )
        assert work >= 139_264
        assert work / (last - first + 1) >= 0.92


def test_albert_base_in_less_than_its_goal() -> None:
    """Hidden 768, 12 heads, FFN 3072, 128 tokens: the roof at 256 multiplications a cycle is 3.64 M
    cycles."""
    program = shape_program(hidden=768, heads=12, ffn=3072, layers=1, length=128, machine=EDGE16)
    assert program.words < 1 << 20
    message = "the program takes 67744 words of scratchpad, and the machine has 8192"
    with pytest.warns(FitWarning, match=f"^{message}$"):
        ((first, last),) = predict(EDGE16, program, length=128).passes
    multiplications = 128 * (4 * 768 * 768 + 2 * 768 * 3072) + 2 * 128 * 128 * 768
    assert multiplications / 256 < last - first + 1 <= 3_950_000


def test_passes_and_exits() -> None:
    """Fewer passes, by MAX_PASSES or by an exit, take less time."""
    three = layer(16, layers=3)
    assert len(three.passes) == 3
    two, left = layer(16, layers=3, passes=2), layer(16, layers=3, exit_pass=2)
    assert len(two.passes) == len(left.passes) == 2
    assert two.passes[0] == left.passes[0] == three.passes[0]
    assert three.passes[1][1] < three.cycles
    assert two.cycles < three.cycles and left.cycles < three.cycles


@pytest.mark.parametrize(
    ("config", "activations"), [(CONFIG, "static"), (BERT, "static"), (BERT, "token")]
)
def test_every_pass_is_counted(config: ModelConfig, activations: str) -> None:
    """In a loop, and where passes follow one another; however many are asked for."""
    machine, model = MACHINES["ternary"], random_model(config)
    image = compile_model(
        model, machine, calibration_of(model), max_length=9, activations=activations
    )
    spans = predict(machine, image, length=9).passes
    assert len(spans) == config.num_hidden_layers
    assert all(first < last for first, last in spans)
    assert all(a < b for (a, _), (b, _) in pairwise(spans))
    for passes in (1, 2):
        for options in ({"passes": passes}, {"exit_pass": passes}):
            found = predict(machine, image, length=9, **options).passes
            assert [first for first, _ in found] == [first for first, _ in spans[:passes]]
            assert found[:-1] == spans[: passes - 1]
            assert abs(found[-1][1] - spans[passes - 1][1]) < 100  # HALT is part of the last


def test_slower_memory_takes_longer() -> None:
    cycles = [layer(16, latency=latency).cycles for latency in (0, 20, 40, 80)]
    assert cycles == sorted(set(cycles))


def test_the_program_of_a_shape_is_the_compilers() -> None:
    """But for numbers: the same instructions, dimensions and strides."""
    config = ModelConfig(**{**vars(CONFIG), "embedding_size": 16})
    model = random_model(config)
    head = Classifier(((np.ones((32, 2)) * [1, -1], np.zeros(2)),))
    machine = MACHINES["tiny"]
    image = compile_model(model, machine, calibration_of(model), max_length=9, head=head)
    shaped = shape_program(
        hidden=32, heads=2, ffn=52, layers=3, length=9, machine=machine, embedding=16
    )
    has_lifts = any(each.operands.get("has_lifts") for each in image.program_code)
    expected = [_bare(each) for each in image.program_code]
    found = [_bare(each) for each in shaped.instructions]
    if not has_lifts:  # then there is no instruction that loads them
        (number,) = (k for k, note in enumerate(shaped.notes) if note == "parameters of GELU")
        del found[number]
    assert found == expected


def _bare(instruction: Instruction) -> tuple[Opcode, tuple[int | None, ...]]:
    names = ("rows", "columns", "depth", "kind", "unit", "o_stride", "a_stride", "b_stride")
    return instruction.opcode, tuple(instruction.operands.get(name) for name in names)


def test_regions_do_not_meet() -> None:
    program = [
        Instruction(Opcode.LOAD, {"rows": 2, "columns": 3, "o_stride": 3, "memory_base": base})
        for base in MemoryBase
    ]
    predicted = predict(EDGE16, [*program, HALT], length=1)
    assert predicted.units[Unit.DMA].work == 4 * 6
    assert predicted.read_beats >= 4 * 6 * 2


def test_illegal_instructions_are_refused() -> None:
    zero = Instruction(Opcode.SOFTMAX, {"rows": 1, "columns": 2000, "a_stride": 1, "o_stride": 1})
    message = "OPERAND: softmax: columns must be at most 1024, not 2000"
    with pytest.raises(InstructionError, match=f"^{message}$"):
        predict(EDGE16, [zero, HALT], length=1)


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_queues_of_any_depth(depth: int) -> None:
    """More instructions than fit wait to be dispatched; what is computed takes as long."""
    machine = replace(EDGE16, queue_depth=depth)
    operands = {"rows": 64, "columns": 16, "depth": 16, "o_stride": 1, "a_stride": 1, "b_stride": 1}
    program = [Instruction(Opcode.MATMUL, {**operands, "a_address": 1024, "b_address": 2048})] * 12
    predicted = predict(machine, [*program, HALT], length=1)
    records = predicted.instructions[:12]
    assert all(a.ended < b.ended for a, b in pairwise(records))
    for index in range(depth + 1, 12):
        assert records[index].dispatched > records[index - depth - 1].ended
