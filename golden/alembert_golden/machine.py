"""The whole machine: an image and a program, executed bit for bit for a batch of sentences."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from alembert.config.checks import require_between
from alembert.config.command import MachineFault
from alembert.config.isa import MemoryBase
from alembert.config.machine import MachineConfig
from alembert.config.register_fields import REGISTER_WIDTH
from numpy.typing import ArrayLike, NDArray

from .machine_control import Control, Outcome, Thread
from .machine_run import Batch, Executor, TraceEvent
from .matrix_engine import MatrixEngine
from .memory_image import ExternalMemory, empty_scratchpad
from .program import Program

__all__ = ["Machine", "RunResult"]

_DIMENSION_MAX = 0xFFFF
_OFFSET_MAX = 0xFFFF_FFFF
_CHUNK = 32
"""Sentences at a time: enough to share an instruction's overhead, few enough for the cache."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run left; the first axis of every array is the sentence.

    Where ``fault`` is not NONE, the rest is as it was when the run stopped.

    Parameters
    ----------
    output, scratch : array of uint8, [batch, bytes]
        The regions OUTPUT and SCRATCH.
    passes : array of int64
        Number of the pass in which the run ended, from 1.
    exited : array of bool
        An EXIT was taken.
    predicted_class : array of int64
        Largest logit of the first row of the last early-exit test; 0 without one.
    entropy : array of int64
        Entropy of that row, ``EntropyConfig.ENTROPY_FRACTION`` fraction bits; 0 without one.
    fault : tuple of MachineFault
        Why the run was stopped, or NONE.
    fault_number : array of int64
        Number of the instruction at fault; 0 without a fault.
    reason : tuple of str
        The rule that it breaks, and by which value; empty without a fault.
    instructions : array of int64
        Instructions executed, the one that stopped the run not counted.
    saturated : array of int64, [batch, len(SATURATING)]
        Wide results that were saturated, by unit in the order of
        ``alembert.config.registers.SATURATING``; as in the registers, up to 2^32 − 1.
    """

    output: NDArray[np.uint8]
    scratch: NDArray[np.uint8]
    passes: NDArray[np.int64]
    exited: NDArray[np.bool_]
    predicted_class: NDArray[np.int64]
    entropy: NDArray[np.int64]
    fault: tuple[MachineFault, ...]
    fault_number: NDArray[np.int64]
    reason: tuple[str, ...]
    instructions: NDArray[np.int64]
    saturated: NDArray[np.int64]


class Machine:
    """Executes programs as the gateware does, one instruction after the other.

    The gateware overlaps instructions whose tensors do not; what they compute is the same. All of
    an instruction's operands are read before its result is written: a program whose result
    overlaps an operand of the same instruction is not held to this by the gateware.

    Scratchpad, OUTPUT and SCRATCH are 0 when a run begins.

    Parameters
    ----------
    config : MachineConfig
        The machine.
    """

    def __init__(self, config: MachineConfig):
        self.config = config
        self._image = b""
        self._matrix = MatrixEngine(config)

    def run(
        self,
        image: bytes | memoryview,
        inputs: ArrayLike,
        *,
        program: int,
        length: int,
        targets: int,
        threshold: int,
        max_passes: int = 0,
        output_bytes: int = 4096,
        scratch_bytes: int = 0,
        max_instructions: int = 1_000_000,
        workers: int = 1,
        trace: Callable[[TraceEvent], None] | None = None,
    ) -> RunResult:
        """Run a program on a batch of sentences of one length.

        Parameters
        ----------
        image : bytes or memoryview
            The region IMAGE: program, weights, tables. Its weights stay decoded for the next run.
        inputs : array of uint8, [batch, bytes]
            The region INPUT of each sentence.
        program : int
            Word of IMAGE with the first instruction.
        length, targets : int
            The registers LENGTH and TARGETS, 0…65535.
        threshold : int
            The register THRESHOLD, ``EntropyConfig.ENTROPY_WIDTH`` bits.
        max_passes : int
            The register MAX_PASSES; 0 is no limit.
        output_bytes, scratch_bytes : int
            Sizes of the regions OUTPUT and SCRATCH.
        max_instructions : int
            A sentence that has executed as many stops with TIMEOUT.
        workers : int
            Threads that share the sentences.
        trace : callable, optional
            Called with a :class:`TraceEvent` after each instruction that is not control; then all
            sentences are executed at once.

        Raises
        ------
        TypeError
            A number is not an int.
        ValueError
            A register does not hold its value, the inputs are not [batch, bytes], or weights in
            the image hold the illegal ternary code.
        """
        for name, value, limit in (
            ("length", length, _DIMENSION_MAX),
            ("targets", targets, _DIMENSION_MAX),
            ("threshold", threshold, self.config.entropy.threshold_max),
            ("max_passes", max_passes, _DIMENSION_MAX),
            ("program", program, _OFFSET_MAX),
            ("output_bytes", output_bytes, _OFFSET_MAX),
            ("scratch_bytes", scratch_bytes, _OFFSET_MAX),
            ("max_instructions", max_instructions, _OFFSET_MAX),
        ):
            require_between(name, value, 0, limit)
        require_between("workers", workers, 1, 1024)
        given = np.asarray(inputs)
        if given.ndim != 2 or given.dtype != np.uint8:
            raise ValueError(
                f"inputs must be uint8 [batch, bytes], not {given.dtype} {list(given.shape)}"
            )
        code = np.frombuffer(self._keep(image), dtype=np.uint8)
        fetched = Program(code, program, self.config, length=length, targets=targets)
        executor = Executor(self.config, self._matrix, threshold=threshold, trace=trace)
        outcome = Outcome(len(given))
        regions = {
            MemoryBase.INPUT: given,
            MemoryBase.OUTPUT: np.zeros((len(given), output_bytes), dtype=np.uint8),
            MemoryBase.SCRATCH: np.zeros((len(given), scratch_bytes), dtype=np.uint8),
        }

        def run_chunk(sentences: NDArray[np.int64]) -> None:
            own = {base: region[sentences] for base, region in regions.items()}
            memory = ExternalMemory(code, MappingProxyType(own), self.config.word_bytes)
            scratchpad = empty_scratchpad(self.config, len(sentences))
            batch = Batch(sentences.copy(), scratchpad, memory)
            control = Control(fetched, executor, outcome, max_passes or _DIMENSION_MAX)
            control.run(Thread(batch), max_instructions)
            for base in (MemoryBase.OUTPUT, MemoryBase.SCRATCH):
                regions[base][batch.sentences] = own[base]

        size = max(1, len(given)) if trace else min(_CHUNK, max(1, -(-len(given) // workers)))
        chunks = [
            np.arange(start, min(start + size, len(given))) for start in range(0, len(given), size)
        ]
        if workers == 1:
            for chunk in chunks:
                run_chunk(chunk)
        else:
            with ThreadPoolExecutor(workers) as pool:
                for _ in pool.map(run_chunk, chunks):
                    pass
        return RunResult(
            output=regions[MemoryBase.OUTPUT],
            scratch=regions[MemoryBase.SCRATCH],
            passes=outcome.passes,
            exited=outcome.exited,
            predicted_class=outcome.predicted,
            entropy=outcome.entropy,
            fault=tuple(outcome.fault),
            fault_number=outcome.number,
            reason=tuple(outcome.reason),
            instructions=outcome.instructions,
            saturated=np.minimum(outcome.saturated, (1 << REGISTER_WIDTH) - 1),
        )

    def _keep(self, image: bytes | memoryview) -> bytes:
        """The image; weights decoded from another one are forgotten."""
        if image != self._image:
            self._image, self._matrix = bytes(image), MatrixEngine(self.config)
        return self._image
