"""What an instruction means to one machine: dimensions, tensors in the scratchpad, legality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from alembert.config.axi import AxiConfig
from alembert.config.command import FOOTPRINTS, MachineFault, RowLayout
from alembert.config.isa import (
    FORMATS,
    LENGTH,
    TARGETS,
    WRITABLE,
    Instruction,
    MemoryBase,
    Opcode,
    ResultKind,
    Unit,
    decode,
)
from alembert.config.machine import MachineConfig

from .machine_fault import InstructionError
from .memory_image import Rows
from .weights_layout import linear_words

__all__ = ["RECORD_WIDTH", "Resolved", "check", "resolve", "tensors"]

RECORD_WIDTH = 64
"""Bits of what an entropy test leaves for a row."""
_DIMENSIONS = ("rows", "columns", "depth")
_COMMAND_MAX = (1 << AxiConfig.WORDS_WIDTH) - 1
"""Words that a stream of weights can be asked for at once."""
_MATRIX = (Opcode.LINEAR, Opcode.MATMUL)


@dataclass(frozen=True)
class Resolved:
    """An instruction as one machine executes it in one run.

    Parameters
    ----------
    instruction : Instruction
        With dimensions 0 and 65535 replaced by the registers.
    places : mapping of str to Rows
        Where its tensors lie, see :func:`tensors`.
    """

    instruction: Instruction
    places: Mapping[str, Rows]

    @property
    def opcode(self) -> Opcode:
        """The instruction's."""
        return self.instruction.opcode

    def __getitem__(self, name: str) -> int:
        """The value of an operand, KeyError if the instruction has none of that name."""
        return self.instruction.operands[name]


def resolve(word: int, machine: MachineConfig, *, length: int, targets: int) -> Resolved:
    """The instruction of 256 bits, with dimensions 0 and 65535 replaced, and checked.

    Raises
    ------
    InstructionError
        ILLEGAL_OPCODE, OPERAND, ADDRESS or UNIT, looked for in this order.
    """
    if word & 0xFF not in FORMATS:
        raise InstructionError(
            MachineFault.ILLEGAL_OPCODE,
            f"opcode must be that of an instruction, not {word & 0xFF:#04x}",
        )
    try:
        given = decode(word)
    except ValueError as error:
        raise InstructionError(MachineFault.OPERAND, str(error)) from None
    values = dict(given.operands)
    for name in _DIMENSIONS:
        if name in values:
            values[name] = {LENGTH: length, TARGETS: targets}.get(values[name], values[name])
    instruction = Instruction(given.opcode, values)
    return Resolved(instruction, MappingProxyType(check(instruction, machine)))


