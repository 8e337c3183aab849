"""What instructions touch and how programs run, from the instruction set's text alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from alembert.config import IntegerFormat
from alembert.config.command import MachineFault
from alembert.config.isa import FORMATS, Opcode, ResultKind, Unit, decode
from alembert.config.machine import MachineConfig

__all__ = ["Access", "Registers", "Step", "conflicts", "examine", "trace"]

DIMENSIONS = ("rows", "columns", "depth")


@dataclass(frozen=True)
class Registers:
    """What a run is given."""

    length: int = 5
    targets: int = 3
    max_passes: int = 0


@dataclass(frozen=True)
class Access:
    """A legal instruction: its unit, its values as substituted, and words first … end − 1."""

    unit: Unit
    opcode: Opcode
    values: dict[str, int]
    reads: tuple[tuple[int, int], ...]
    writes: tuple[tuple[int, int], ...]


def _words(values: int, a_word: int) -> int:
    return -(-values // a_word)


def _operands(v: dict[str, int], opcode: Opcode, machine: MachineConfig):
    """(name, rows, words of a row) of each operand."""
    codes, wides = machine.word_codes, machine.word_codes // 2
    rows, columns, depth = (v.get(name, 0) for name in DIMENSIONS)
    result = {
        ResultKind.CODES: ("o", rows, _words(columns, codes)),
        ResultKind.WIDE: ("o", rows, _words(columns, wides)),
        ResultKind.COLUMNS: ("o", columns, _words(rows, codes)),
        ResultKind.TOKEN: ("o", rows, _words(columns, codes) + 1),
    }.get(ResultKind(v.get("kind", 0)))
    wide = ("a", rows, _words(columns, wides))
    match opcode:
        case Opcode.LOAD | Opcode.GATHER:
            return [("o", rows, columns)]
        case Opcode.STORE:
            return [("a", rows, columns)]
        case Opcode.LINEAR:
            return [result, ("a", rows, _words(depth, codes))]
        case Opcode.MATMUL:
            terms = _words(depth, codes)
            return [result, ("a", rows, terms), ("b", columns, terms)]
        case Opcode.SOFTMAX | Opcode.TANH:
            return [result, wide]
        case Opcode.RESCALE:
            found = [result, wide]
            found += [("b", rows, 1)] if v["has_b"] else []
            return found + ([("p", columns, 1)] if v["has_bias"] else [])
        case Opcode.GELU:
            return [result, wide, *([("p", columns, 1)] if v["has_lifts"] else [])]
        case Opcode.LAYERNORM:
            found = [result, ("p", columns + columns % 2, 1)]
            found += [wide] if v["has_a"] else []
            return found + ([("b", rows, _words(columns, codes))] if v["has_b"] else [])
        case Opcode.ENTROPY:
            return [("o", rows, _words(64, 8 * codes)), wide]
    return []


def _is_refused(v: dict[str, int], opcode: Opcode, machine: MachineConfig) -> bool:
    if any(v[name] == 0 for name in DIMENSIONS if name in v):
        return True
    match FORMATS[opcode].unit:
        case Unit.DMA:
            if v.get("pitch", 0) and v["rows"] * v["columns"] > v["pitch"]:
                return True
            return opcode is Opcode.STORE and v["memory_base"] < 2
        case Unit.MATRIX:
            if v["kind"] == ResultKind.TOKEN:
                return True
            if v["unit"] and (opcode is Opcode.LINEAR or machine.attention is None):
                return True
            return v["depth"] > machine.arrays[v["unit"]].vmac.max_depth
        case Unit.SPECIAL:
            only_int8 = v["kind"] == ResultKind.TOKEN or opcode is Opcode.RESCALE
            if only_int8 and machine.fmt != IntegerFormat():
                return True
            return v["kind"] == ResultKind.COLUMNS or v["columns"] > machine.longest_row
        case Unit.ENTROPY:
            return not 2 <= v["columns"] <= machine.max_classes
    return False


def examine(word: int, machine: MachineConfig, registers: Registers) -> Access | MachineFault:
    """What an instruction touches, or why it is refused."""
    if word & 0xFF not in set(Opcode):
        return MachineFault.ILLEGAL_OPCODE
    try:
        instruction = decode(word)
    except ValueError:
        return MachineFault.OPERAND
    opcode, values = instruction.opcode, dict(instruction.operands)
    for name in DIMENSIONS:
        if name in values:
            stands_for = {0: registers.length, 0xFFFF: registers.targets}
            values[name] = stands_for.get(values[name], values[name])
    if _is_refused(values, opcode, machine):
        return MachineFault.OPERAND
    ranges: dict[str, tuple[int, int]] = {}
    for name, rows, words in _operands(values, opcode, machine):
        stride = 1 if name == "p" else values[f"{name}_stride"]
        if stride < words and rows > 1:
            return MachineFault.OPERAND
        first = values[f"{name}_address"]
        ranges[name] = first, first + max(rows * stride, (rows - 1) * stride + words)
    if any(end > machine.scratchpad.words for _, end in ranges.values()):
        return MachineFault.ADDRESS
    unit = FORMATS[opcode].unit
    if opcode is Opcode.MATMUL and values["unit"]:
        unit = Unit.ATTENTION
    reads = tuple(ranges[name] for name in "abp" if name in ranges)
    writes = tuple(ranges[name] for name in "o" if name in ranges)
    return Access(unit, opcode, values, reads, writes)


def _meet(these: Sequence[tuple[int, int]], those: Sequence[tuple[int, int]]) -> bool:
    return any(set(range(*x)) & set(range(*y)) for x in these for y in those)


def conflicts(new: Access, old: Access) -> bool:
    """Whether an instruction has to wait for one under way."""
    if _meet(new.reads, old.writes):
        return True
    is_other = new.unit is not old.unit
    return is_other and (_meet(new.writes, old.reads) or _meet(new.writes, old.writes))


@dataclass
class Step:
    """An instruction of a run."""

    pc: int
    access: Access
    pass_number: int
    after: tuple[Opcode, ...] = ()
    """The control instructions directly before it."""


@dataclass
class Run:
    """How a run goes."""

    steps: list[Step] = field(default_factory=list)
    passes: int = 1
    exited: bool = False
    fault: MachineFault = MachineFault.NONE
    pc: int = 0
    tests: int = 0


def trace(
    program: Sequence[int],
    machine: MachineConfig,
    registers: Registers,
    verdicts: Callable[[int], bool] = lambda test: False,
    *,
    most: int = 10_000,
) -> Run:
    """Execute the control instructions of a program; ``verdicts(n)`` is what test n says."""
    run = Run()
    control: list[Opcode] = []
    for _ in range(most):
        access = examine(program[run.pc], machine, registers)
        if isinstance(access, MachineFault):
            run.fault = access
            return run
        following = run.pc + 1
        control.append(access.opcode)
        match access.opcode:
            case Opcode.HALT:
                return run
            case Opcode.LOOP:
                limit = min(access.values["count"], registers.max_passes or 1 << 16)
                if run.passes < limit:
                    run.passes += 1
                    following = access.values["target"]
            case Opcode.EXIT:
                if run.tests and verdicts(run.tests - 1):
                    run.exited = True
                    following = access.values["target"]
            case Opcode.BARRIER:
                pass
            case _:
                run.steps.append(Step(run.pc, access, run.passes, tuple(control[:-1])))
                control.clear()
                run.tests += access.opcode is Opcode.ENTROPY
        run.pc = following
    raise AssertionError(f"program does not end within {most} instructions")
