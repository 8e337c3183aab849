"""Programs at random."""

from __future__ import annotations

from alembert.config.isa import FORMATS, OPERANDS, Instruction, Opcode
from hypothesis import strategies as st

__all__ = ["any_instruction"]


def any_instruction() -> st.SearchStrategy[Instruction]:
    """Any instruction with any operands."""

    def of(opcode: Opcode) -> st.SearchStrategy[Instruction]:
        values = {
            name: st.integers(OPERANDS[name].min, OPERANDS[name].max)
            for name in FORMATS[opcode].operands
        }
        return st.fixed_dictionaries(values).map(lambda chosen: Instruction(opcode, chosen))

    return st.sampled_from(list(Opcode)).flatmap(of)
