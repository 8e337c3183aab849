"""What every instruction of a program's first pass left in the scratchpad, as numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from alembert.config import AdaptivFloatFormat
from alembert.config.isa import Opcode, ResultKind
from alembert.config.machine import MachineConfig
from alembert_compiler.code_grid import nearest
from alembert_compiler.image import Image
from alembert_golden.machine_run import TraceEvent
from alembert_golden.vmac import integers
from numpy.typing import NDArray

__all__ = ["StageTrace"]

_BYTES = (Opcode.LOAD, Opcode.GATHER, Opcode.ENTROPY)


@dataclass
class StageTrace:
    """A trace by the notes of an image's instructions; wide numbers, or integers of codes."""

    machine: MachineConfig
    image: Image
    seen: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def __call__(self, event: TraceEvent) -> None:
        """Keep an instruction's rows; what pads them must be zero."""
        opcode = event.instruction.opcode
        if event.pass_number > 1 or event.rows is None or opcode in _BYTES:
            return
        operands = event.instruction.operands
        kind = ResultKind(operands["kind"])
        width = operands["rows" if kind is ResultKind.COLUMNS else "columns"]
        flat = np.ascontiguousarray(event.rows.reshape(*event.rows.shape[:2], -1))
        if kind is ResultKind.WIDE:
            values = flat.view("<i2").astype(np.int64)
        elif isinstance(self.machine.fmt, AdaptivFloatFormat):
            values = integers(flat, self.machine.fmt)
        else:
            values = integers(flat.view(np.int8), self.machine.fmt)
        assert not values[..., width:].any()
        note = self.image.notes[event.number]
        self.seen[note] = values[..., :width].astype(np.float64)

    def __getitem__(self, note: str) -> NDArray[np.float64]:
        return self.seen[note]

    def side_by_side(self, start: str) -> NDArray[np.float64]:
        """The results whose notes begin so, in order, along the last axis."""
        return np.concatenate([self.seen[n] for n in self.seen if n.startswith(start)], axis=-1)

    def require_exact(self, note: str, expected: NDArray[np.float64]) -> None:
        """A product and its rounding: equal."""
        np.testing.assert_array_equal(self.seen[note], expected, err_msg=note)

    def require_near(
        self, found: NDArray[np.float64], real: NDArray[np.float64], slack: NDArray[np.float64]
    ) -> None:
        """Codes of a special function: of a number within ``slack``, in integers, of the real one.

        Rounding is monotonic, so that the code is between those of both ends.
        """
        fmt = self.machine.fmt
        assert (found >= nearest(real - slack, fmt)).all()
        assert (found <= nearest(real + slack, fmt)).all()
