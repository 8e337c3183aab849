"""Random instructions for the special engines, and what they make of the scratchpad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from alembert.config.isa import Instruction, Opcode, ResultKind
from alembert.config.machine import MachineConfig
from alembert.special.layouts import entropy_instruction, special_instruction
from alembert_golden.decoder import Resolved, resolve, tensors
from alembert_golden.entropy_engine import EntropyTest, execute_entropy
from alembert_golden.special_engine import SpecialEngine

__all__ = ["Model", "instruction_word", "num_writes"]

Range = tuple[int, int]


def instruction_word(instruction: Instruction, **changes: int) -> int:
    """The instruction as an engine's stream carries it; operands it does not have are ones."""
    is_entropy = instruction.opcode is Opcode.ENTROPY
    word = 0
    for name, place in entropy_instruction() if is_entropy else special_instruction():
        value = instruction.operands.get(name, -1)
        if name == "opcode":
            value = int(instruction.opcode)
        value = changes.get(name, value)
        word |= (value & ((1 << place.width) - 1)) << place.offset
    return word


def num_writes(instruction: Instruction, machine: MachineConfig) -> int:
    """Words that an engine writes."""
    rows = tensors(instruction, machine)["o"]
    return rows.count * rows.words


@dataclass
class Model:
    """The scratchpad as it is after the instructions so far.

    Its lower quarter is never written: small numbers in the first half of it, which serve as lifts
    and as inputs with more than one row to a maximum; anything in the second.

    Parameters
    ----------
    machine : MachineConfig
    rng : numpy generator
    """

    machine: MachineConfig
    rng: np.random.Generator
    threshold: int = 1 << 16
    scratchpad: np.ndarray = field(init=False)
    tests: list[EntropyTest] = field(default_factory=list)
    saturated: dict[int, int] = field(default_factory=dict)
    """Wide numbers that an instruction, by its identity, cut to their range."""
    _written: list[Range] = field(default_factory=list)

    def __post_init__(self) -> None:
        machine, rng = self.machine, self.rng
        shape = (1, machine.scratchpad.words, machine.word_codes)
        self.scratchpad = rng.integers(0, 256, shape, dtype=np.uint8)
        wides = self.scratchpad.view("<i2")
        wides[:, : self._small] = rng.integers(-7, 8, wides[:, : self._small].shape)
        middle = wides[:, self._small : 2 * self._small]
        middle[:] = rng.normal(0, 1500, middle.shape).clip(-32768, 32767)
        self._engine = SpecialEngine(machine)

    @property
    def _small(self) -> int:
        """Words of each of the two parts with numbers that are not just anything."""
        return self.machine.scratchpad.words // 8

    def begin_program(self) -> None:
        """From here on results of earlier instructions may be operands."""
        self._written, self.tests = [], []

    def _place(
        self,
        rows: int,
        words: int,
        taken: Sequence[Range],
        *,
        low: int = 0,
        high: int | None = None,
    ) -> tuple[int, int, Range]:
        """Address and stride of a tensor between two words that does not touch ``taken``."""
        high = self.machine.scratchpad.words if high is None else high
        for _ in range(1000):
            stride = words + int(self.rng.choice([0, 0, 1, 3]))
            size = rows * stride
            if size > high - low:
                continue
            # often right at the end, behind which there may be nothing
            end = high if self.rng.random() < 0.2 else self.rng.integers(low + size, high + 1)
            first = int(end) - size
            if all(first >= above or end <= below for below, above in taken):
                return first, stride, (first, int(end))
        raise RuntimeError("no room for a tensor")

    def special(
        self,
        opcode: Opcode,
        kind: ResultKind,
        rows: int,
        columns: int,
        *,
        in_place: bool = False,
        given: Mapping[str, int] = MappingProxyType({}),
    ) -> Instruction:
        """A random one with the operands given; runs it. It reads nothing of this program's."""
        machine, rng = self.machine, self.rng
        wides = -(-columns // machine.word_wides)
        codes = -(-columns // machine.word_codes)
        values = {"rows": rows, "columns": columns, "kind": int(kind)}
        values["exponent"] = int(rng.integers(-14, 3))
        if rng.random() < 0.1:
            values["exponent"] = int(rng.choice([-512, -64, -63, -17, 1, 511]))
        small = self._small
        area = {} if rng.random() < 0.3 or in_place else {"low": small, "high": 2 * small}
        if in_place:
            area = {"low": 2 * small}
        try:
            place = self._place(rows, wides, self._written, **area)
        except RuntimeError:
            place = self._place(rows, wides, self._written)
        values["a_address"], values["a_stride"], a_range = place
        operands = [a_range]
        match opcode:
            case Opcode.SOFTMAX:
                values["a_shift"] = int(rng.choice([0, 0, 0, 1, 3, 7]))
                values["span"] = int(rng.choice([0, 1, 2, max(1, columns // 3), 65535]))
            case Opcode.GELU:
                values["a_shift"] = int(rng.choice([0, 0, 0, 1, 3, 7]))
                values["has_lifts"] = int(rng.random() < 0.6)
                values["p_address"], _, _ = self._place(1, columns, [], high=small)
            case Opcode.LAYERNORM:
                values |= {"has_a": 1, "has_b": int(rng.random() < 0.6)}
                place = self._place(rows, codes, self._written)
                values["b_address"], values["b_stride"], b_range = place
                place = self._place(1, columns + columns % 2, self._written)
                values["p_address"] = place[0]
                operands += [b_range, place[2]]
                values["b_multiplier"] = int(rng.integers(1, 1 << 16))
                values["shift"] = int(rng.integers(8, 20))
                values["epsilon"] = int(rng.integers(0, 1 << int(rng.integers(1, 33))))
            case Opcode.RESCALE:
                has_b, values["has_bias"] = int(rng.random() < 0.7), int(rng.random() < 0.6)
                place = self._place(rows, 1, self._written)
                values["b_address"], values["b_stride"], b_range = place
                place = self._place(1, columns, self._written)
                values["p_address"] = place[0]
                operands += [b_range, place[2]]
                # a scale near 1, with max or without; and any
                values |= {"has_b": has_b, "multiplier": int(rng.integers(1 << 31, 1 << 32))}
                values["shift"] = int(rng.integers(28, 36)) + 15 * has_b
                if rng.random() < 0.2:
                    values["shift"] = int(rng.integers(0, 64))
        values |= given
        if in_place:
            values |= {"o_address": values["a_address"], "o_stride": values["a_stride"]}
            o_range = a_range
        else:
            words = wides if kind is ResultKind.WIDE else codes + (kind is ResultKind.TOKEN)
            place = self._place(rows, words, operands, low=2 * small)
            values["o_address"], values["o_stride"], o_range = place
        self._written.append(o_range)
        instruction = Instruction(opcode, values)
        resolved = resolve(instruction.encode(), machine, length=1, targets=1)
        self.saturated[id(instruction)] = int(self._engine.execute(resolved, self.scratchpad)[0])
        return instruction

    def entropy(self, rows: int, columns: int) -> Instruction:
        """A random test; runs it, even if the decoder would refuse its number of columns."""
        machine = self.machine
        words = -(-columns // machine.word_wides)
        a_address, a_stride, a_range = self._place(rows, words, self._written)
        record = -(-64 // machine.scratchpad.word_width)
        low = 2 * self._small
        o_address, o_stride, o_range = self._place(rows, record, [a_range], low=low)
        self._written.append(o_range)
        values = {"rows": rows, "columns": columns, "a_address": a_address, "a_stride": a_stride}
        values["a_shift"] = int(self.rng.choice([0, 1, 3, 7]))
        instruction = Instruction(
            Opcode.ENTROPY, values | {"o_address": o_address, "o_stride": o_stride}
        )
        resolved = Resolved(instruction, MappingProxyType(tensors(instruction, machine)))
        test = execute_entropy(resolved, self.scratchpad, machine, threshold=self.threshold)
        self.tests.append(test)
        return instruction

    def words(self) -> list[int]:
        """The scratchpad's words."""
        return [int.from_bytes(word.tobytes(), "little") for word in self.scratchpad[0]]
