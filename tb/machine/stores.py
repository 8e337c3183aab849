"""Programs that keep everything: a STORE after each instruction that writes a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembert.config.isa import Instruction, MemoryBase, Opcode, Unit
from alembert.config.machine import MachineConfig
from alembert_golden.decoder import resolve

__all__ = ["KeptProgram", "keep_everything"]


@dataclass(frozen=True)
class KeptProgram:
    """A program with its stores.

    Parameters
    ----------
    instructions : list of Instruction
    words : int
        Words that each pass takes in OUTPUT, from ``start`` on.
    kept : list of (int, str)
        First word of each tensor after the first pass, and what made it.
    """

    instructions: list[Instruction]
    words: int
    kept: list[tuple[int, str]]

    def tensor_at(self, word: int) -> str:
        """What made a word of OUTPUT."""
        before = [name for first, name in self.kept if first <= word]
        return before[-1] if before else "the image's own stores"


def keep_everything(
    program: Sequence[Instruction],
    machine: MachineConfig,
    *,
    length: int,
    targets: int,
    start: int,
) -> KeptProgram:
    """Every tensor that the program writes to the scratchpad goes to OUTPUT too, pass by pass.

    Parameters
    ----------
    program : sequence of Instruction
        With all passes of a loop in one place.
    machine : MachineConfig
    length, targets : int
        The registers, which the rows that are stored depend on.
    start : int
        First word in OUTPUT that is free.
    """
    kept: list[tuple[int, str]] = []
    found: list[Instruction] = []
    moved: dict[int, int] = {}
    stores: list[tuple[int, dict[str, int]]] = []
    place = start
    for number, instruction in enumerate(program):
        moved[number] = len(found)
        found.append(instruction)
        if instruction.format.unit is Unit.CONTROL:
            continue
        places = resolve(instruction.encode(), machine, length=length, targets=targets).places
        if "o" not in places:
            continue
        rows = places["o"]
        kept.append((place, f"instruction {number}, {instruction.format.mnemonic}"))
        operands = {
            "rows": rows.count,
            "columns": rows.words,
            "a_address": rows.address,
            "a_stride": rows.stride,
            "memory_base": MemoryBase.OUTPUT,
            "memory_offset": place,
        }
        stores.append((len(found), operands))
        found.append(instruction)  # its place; the pitch is known only at the end
        place += rows.count * rows.words
    for index, operands in stores:
        found[index] = Instruction(Opcode.STORE, {**operands, "pitch": place - start})
    for index, instruction in enumerate(found):
        if "target" in instruction.operands:
            target = moved[instruction["target"]]
            found[index] = Instruction(
                instruction.opcode, {**instruction.operands, "target": target}
            )
    return KeptProgram(found, place - start, kept)
