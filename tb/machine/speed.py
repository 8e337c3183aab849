"""How fast a whole machine simulates under cocotb: one run of an image, compared with golden."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from alembert.config.machine import MachineConfig
from alembert.flows.verilog import generate_verilog
from alembert.machine import Alembert
from alembert_compiler.image import Image
from alembert_golden.machine import Machine
from alembert_runtime.clocked import CLOCKED, TOP, clocked_inputs, clocked_top
from numpy.typing import ArrayLike
from support.simulate import simulate_verilog

__all__ = ["Speed", "measure_speed"]


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What a run took.

    Parameters
    ----------
    cycles : int
        By the machine's own counter.
    cycles_per_second : float
        Clock cycles a second of the simulation's processor time, from doorbell to interrupt.
    """

    cycles: int
    cycles_per_second: float


def measure_speed(
    machine: MachineConfig,
    image: Image,
    tokens: ArrayLike,
    targets: ArrayLike,
    folder: Path,
    *,
    max_passes: int = 0,
    latency: int = 40,
    answer: int = 10,
) -> Speed:
    """Run an image on a sentence under Verilator and cocotb.

    Parameters
    ----------
    machine : MachineConfig
    image : Image
        Compiled for it.
    tokens : array of int, [T]
    targets : array of int, [n]
    folder : Path
        For what goes in and out.
    max_passes : int
        Passes at most; 0: as many as the model has.
    latency, answer : int
        Cycles of the memory, as the compiled simulation's.
    """
    targets = np.asarray(targets)
    inputs = image.input_bytes(np.asarray(tokens)[np.newaxis], targets[np.newaxis])
    expected = Machine(machine).run(
        image.data,
        inputs,
        program=image.program,
        length=np.size(tokens),
        targets=max(1, targets.size),
        threshold=0,
        max_passes=max_passes,
        output_bytes=image.output_words * image.word_bytes,
        scratch_bytes=image.scratch_words * image.word_bytes,
    )
    assert expected.reason == ("",)
    contents = {
        "image": image.data,
        "input": inputs.tobytes(),
        "output": expected.output[0].tobytes(),
        "scratch": expected.scratch[0].tobytes(),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    simulate_verilog(
        generate_verilog(Alembert(machine), name=TOP) + clocked_top(machine),
        clocked_inputs(machine),
        simulator="verilator",
        module="machine.bench_speed",
        top=CLOCKED,
        folder=str(folder),
        axi=asdict(machine.axi),
        settings={
            "PROGRAM": image.program,
            "LENGTH": np.size(tokens),
            "TARGETS": max(1, targets.size),
            "THRESHOLD": 0,
            "MAX_PASSES": max_passes,
        },
        latency=latency,
        answer=answer,
        result=str(folder / "result"),
    )
    return Speed(**json.loads((folder / "result").read_text(encoding="utf-8")))
