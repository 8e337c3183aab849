"""What every instruction of a program left in the scratchpad, as numbers."""

from __future__ import annotations

from collections import defaultdict
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

__all__ = ["PassTrace", "StageTrace"]

LIMIT = 127
"""The code of a row's largest magnitude."""
_BYTES = (Opcode.LOAD, Opcode.GATHER, Opcode.ENTROPY)


@dataclass
class PassTrace:
    """Results by the notes of a pass's instructions; wide numbers, or integers of codes."""

    machine: MachineConfig
    seen: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def __getitem__(self, note: str) -> NDArray[np.float64]:
        return self.seen[note]

    def side_by_side(self, start: str) -> NDArray[np.float64]:
        """The results whose notes begin so, in order, along the last axis."""
        return np.concatenate([self.seen[n] for n in self.seen if n.startswith(start)], axis=-1)

    def require_exact(self, note: str, expected: NDArray[np.float64]) -> None:
        """A product and its rounding: equal."""
        np.testing.assert_array_equal(self.seen[note], expected, err_msg=note)

    def require_tokens(self, note: str, wide: NDArray[np.float64], slack: float = 0.0) -> None:
        """Codes with a scale a token, of wide numbers known to ``slack``.

        A code is the one nearest to 127 · x / max, but within 2^-k of a tie either one.
        """
        codes, largest = self.seen[note], self.seen[f"{note}, largest"]
        found = np.abs(wide).max(axis=-1, keepdims=True)
        assert np.abs(largest - found).max() <= slack
        real = LIMIT * wide / np.maximum(largest, 1)
        guard = 2.0**-self.machine.special.quantiser.guard_width
        off = LIMIT * slack / np.maximum(largest, 1)
        assert (np.abs(codes - real) <= 0.5 + guard + off).all()
        assert (np.abs(codes).max(axis=-1, keepdims=True) == np.where(largest, LIMIT, 0)).all()
        if slack == 0:
            clear = np.abs(np.abs(real - np.floor(real)) - 0.5) > guard
            np.testing.assert_array_equal(codes[clear], np.rint(real)[clear])

    def require_near(
        self,
        found: NDArray[np.float64],
        real: NDArray[np.float64],
        slack: NDArray[np.float64] | float,
    ) -> None:
        """Codes of a special function: of a number within ``slack``, in integers, of the real one.

        Rounding is monotonic, so that the code is between those of both ends.
        """
        fmt = self.machine.fmt
        assert (found >= nearest(real - slack, fmt)).all()
        assert (found <= nearest(real + slack, fmt)).all()


class StageTrace:
    """A trace of all passes, from 0; what comes before the first one is in it.

    Parameters
    ----------
    machine : MachineConfig
    image : Image
    """

    def __init__(self, machine: MachineConfig, image: Image) -> None:
        self._machine, self._image = machine, image
        self._passes: defaultdict[int, PassTrace] = defaultdict(lambda: PassTrace(machine))

    def __getitem__(self, index: int) -> PassTrace:
        return self._passes[index]

    def __call__(self, event: TraceEvent) -> None:
        """Keep an instruction's rows; what pads them must be zero."""
        opcode = event.instruction.opcode
        if event.rows is None or opcode in _BYTES:
            return
        operands, fmt = event.instruction.operands, self._machine.fmt
        kind = ResultKind(operands["kind"])
        width = operands["rows" if kind is ResultKind.COLUMNS else "columns"]
        flat = np.ascontiguousarray(event.rows.reshape(*event.rows.shape[:2], -1))
        if kind is ResultKind.WIDE:
            values = flat.view("<i2").astype(np.int64)
        elif isinstance(fmt, AdaptivFloatFormat):
            values = integers(flat, fmt)
        else:
            values = integers(flat.view(np.int8), fmt)
        note = self._image.notes[event.number]
        seen = self._passes[event.pass_number - 1].seen
        if kind is ResultKind.TOKEN:
            behind = flat.shape[-1] - self._machine.word_codes
            last = flat[..., behind:].view("<u2")
            seen[f"{note}, largest"] = last[..., :1].astype(np.float64)
            assert not last[..., 1:].any()
            values[..., behind:] = 0
        assert not values[..., width:].any()
        seen[note] = values[..., :width].astype(np.float64)
