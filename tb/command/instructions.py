"""Instructions at random: legal ones on few words, and ones near every limit."""

from __future__ import annotations

import random

from alembert.config import IntegerFormat
from alembert.config.isa import (
    FORMATS,
    INSTRUCTION_WIDTH,
    OPERANDS,
    WRITABLE,
    Instruction,
    Opcode,
    ResultKind,
    Unit,
)
from alembert.config.machine import MachineConfig

__all__ = ["anything", "legal", "program"]

WORKING = tuple(op for op, fmt in FORMATS.items() if fmt.unit is not Unit.CONTROL)
BLOCK = 16
"""Words that an operand of :func:`legal` starts at a multiple of."""


def anything(rng: random.Random, machine: MachineConfig) -> int:
    """Any instruction, most operands near what is just legal, some bits wrong."""
    opcode = rng.choice(list(Opcode))
    words, codes = machine.scratchpad.words, machine.word_codes
    dimensions = [0, 1, 1, 2, 3, codes - 1, codes, codes + 1, 2 * codes, 0xFFFF]
    limits = [machine.longest_row, machine.max_classes, *(a.vmac.max_depth for a in machine.arrays)]
    values: dict[str, int] = {}
    for name in FORMATS[opcode].operands:
        place = OPERANDS[name]
        if name in ("rows", "columns", "depth"):
            near = rng.choice(limits) + rng.randint(-1, 1)
            values[name] = near if rng.random() < 0.15 else rng.choice(dimensions)
        elif name.endswith("_stride"):
            values[name] = rng.choice([0, 1, 2, 3, 4, 8, 9, rng.randint(0, 20)])
        elif name.endswith("_address"):
            last = words - rng.choice([0, 1, 2, 8, 16, rng.randint(0, 40)])
            values[name] = rng.choice([0, rng.randrange(words), last, last, place.max])
        elif name == "kind":
            values[name] = rng.choice(list(ResultKind))
        elif name == "unit":
            values[name] = int(rng.random() < 0.3)
        elif name == "pitch":
            words = values["rows"] * values["columns"]
            values[name] = rng.choice([0, max(0, words + rng.randint(-1, 1)), place.max])
        else:
            values[name] = rng.choice([place.min, 0, place.max, rng.randint(place.min, place.max)])
    word = Instruction(opcode, values).encode()
    if rng.random() < 0.1:
        word ^= 1 << rng.randrange(INSTRUCTION_WIDTH)
    if rng.random() < 0.03:
        word = word & ~0xFF | rng.randrange(256)
    return word


def _is_there(opcode: Opcode, machine: MachineConfig) -> bool:
    return opcode is not Opcode.RESCALE or machine.fmt == IntegerFormat()


def _kinds(opcode: Opcode, machine: MachineConfig) -> list[ResultKind]:
    found = [ResultKind.CODES, ResultKind.WIDE]
    if FORMATS[opcode].unit is Unit.MATRIX:
        found.append(ResultKind.COLUMNS)
    elif machine.fmt == IntegerFormat():
        found.append(ResultKind.TOKEN)
    return found


def legal(rng: random.Random, machine: MachineConfig) -> Instruction:
    """One of few words, in few places, so that many meet."""
    opcode = rng.choice([op for op in WORKING if _is_there(op, machine)])
    blocks = min(24, machine.scratchpad.words // BLOCK - 2)
    values: dict[str, int] = {}
    for name in FORMATS[opcode].operands:
        place = OPERANDS[name]
        if name in ("rows", "columns", "depth"):
            values[name] = rng.choice([0, 2, 3, 4, 0xFFFF])
        elif name.endswith("_stride"):
            values[name] = 5
        elif name.endswith("_address"):
            values[name] = BLOCK * rng.randrange(blocks)
        elif name == "kind":
            values[name] = rng.choice(_kinds(opcode, machine))
        elif name == "unit":
            can = opcode is Opcode.MATMUL and machine.attention is not None
            values[name] = rng.randrange(2) if can else 0
        elif name == "memory_base" and opcode is Opcode.STORE:
            values[name] = rng.choice(WRITABLE)
        else:
            values[name] = rng.randint(place.min, place.max)
    return Instruction(opcode, values)


def program(rng: random.Random, machine: MachineConfig, length: int) -> list[int]:
    """Working instructions with barriers, a loop at the end, and ways out of it."""
    body = [legal(rng, machine) for _ in range(length)]
    for opcode in (Opcode.BARRIER, Opcode.EXIT) * 2:
        body.insert(rng.randrange(1, len(body)), Instruction(opcode))
    loop = {"target": rng.randrange(length // 2), "count": rng.randint(0, 4)}
    body += [Instruction(Opcode.LOOP, loop), Instruction(Opcode.HALT), Instruction(Opcode.HALT)]
    for at, each in enumerate(body):
        if each.opcode is Opcode.EXIT:  # forward, or it may never end
            target = {"target": rng.randint(at + 1, len(body) - 1)}
            body[at] = Instruction(Opcode.EXIT, target)
    return [each.encode() for each in body]
