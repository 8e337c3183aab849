"""Programs whose cycles are counted: an instruction of each kind, in many shapes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from alembert.config.isa import Instruction, Opcode, ResultKind
from alembert.config.machine import MachineConfig
from alembert_compiler.assembler import to_bytes
from alembert_compiler.cycles import Prediction, predict
from machine.cycle_probe import CycleProbe
from support.simulate import simulate

__all__ = ["Job", "Shapes", "count_cycles"]

CODES, WIDE, COLUMNS = ResultKind.CODES, ResultKind.WIDE, ResultKind.COLUMNS
TOKEN = ResultKind.TOKEN
O_ADDRESS, A_ADDRESS, B_ADDRESS, P_ADDRESS = 0, 2048, 3072, 3584
"""Operands of a product do not meet in banks: what they would wait is not known exactly."""
OFFSET = 1000
"""Word in memory of what is moved, and of weights."""
INPUT_BYTES = 4096


@dataclass(frozen=True)
class Job:
    """A program and its run."""

    name: str
    instructions: Sequence[Instruction]
    settings: Mapping[str, int] = field(default_factory=dict)
    latency: int = 40
    answer: int = 1

    def predict(self, machine: MachineConfig) -> Prediction:
        """What the model says."""
        settings = {"length": 1, "targets": 1, "max_passes": 0, **self.settings}
        return predict(
            machine,
            self.instructions,
            length=settings["length"],
            targets=settings["targets"],
            passes=settings["max_passes"],
            latency=self.latency,
            answer=self.answer,
        )

    def describe(self, machine: MachineConfig) -> dict[str, Any]:
        """For the cocotb side."""
        return {
            "code": to_bytes(self.instructions).hex(),
            "program": 0,
            "word_bytes": machine.word_bytes,
            "input_bytes": INPUT_BYTES,
            "length": 1,
            "targets": 1,
            "max_passes": 0,
            "latency": self.latency,
            "answer": self.answer,
            **self.settings,
        }


class Shapes:
    """Programs of one instruction, on one machine."""

    def __init__(self, machine: MachineConfig) -> None:
        self.machine = machine

    def job(self, opcode: Opcode, latency: int = 40, **operands: int) -> Job:
        """An instruction and HALT."""
        shape = "×".join(str(operands[n]) for n in ("rows", "columns", "depth") if n in operands)
        kind = ResultKind(operands["kind"]).name if "kind" in operands else ""
        program = [Instruction(opcode, operands), Instruction(Opcode.HALT)]
        return Job(f"{opcode.name} {shape} {kind} {latency}", program, latency=latency)

    def _codes(self, count: int) -> int:
        return -(-count // self.machine.word_codes)

    def _wides(self, count: int) -> int:
        return -(-count // self.machine.word_wides)

    def product(self, opcode: Opcode, kind: ResultKind, rows: int, columns: int, depth: int) -> Job:
        """LINEAR or MATMUL."""
        stride = {WIDE: self._wides(columns), CODES: self._codes(columns)}
        own = {"memory_offset": OFFSET}
        if opcode is Opcode.MATMUL:
            own = {"b_address": B_ADDRESS, "b_stride": self._codes(depth)}
        return self.job(
            opcode,
            rows=rows,
            columns=columns,
            depth=depth,
            kind=kind,
            o_address=O_ADDRESS,
            o_stride=stride.get(kind, self._codes(rows)),
            a_address=A_ADDRESS,
            a_stride=self._codes(depth),
            **own,
        )

    def special(self, opcode: Opcode, kind: ResultKind, rows: int, columns: int, **own: int) -> Job:
        """A special function."""
        stride = max(self._wides(columns), self._codes(columns) + (kind is TOKEN))
        if opcode is Opcode.LAYERNORM:
            own = {"b_address": B_ADDRESS, "b_stride": self._codes(columns), **own}
        if opcode is Opcode.RESCALE:
            own = {"b_address": B_ADDRESS, "b_stride": 1, "multiplier": 1, **own}
        if opcode not in (Opcode.SOFTMAX, Opcode.TANH):
            own = {"p_address": P_ADDRESS, **own}
        return self.job(
            opcode,
            rows=rows,
            columns=columns,
            kind=kind,
            o_address=O_ADDRESS,
            o_stride=stride,
            a_address=A_ADDRESS,
            a_stride=stride,
            **own,
        )

    def entropy(self, rows: int, columns: int) -> Job:
        """ENTROPY."""
        return self.job(
            Opcode.ENTROPY,
            rows=rows,
            columns=columns,
            o_stride=-(-8 // self.machine.word_bytes),
            a_address=A_ADDRESS,
            a_stride=self._wides(columns),
        )

    def moved(self, opcode: Opcode, rows: int, columns: int, latency: int) -> Job:
        """LOAD, STORE or GATHER."""
        operand = "a" if opcode is Opcode.STORE else "o"
        own = {"memory_base": 2} if opcode is Opcode.STORE else {}
        if opcode is Opcode.GATHER:
            own = {"index_base": 1, "index_limit": 1}
        own |= {f"{operand}_address": A_ADDRESS, f"{operand}_stride": columns + 1}
        return self.job(opcode, latency, rows=rows, columns=columns, memory_offset=OFFSET, **own)

    def all(self) -> list[Job]:
        """Every kind, from a single value to several blocks and tiles."""
        products = [(1, 1, 1), (5, 9, 10), (8, 8, 8), (9, 17, 13), (20, 30, 33)]
        rows = [(1, 1), (5, 9), (5, 30), (20, 64), (30, 3)]
        moved = [(1, 1), (3, 5), (20, 8), (1, 200)]
        jobs = [Job("HALT", [Instruction(Opcode.HALT)])]
        for opcode in (Opcode.MATMUL, Opcode.LINEAR):
            jobs += [self.product(opcode, k, *s) for s in products for k in (CODES, WIDE, COLUMNS)]
        for shape in rows:
            jobs += [self.special(Opcode.SOFTMAX, kind, *shape) for kind in (CODES, WIDE)]
            jobs += [self.special(Opcode.GELU, CODES, *shape, has_lifts=k) for k in (0, 1)]
            jobs.append(self.special(Opcode.GELU, WIDE, *shape))
            jobs.append(self.special(Opcode.TANH, CODES, *shape))
            for kind, has_a, has_b in ((CODES, 1, 1), (CODES, 1, 0), (WIDE, 0, 1)):
                own = {"has_a": has_a, "has_b": has_b}
                jobs.append(self.special(Opcode.LAYERNORM, kind, *shape, **own))
        jobs += [self.entropy(*shape) for shape in ((1, 2), (3, 2), (5, 9), (2, 40))]
        for opcode in (Opcode.LOAD, Opcode.STORE, Opcode.GATHER):
            jobs += [self.moved(opcode, *s, latency) for s in moved for latency in (3, 40)]
        return jobs

    def tokens(self) -> list[Job]:
        """RESCALE, and results of kind TOKEN, where codes are INT8."""
        jobs = []
        for shape in ((1, 1), (5, 9), (20, 64)):
            for b, bias in ((0, 0), (1, 0), (0, 1), (1, 1)):
                own = {"has_b": b, "has_bias": bias}
                jobs.append(self.special(Opcode.RESCALE, WIDE, *shape, **own))
            for opcode in (Opcode.RESCALE, Opcode.GELU, Opcode.TANH, Opcode.SOFTMAX):
                jobs.append(self.special(opcode, TOKEN, *shape))
            jobs.append(self.special(Opcode.LAYERNORM, TOKEN, *shape, has_a=1))
        return jobs


def count_cycles(
    machine: MachineConfig, jobs: Sequence[Job], folder: Path, *, simulator: str, top: str
) -> list[dict[str, list[int]]]:
    """Run jobs on the generated machine: for each, the cycles in which each counter counts, and
    under "cycles" how many there are."""
    probe = CycleProbe(machine)
    described = [job.describe(machine) for job in jobs]
    (folder / "jobs").write_text(json.dumps(described))
    simulate(
        probe,
        simulator=simulator,
        module="machine.bench_cycles",
        top=top,
        jobs=str(folder / "jobs"),
        found=str(folder / "found"),
        axi=asdict(machine.axi),
        counters=probe.counters,
    )
    return json.loads((folder / "found").read_text())
