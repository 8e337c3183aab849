"""ENTROPY: a record for each row of logits, and whether to leave.

A record is 64 bits in ⌈64 / bits of a word⌉ words: class in bits 0–15, exit in bit 16, fault in
bits 17–19, entropy in bits 32–50; all others are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from alembert.config.machine import MachineConfig
from numpy.typing import NDArray

from .decoder import RECORD_WIDTH, Resolved
from .entropy import entropy
from .memory_image import rows_of

__all__ = ["EntropyTest", "execute_entropy"]

_EXIT_AT, _FAULT_AT, _ENTROPY_AT = 16, 17, 32


@dataclass(frozen=True)
class EntropyTest:
    """What an early-exit test came to; all arrays are [batch].

    Parameters
    ----------
    exit_all : array of bool
        Every row's entropy is below the threshold.
    first_class : array of int64
        Class of the first row's largest logit.
    first_entropy : array of int64
        The first row's entropy.
    """

    exit_all: NDArray[np.bool_]
    first_class: NDArray[np.int64]
    first_entropy: NDArray[np.int64]


def execute_entropy(
    instruction: Resolved,
    scratchpad: NDArray[np.uint8],
    machine: MachineConfig,
    *,
    threshold: int,
) -> EntropyTest:
    """Execute ENTROPY, resolved, on [batch, words, W] in place.

    Parameters
    ----------
    threshold : int
        Nats with ``EntropyConfig.ENTROPY_FRACTION`` fraction bits.
    """
    places = instruction.places
    logits = rows_of(scratchpad, places["a"], wide=True)[..., : instruction["columns"]]
    result = entropy(
        logits.reshape(-1, logits.shape[2]),
        threshold,
        machine.entropy,
        shift=instruction["a_shift"],
    )
    shape = logits.shape[:2]
    record = (
        result.argmax
        | result.exit.astype(np.int64) << _EXIT_AT
        | int(result.fault) << _FAULT_AT
        | result.entropy << _ENTROPY_AT
    )
    o = rows_of(scratchpad, places["o"])
    num_bytes = RECORD_WIDTH // 8
    o[..., :num_bytes] = record.astype("<i8").view(np.uint8).reshape(*shape, num_bytes)
    o[..., num_bytes:] = 0
    return EntropyTest(
        exit_all=np.logical_and.reduce(result.exit.reshape(shape), axis=1),
        first_class=result.argmax.reshape(shape)[:, 0],
        first_entropy=result.entropy.reshape(shape)[:, 0],
    )
