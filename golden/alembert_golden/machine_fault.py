"""The exception by which decoder and engines report a fault."""

from __future__ import annotations

import numpy as np
from alembert.config.command import MachineFault
from numpy.typing import NDArray

__all__ = ["InstructionError"]


class InstructionError(Exception):
    """An instruction cannot be executed; nothing of it has been done.

    Parameters
    ----------
    fault : MachineFault
        Its name; UNIT is every reason of a unit's own.
    reason : str
        The rule, and the value that breaks it.
    sentences : array of bool, [batch], optional
        Those at fault; without it, all are.
    """

    def __init__(
        self, fault: MachineFault, reason: str, sentences: NDArray[np.bool_] | None = None
    ):
        super().__init__(f"{fault.name}: {reason}")
        self.fault = fault
        self.reason = reason
        self.sentences = sentences
