"""Compiled models on generated machines: every tensor of every pass is the golden machine's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembert.config.isa import INSTRUCTION_BYTES
from alembert.machine import Alembert
from alembert_compiler.assembler import to_bytes
from alembert_compiler.compile import compile_quantised
from alembert_compiler.image import Image
from alembert_compiler.quantise_model import quantise_model
from alembert_golden.machine import Machine
from compiler.compiled_models import TOKENS, calibration_of, random_model
from machine.machines import MACHINES
from machine.stores import KeptProgram, keep_everything
from support.simulate import simulate

NATS = 1 << 16
JOBS = (
    # tokens, targets, threshold, most passes, how memory pauses
    (13, (0, 3, 12), 0.0, 0, "never"),
    (5, (4,), 0.0, 2, "random"),
    (13, (1, 2), 7.9, 0, "bursts"),
    (1, (0,), 0.0, 1, "alternate"),
    (16, (15,), 0.0, 1, "mostly"),
)
"""Sentences of different lengths: whole and part words, one row and several blocks of rows."""


def _jobs(name: str) -> tuple[tuple[int, tuple[int, ...], float, int, str], ...]:
    """All of them for the first machine, those in the middle for the others."""
    return JOBS if name == "adaptivfloat" else JOBS[1:4]


def _job(
    number: int, image: Image, kept: KeptProgram, code: bytes, folder: Path, sizes: dict[str, int]
) -> dict[str, Any]:
    """A sentence's files and what must be read afterwards, by the golden machine."""
    length, targets, threshold, max_passes, pause = _jobs(folder.name)[number]
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
        image.data + code,
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
        ("image", image.data + code),
        ("input", inputs.tobytes()),
        ("output", result.output[0].tobytes()),
        ("scratch", result.scratch[0].tobytes()),
    ):
        (folder / f"{name}_{number}").write_bytes(content)
    results = ("passes", "exited", "predicted_class", "entropy")
    return {
        "pause": pause,
        "settings": settings,
        "results": {name: int(getattr(result, name)[0]) for name in results},
        "tensors": kept.kept,
    }


@pytest.mark.parametrize("name", MACHINES)
def test_every_tensor_of_a_model(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    machine, model = MACHINES[name], random_model()
    quantised = quantise_model(model, calibration_of(model), machine)
    image = compile_quantised(quantised, max_length=16, max_targets=5, keep_hidden=True)
    programs = []
    for length, targets, *_ in _jobs(name):
        programs.append(
            keep_everything(
                image.program_code,
                machine,
                length=length,
                targets=len(targets),
                start=image.output_words,
            )
        )
    passes = image.passes * max(kept.words for kept in programs)
    code = max(len(kept.instructions) for kept in programs) * INSTRUCTION_BYTES
    sizes = {
        "image": len(image.data) + code,
        "input": image.input_words * image.word_bytes,
        "output": (image.output_words + passes) * image.word_bytes,
        "scratch": image.scratch_words * image.word_bytes,
    }
    jobs = [
        _job(number, image, kept, to_bytes(kept.instructions), folder, sizes)
        for number, kept in enumerate(programs)
    ]
    exits = [job["results"]["exited"] for job in jobs]
    assert any(exits), "one of the sentences is to leave early"
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