def tensors(instruction: Instruction, machine: MachineConfig) -> dict[str, Rows]:
    """Where result (o), operands (a, b) and parameters (p) lie in the scratchpad, as far as it has
    them: :data:`alembert.config.command.FOOTPRINTS` in numbers.

    Parameters are one row. As many words are reserved for them as there are columns, for LAYERNORM
    an even number.

    Parameters
    ----------
    instruction : Instruction
        Dimensions are replaced already.
    machine : MachineConfig
        What executes it.
    """
    operands = instruction.operands
    is_wide = operands.get("kind") == ResultKind.WIDE
    is_transposed = operands.get("kind") == ResultKind.COLUMNS
    per_word = {
        RowLayout.WORDS: 1,
        RowLayout.CODES: machine.word_codes,
        RowLayout.WIDES: machine.word_wides,
        RowLayout.BY_KIND: machine.word_wides if is_wide else machine.word_codes,
    }
    fixed = {RowLayout.WORD: 1, RowLayout.RECORD: -(-RECORD_WIDTH // machine.scratchpad.word_width)}
    found: dict[str, Rows] = {}
    for name, footprint in FOOTPRINTS.get(instruction.opcode, {}).items():
        if footprint.flag is not None and not operands[footprint.flag]:
            continue
        count, length = operands[footprint.rows], operands[footprint.columns]
        if footprint.layout is RowLayout.BY_KIND and is_transposed:
            count, length = length, count
        if footprint.layout in fixed:
            words = fixed[footprint.layout]
        else:
            words = -(-length // per_word[footprint.layout])
        if footprint.layout is RowLayout.BY_KIND and operands["kind"] == ResultKind.TOKEN:
            words += 1
        found[name] = Rows(operands[f"{name}_address"], operands[f"{name}_stride"], count, words)
    beats = -(-operands.get("columns", 0) // machine.word_wides)
    match instruction.opcode:
        case Opcode.GELU | Opcode.RESCALE if operands.get("has_lifts", operands.get("has_bias")):
            found["p"] = Rows(operands["p_address"], operands["columns"], 1, beats)
        case Opcode.LAYERNORM:
            reserved = operands["columns"] + operands["columns"] % 2
            found["p"] = Rows(operands["p_address"], reserved, 1, 2 * beats)
    return found


def check(instruction: Instruction, machine: MachineConfig) -> dict[str, Rows]:
    """Refuse what the machine does not execute; ``instruction`` has its dimensions replaced.

    Returns
    -------
    dict of str to Rows
        As :func:`tensors`.

    Raises
    ------
    InstructionError
        OPERAND: a dimension is 0; a product for a unit that is not there, or too deep for it; a
        kind that the unit does not have; RESCALE where codes are not INT8; a row too long for a
        special function, or with fewer than two classes or too many; rows that overlap; a pass's
        words that are more than the pitch; a STORE where only the host writes. ADDRESS: a tensor
        outside the scratchpad. UNIT: see :class:`alembert.config.matrix.MatrixFault`.
    """
    operands, mnemonic = instruction.operands, instruction.format.mnemonic

    def require(condition: bool, rule: str, value: object) -> None:
        if not condition:
            raise InstructionError(MachineFault.OPERAND, f"{mnemonic}: {rule}, not {value}")

    for name in _DIMENSIONS:
        if name in operands:
            require(operands[name] >= 1, f"{name} must be at least 1", operands[name])
    if instruction.opcode in _MATRIX:
        _check_product(instruction, machine, require)
    if instruction.format.unit is Unit.SPECIAL:
        _check_special(instruction, machine, require)
    if instruction.opcode is Opcode.STORE:
        base = MemoryBase(operands["memory_base"])
        require(base in WRITABLE, "memory_base must be OUTPUT or SCRATCH", base.name)
    if pitch := operands.get("pitch", 0):
        words = operands["rows"] * operands["columns"]
        require(words <= pitch, f"rows · columns must be at most the pitch of {pitch} words", words)
    if instruction.opcode is Opcode.ENTROPY:
        require(operands["columns"] >= 2, "columns must be at least 2", operands["columns"])
        _at_most(require, "columns", operands["columns"], machine.max_classes)
    places = tensors(instruction, machine)
    for name, rows in places.items():
        if rows.count > 1:
            rule = f"{name}_stride must be at least the {rows.words} words of a row"
            require(rows.stride >= rows.words, rule, rows.stride)
    for name, rows in places.items():
        if rows.end > machine.scratchpad.words:
            raise InstructionError(
                MachineFault.ADDRESS,
                f"{mnemonic}: {name} must end within the scratchpad's "
                f"{machine.scratchpad.words} words, not at {rows.end}",
            )
    if instruction.opcode in _MATRIX:
        _check_unit(instruction, machine)
    return places


def _check_special(instruction: Instruction, machine: MachineConfig, require) -> None:
    special, kind = machine.special, ResultKind(instruction["kind"])
    is_there = special.has_tokens or instruction.opcode is not Opcode.RESCALE
    require(is_there, "codes must be INT8", machine.fmt)
    known = "CODES, WIDE or TOKEN" if special.has_tokens else "CODES or WIDE"
    is_known = kind != ResultKind.COLUMNS and (special.has_tokens or kind != ResultKind.TOKEN)
    require(is_known, f"kind must be {known}", kind.name)
    _at_most(require, "columns", instruction["columns"], machine.longest_row)


def _check_product(instruction: Instruction, machine: MachineConfig, require) -> None:
    unit, depth, kind = instruction["unit"], instruction["depth"], ResultKind(instruction["kind"])
    require(kind != ResultKind.TOKEN, "kind must be CODES, WIDE or COLUMNS", kind.name)
    if instruction.opcode is Opcode.LINEAR:
        require(unit == 0, "unit must be 0", unit)
    require(unit < len(machine.arrays), "unit must be one that there is", unit)
    array = machine.arrays[unit]
    _at_most(require, "depth", depth, array.vmac.max_depth)


def _check_unit(instruction: Instruction, machine: MachineConfig) -> None:
    """What a matrix unit refuses for reasons of its own."""
    array = machine.arrays[instruction["unit"]]
    codes, weight = machine.word_codes, array.vmac.pair.weight
    has_columns = array.vmacs == codes and array.vmac.rows % codes == 0
    if instruction.opcode is Opcode.MATMUL and weight != machine.fmt:
        reason = f"weights of the unit must be {machine.fmt}, not {weight}"
    elif instruction["kind"] == ResultKind.COLUMNS and not has_columns:
        reason = (
            f"columns need a unit of {codes} VMACs with whole words of rows, "
            f"not {array.vmacs} VMACs with {array.vmac.rows} rows"
        )
    elif instruction.opcode is Opcode.LINEAR and (
        (words := linear_words(instruction["depth"], instruction["columns"], array, machine))
        > _COMMAND_MAX
    ):
        reason = f"weights must be at most {_COMMAND_MAX} words, not {words}"
    else:
        return
    raise InstructionError(MachineFault.UNIT, f"{instruction.format.mnemonic}: {reason}")


def _at_most(require, name: str, value: int, limit: int) -> None:
    require(value <= limit, f"{name} must be at most {limit}", value)
