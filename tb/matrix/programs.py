"""Random instructions for a matrix engine, and what they make of scratchpad and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from alembert.config import TernaryFormat
from alembert.config.isa import Instruction, MemoryBase, Opcode, ResultKind
from alembert.matrix.layouts import matrix_instruction
from alembert_golden.decoder import resolve
from alembert_golden.matrix_engine import MatrixEngine
from alembert_golden.memory_image import ExternalMemory
from alembert_golden.postprocess import ChannelParameters
from alembert_golden.weights_layout import linear_words, pack_linear
from matrix.machines import EngineUnderTest
from support.formats import all_codes

__all__ = ["Model", "altered_word", "instruction_word", "num_writes", "random_parameters"]

Range = tuple[int, int]
MEMORY_WORDS = 1 << 13


def instruction_word(instruction: Instruction) -> int:
    """The instruction as the engine's stream carries it; operands it does not have are ones."""
    layout, word = matrix_instruction(), 0
    for name, place in layout:
        value = instruction.operands.get(name, -1)
        if name == "opcode":
            value = int(instruction.opcode)
        word |= (value & ((1 << place.width) - 1)) << place.offset
    return word


def altered_word(instruction: Instruction, changes: dict, opcode: int) -> int:
    """The instruction as the stream carries it, with other operands and opcode."""
    operands = dict(instruction.operands)
    operands.update({name: value for name, value in changes.items() if name != "kind"})
    word = instruction_word(Instruction(instruction.opcode, operands))
    if "kind" in changes:
        place = matrix_instruction()["kind"]
        word = word & ~(3 << place.offset) | changes["kind"] << place.offset
    return word >> 8 << 8 | opcode


