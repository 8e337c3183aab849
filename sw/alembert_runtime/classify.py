"""Sentences on a classifier's image: class, probability, pass, cycles, energy.

The machine stores the class and the entropy of every off-ramp, and no logits. The probability is
the host's, in float64, from the logits that the golden machine had in its scratchpad in the same
run: softmax(logits · 2^(a_shift − 10)) of the class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from alembert.config.isa import Opcode, ResultKind
from alembert.config.machine import MachineConfig
from alembert_compiler.cycles import Prediction, predict
from alembert_compiler.errors import CompileError
from alembert_compiler.image import Image
from alembert_golden.machine import Machine, RunResult
from alembert_golden.machine_run import TraceEvent
from numpy.typing import NDArray

from .device import Device
from .energy import EnergyEstimate, count_work, estimate_energy
from .errors import DeviceError
from .fit import require_machine
from .nats import from_register, to_register
from .saturation import Saturated, by_unit
from .session import Session

__all__ = ["WRITE_ANSWER", "Classification", "classify"]

WRITE_ANSWER = 10
"""Cycles of predicted runs from a written burst's last beat to memory's answer; as simulated."""

Tokens = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Classification:
    """What a machine said of a sentence.

    Parameters
    ----------
    predicted_class : int
    probability : float
        Of that class.
    entropy : float
        In nats, by the machine.
    passes : int
        After how many the sentence left.
    exited : bool
        Its entropy was below the threshold.
    cycles : int
        Of the run.
    is_measured : bool
        The cycles are a device's, not the cycle model's.
    energy : EnergyEstimate
    saturated : mapping of Unit to int
        Numbers of 16 bits that a unit cut to the ends of their range.
    is_golden : bool
        All that a device stored and reported equals the golden machine's.
    """

    predicted_class: int
    probability: float
    entropy: float
    passes: int
    exited: bool
    cycles: int
    is_measured: bool
    energy: EnergyEstimate
    saturated: Saturated
    is_golden: bool


def classify(
    image: Image,
    machine: MachineConfig,
    sentences: Sequence[Tokens],
    *,
    threshold: float,
    device: Device | None = None,
    begin: Callable[[int], None] | None = None,
) -> Iterator[Classification]:
    """Classify sentences one after the other.

    Parameters
    ----------
    image : Image
        Of a classifier.
    machine : MachineConfig
        What the image is for.
    sentences : sequence of array of int, [T]
        Token ids.
    threshold : float
        Nats below which a sentence leaves; 0: none does.
    device : Device, optional
        Runs every sentence, too, and is closed at the end; with time, its cycles are reported.
        Otherwise there is the golden machine alone, and cycles are predicted.
    begin : callable, optional
        Told the number of each sentence before it is run.

    Raises
    ------
    IncompatibleError
        The image is for another machine.
    ValueError
        The threshold is out of its range, the image is no classifier's, or (when its turn comes)
        a sentence is not what it takes.
    DeviceError
        A run was stopped, when its turn comes.
    """
    require_machine(machine, image)
    level = to_register(threshold)
    if image.targets is not None:
        raise CompileError("the image must be a classifier's, not one of a masked-language head")
    return _classify(image, machine, sentences, level, device, begin)


def _classify(
    image: Image,
    machine: MachineConfig,
    sentences: Sequence[Tokens],
    level: int,
    device: Device | None,
    begin: Callable[[int], None] | None,
) -> Iterator[Classification]:
    golden = Machine(machine)

    @cache
    def predicted(length: int, exit_pass: int) -> Prediction:
        return predict(machine, image, length=length, exit_pass=exit_pass, answer=WRITE_ANSWER)

    try:
        session = None if device is None else Session(device, image)
        for number, sentence in enumerate(sentences):
            if begin is not None:
                begin(number)
            result, logits = _run_golden(golden, image, sentence, level)
            answer = None
            if session is not None:
                answer = session.run(sentence, threshold=from_register(level))
            counters = None if answer is None else answer.counters
            passes, exited = int(result.passes[0]), bool(result.exited[0])
            label, entropy = int(result.predicted_class[0]), from_register(int(result.entropy[0]))
            saturated = by_unit(result.saturated[0])
            run = predicted(len(sentence), passes if exited else 0)
            is_golden = answer is None or (
                (answer.predicted_class, answer.entropy) == (label, entropy)
                and (answer.passes, answer.exited) == (passes, exited)
                and answer.saturated == saturated
                and session is not None
                and bool((session.output() == result.output[0]).all())
            )
            yield Classification(
                predicted_class=label,
                probability=float(_softmax(logits, machine.entropy.logit_fraction)[label]),
                entropy=entropy,
                passes=passes,
                exited=exited,
                cycles=run.cycles if counters is None else counters.cycles,
                is_measured=counters is not None,
                energy=estimate_energy(machine, count_work(machine, run, counters)),
                saturated=saturated,
                is_golden=is_golden,
            )
    finally:
        if device is not None:
            device.close()


def _run_golden(
    golden: Machine, image: Image, sentence: Tokens, level: int
) -> tuple[RunResult, NDArray[np.int64]]:
    """A run, and the logits of its last early-exit test."""
    wides: dict[int, NDArray[np.int16]] = {}
    logits = np.zeros(0, np.int64)

    def see(event: TraceEvent) -> None:
        nonlocal logits
        given = event.instruction
        if given.opcode is Opcode.LINEAR and given["kind"] == ResultKind.WIDE:
            assert event.rows is not None
            wides[given["o_address"]] = event.rows.view("<i2").reshape(given["rows"], -1)
        elif given.opcode is Opcode.ENTROPY:
            wide = wides[given["a_address"]][0, : given["columns"]]
            logits = wide.astype(np.int64) << given["a_shift"]

    result = golden.run(
        image.data,
        image.input_bytes(np.asarray(sentence)[np.newaxis]),
        program=image.program,
        length=len(sentence),
        targets=1,
        threshold=level,
        output_bytes=image.output_words * image.word_bytes,
        scratch_bytes=image.scratch_words * image.word_bytes,
        trace=see,
    )
    if result.reason[0]:
        raise DeviceError(f"a run of {len(sentence)} tokens was stopped: {result.reason[0]}")
    return result, logits


def _softmax(logits: NDArray[np.int64], fraction: int) -> NDArray[np.float64]:
    powers = np.exp(np.ldexp((logits - logits.max()).astype(np.float64), -fraction))
    return powers / powers.sum()
