"""Compiled models on generated machines: every tensor of every pass is the golden machine's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembert.config.isa import INSTRUCTION_BYTES, Instruction, Opcode
from alembert.config.machine import MachineConfig
from alembert.config.registers import SATURATIONS
from alembert.machine import Alembert
from alembert_compiler.assembler import to_bytes
from alembert_compiler.compile import compile_model
from alembert_compiler.image import Image
from alembert_golden.machine import Machine
from compiler.compiled_models import TOKENS, calibration_of, random_model
from machine.machines import MACHINES
from machine.stores import KeptProgram, keep_everything
from support.simulate import simulate

NATS = 1 << 16
JOBS = (
    # tokens, targets, threshold, most passes, how memory pauses, how activations are scaled
    (13, (0, 3, 12), 0.0, 0, "never", "static"),
    (5, (4,), 0.0, 2, "random", "static"),
    (13, (1, 2), 7.9, 0, "bursts", "static"),
    (1, (0,), 0.0, 1, "alternate", "static"),
    (16, (15,), 0.0, 1, "mostly", "static"),
)
"""Sentences of different lengths: whole and part words, one row and several blocks of rows."""
LOUD = (5, (4,), 0.0, 1, "random", "static")
"""The last one of a machine: numbers are far beyond what the calibration saw."""
TOKEN_JOBS = (
    (13, (0, 3, 12), 0.0, 2, "random", "token"),
    (1, (0,), 0.0, 1, "never", "token"),
)


def _jobs(name: str) -> tuple[tuple[int, tuple[int, ...], float, int, str, str], ...]:
    """All of them for the first machine, those in the middle for the others; two with activations
    scaled token by token; and one that is loud."""
    some = JOBS if name == "adaptivfloat" else JOBS[1:4]
    return (*some, *(TOKEN_JOBS if name == "ternary" else ()), LOUD)


def _louder(instruction: Instruction, machine: MachineConfig) -> Instruction:
    """Products 2^10 times as large as they should be, residual sums as large as can be."""
    operands = dict(instruction.operands)
    if instruction.opcode is Opcode.MATMUL:
        name = "exponent" if machine.main.encodes_adaptivfloat else "shift"
        operands[name] = max(0, operands[name] - 10) if operands["kind"] else operands[name]
    elif instruction.opcode is Opcode.LAYERNORM:
        operands |= {"b_multiplier": 0xFFFF, "shift": 0}
    return Instruction(instruction.opcode, operands)


def _job(
    number: int, image: Image, kept: KeptProgram, folder: Path, sizes: dict[str, int]
) -> dict[str, Any]:
    """A sentence's files and what must be read afterwards, by the golden machine."""
    length, targets, threshold, max_passes, pause, _ = _jobs(folder.name)[number]
    code = to_bytes(kept.instructions)
    ids = np.resize(TOKENS[number % len(TOKENS)], length)
    machine = MACHINES[folder.name]
    program = len(image.data) // image.word_bytes
    inputs = image.input_bytes(ids[np.newaxis], np.array([targets]))
    settings = {
        "program": program,
        "length": length,
        "targets": len(targets),
        "threshold": round(threshold * NATS),
        "max_passes": max_passes,
    }
    result = Machine(machine).run(
        bytes(image.data) + code,
        inputs,
        program=program,
        length=length,
        targets=len(targets),
        threshold=settings["threshold"],
        max_passes=max_passes,
        output_bytes=sizes["output"],
        scratch_bytes=sizes["scratch"],
    )
    assert result.reason == ("",)
    for name, content in (
        ("image", bytes(image.data) + code),
        ("input", inputs.tobytes()),
        ("output", result.output[0].tobytes()),
        ("scratch", result.scratch[0].tobytes()),
    ):
        (folder / f"{name}_{number}").write_bytes(content)
    results = ("passes", "exited", "predicted_class", "entropy")
    saturated = zip(SATURATIONS.values(), result.saturated[0].tolist())
    return {
        "pause": pause,
        "settings": settings,
        "results": {name: int(getattr(result, name)[0]) for name in results} | dict(saturated),
        "tensors": kept.kept,
    }


def _sizes(image: Image, kept: KeptProgram) -> dict[str, int]:
    """Bytes of each region."""
    words = {
        "input": image.input_words,
        "output": image.output_words + image.passes * kept.words,
        "scratch": image.scratch_words,
    }
    code = len(kept.instructions) * INSTRUCTION_BYTES
    sizes = {region: count * image.word_bytes for region, count in words.items()}
    return {**sizes, "image": len(image.data) + code}


@pytest.mark.parametrize("name", MACHINES)
def test_every_tensor_of_a_model(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    machine, model = MACHINES[name], random_model()
    seen = calibration_of(model)
    images = {
        activations: compile_model(
            model,
            machine,
            seen,
            max_length=16,
            max_targets=5,
            activations=activations,
            keep_hidden=True,
        )
        for activations in {each[-1] for each in _jobs(name)}
    }
    programs = []
    for number, (length, targets, *_, activations) in enumerate(_jobs(name), start=1):
        image = images[activations]
        code = image.program_code
        if number == len(_jobs(name)):
            code = [_louder(each, machine) for each in code]
        kept = keep_everything(
            code,
            machine,
            length=length,
            targets=len(targets),
            start=image.output_words,
        )
        programs.append((image, kept))
    sizes = {
        region: max(_sizes(image, kept)[region] for image, kept in programs)
        for region in ("image", "input", "output", "scratch")
    }
    jobs = [
        _job(number, image, kept, folder, sizes) for number, (image, kept) in enumerate(programs)
    ]
    exits = [job["results"]["exited"] for job in jobs]
    assert any(exits), "one of the sentences is to leave early"
    products = "matrix" if machine.attention is None else "attention"
    for unit in (products, "special"):
        assert jobs[-1]["results"][f"{unit}_saturated"] > 10
    simulate(
        Alembert(machine),
        simulator="verilator",
        module="machine.bench_run",
        top=f"alembert_{name}",
        machine=name,
        folder=str(folder),
        jobs=jobs,
        sizes=sizes,
        cycles=600_000,
    )