def num_writes(instruction: Instruction, under_test: EngineUnderTest) -> int:
    """Words that the engine writes, counting those written in parts as often."""
    array, machine = under_test.array, under_test.machine
    rows, columns = instruction["rows"], instruction["columns"]
    if instruction["kind"] == ResultKind.COLUMNS:
        return columns * -(-rows // machine.word_codes)
    if instruction["kind"] == ResultKind.WIDE and array.vmacs == machine.word_codes:
        return rows * -(-columns // machine.word_wides)
    return rows * -(-columns // array.vmacs)


def random_parameters(
    rng: np.random.Generator, under_test: EngineUnderTest, depth: int, columns: int, wide
) -> ChannelParameters:
    """Parameters that use the range of results."""
    array = under_test.array
    size = max(int(np.sqrt(depth) * array.vmac.pair.max_product / 8), 1).bit_length()
    wide = np.broadcast_to(wide, (columns,))
    shift = rng.integers(size + 22, size + 30, columns) - 8 * wide
    exponent = rng.integers(-size - 4, 8 - size, columns)
    return ChannelParameters.of(
        columns,
        bias=rng.integers(-(1 << size), 1 << size, columns),
        relu=rng.random(columns) < 0.3,
        wide=wide,
        multiplier=rng.integers(0, 1 << 32, columns),
        shift=np.clip(shift, 0, 63),
        exponent=np.where(wide, np.clip(shift - 31, 0, 63), exponent),
    )


@dataclass
class Model:
    """Scratchpad and memory as they are after the instructions so far.

    Parameters
    ----------
    under_test : EngineUnderTest
    rng : numpy generator
    """

    under_test: EngineUnderTest
    rng: np.random.Generator
    scratchpad: np.ndarray = field(init=False)
    memory: dict[int, np.ndarray] = field(init=False)
    saturated: dict[int, int] = field(default_factory=dict)
    """Wide results that an instruction, by its identity, cut to their range."""
    _engine: MatrixEngine = field(init=False)
    _written: list[Range] = field(default_factory=list)
    _memory_used: int = 0

    def __post_init__(self) -> None:
        machine, rng = self.under_test.machine, self.rng
        shape = (1, machine.scratchpad.words, machine.word_codes)
        self.scratchpad = rng.integers(0, 256, shape, dtype=np.uint8)
        size = MEMORY_WORDS * machine.word_bytes
        self.memory = {base: rng.integers(0, 256, size, dtype=np.uint8) for base in MemoryBase}
        self._engine = MatrixEngine(machine)

    def begin_program(self) -> None:
        """From here on results of earlier instructions may be operands."""
        self._written, self._memory_used = [], 0

    def _place(self, rows: int, words: int, taken: Sequence[Range]) -> tuple[int, int, Range]:
        """Address and stride of a tensor that does not touch ``taken``."""
        total = self.under_test.machine.scratchpad.words
        for _ in range(1000):
            stride = words + int(self.rng.choice([0, 0, 1, 3]))
            size = rows * stride
            # often right at the end, behind which there is nothing
            end = total if self.rng.random() < 0.2 else self.rng.integers(size, total + 1)
            first = int(end) - size
            if all(first >= high or end <= low for low, high in taken):
                return first, stride, (first, int(end))
        raise RuntimeError("no room for a tensor")

    def instruction(
        self,
        opcode: Opcode,
        kind: ResultKind,
        rows: int,
        depth: int,
        columns: int,
        *,
        mixed: bool = False,
        places: Mapping[str, int] | None = None,
    ) -> Instruction:
        """A random one; runs it. Operands are nothing that this program has written.

        Its result may be where instructions before it have their operands or results; ``places``
        are addresses and strides to take instead of random ones.
        """
        machine, rng = self.under_test.machine, self.rng
        dims = {"rows": rows, "depth": depth, "columns": columns}
        words = -(-depth // machine.word_codes)
        a_address, a_stride, a_range = self._place(rows, words, self._written)
        values = dims | {"kind": int(kind), "a_address": a_address, "a_stride": a_stride}
        values["unit"] = self.under_test.unit
        operands = [a_range]
        wide = kind is ResultKind.WIDE
        if opcode is Opcode.MATMUL:
            b_address, b_stride, b_range = self._place(columns, words, self._written)
            one = random_parameters(rng, self.under_test, depth, 1, wide)
            values |= {"b_address": b_address, "b_stride": b_stride}
            values |= {n: int(getattr(one, n)[0]) for n in ("multiplier", "shift", "exponent")}
            operands.append(b_range)
        else:
            values |= self._layer(depth, columns, rng.random(columns) < 0.5 if mixed else wide)
        o_rows, o_values = (columns, rows) if kind is ResultKind.COLUMNS else (rows, columns)
        per_word = machine.word_wides if wide else machine.word_codes
        o_address, o_stride, o_range = self._place(o_rows, -(-o_values // per_word), operands)
        self._written.append(o_range)
        values |= {"o_address": o_address, "o_stride": o_stride, **(places or {})}
        instruction = Instruction(opcode, values)
        self.run(instruction)
        return instruction

    def _layer(self, depth: int, columns: int, wide) -> dict[str, int]:
        """A linear layer put into memory: where."""
        under_test, rng = self.under_test, self.rng
        fmt = under_test.array.vmac.pair.weight
        codes = [-1, 0, 1] if isinstance(fmt, TernaryFormat) else all_codes(fmt)
        weights = rng.choice(codes, (depth, columns))
        parameters = random_parameters(rng, under_test, depth, columns, wide)
        data = pack_linear(weights, parameters, under_test.array, under_test.machine)
        width = under_test.machine.word_bytes
        base = int(rng.choice([MemoryBase.INPUT, MemoryBase.SCRATCH]))
        offset = self._memory_used
        self.memory[base][offset * width : offset * width + len(data)] = np.frombuffer(
            data, np.uint8
        )
        self._memory_used += len(data) // width
        return {"memory_base": base, "memory_offset": offset}

    def run(self, instruction: Instruction) -> None:
        """Execute one on the golden model."""
        machine = self.under_test.machine
        resolved = resolve(instruction.encode(), machine, length=1, targets=1)
        if instruction.opcode is Opcode.MATMUL:
            count = self._engine.matmul(resolved, self.scratchpad)
            self.saturated[id(instruction)] = int(count[0])
            return
        regions: Mapping = {base: data[np.newaxis] for base, data in self.memory.items()}
        memory = ExternalMemory(self.memory[MemoryBase.IMAGE], regions, machine.word_bytes)
        count = self._engine.linear(resolved, self.scratchpad, memory)
        self.saturated[id(instruction)] = int(count[0])

    def weight_commands(self, instruction: Instruction) -> list[tuple[int, int, int]]:
        """Base, offset, words of each command that a LINEAR asks memory for."""
        under_test = self.under_test
        words = linear_words(
            instruction["depth"], instruction["columns"], under_test.array, under_test.machine
        )
        blocks = -(-instruction["rows"] // under_test.array.vmac.rows)
        return [(instruction["memory_base"], instruction["memory_offset"], words)] * blocks

    def words(self) -> list[int]:
        """The scratchpad's words."""
        return [int.from_bytes(word.tobytes(), "little") for word in self.scratchpad[0]]

    def memory_word(self, base: int, offset: int) -> int:
        """A word of external memory."""
        width = self.under_test.machine.word_bytes
        data = self.memory[base][offset * width : (offset + 1) * width]
        return int.from_bytes(data.tobytes(), "little")
