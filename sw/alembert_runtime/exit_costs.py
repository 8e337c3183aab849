"""What every run of a classifier costs: by its length, and by the pass that it leaves after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alembert.config.isa import Opcode
from alembert.config.machine import MachineConfig
from alembert_compiler.cycles import Prediction, Record, predict
from alembert_compiler.image import Image
from alembert_golden.weights_layout import linear_words

from .energy import count_work, estimate_energy

__all__ = ["Cost", "ExitCosts"]

_NUMBER_BYTES = 4
"""Of a token id in memory."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of a run.

    Parameters
    ----------
    cycles : int
        By the cycle model.
    energy : float
        The energy proxy, in nanojoules.
    """

    cycles: int
    energy: float


@dataclass(frozen=True)
class _Tail:
    """What a run has that its instructions up to the EXIT taken do not account for."""

    cycles: int
    fetched_beats: int


class ExitCosts:
    """What ``predict`` says of runs of any length and exit, with one prediction a length.

    Up to its EXIT, a run that leaves early is the run that does not, hence

        cycles(length, pass) = cycle in which EXIT of that pass is decided, if nobody leaves
                               + cycles from there to the end.

    The second is the time that HALT takes to be fetched: it depends on where EXIT stands in the
    program, and not on the length. EXIT stands behind the STORE of the test's record, which waits
    for the test; meanwhile the instructions fetched ahead fill their FIFO, and nobody else reads.
    So it is taken from one prediction for each pass, of the first length that is asked about; so
    are the beats of instructions fetched.

    Parameters
    ----------
    image : Image
        Of a classifier, with one test and one EXIT a pass.
    machine : MachineConfig
        What the image is for; memory has its ``axi.latency``.
    """

    def __init__(self, image: Image, machine: MachineConfig) -> None:
        self._image, self._machine = image, machine
        self._whole: dict[int, Prediction] = {}
        """Runs to the end, by length."""
        self._tails: dict[int, _Tail] = {}
        """By the pass that a run leaves after."""
        self._known: dict[tuple[int, int], Cost] = {}

    def of(self, length: int, exit_pass: int) -> Cost:
        """The cost of ``length`` tokens that leave after a pass; 0: that run to the end.

        Raises
        ------
        ValueError
            There is no such pass, or no energy figure for the machine's formats.
        InstructionError
            The machine cannot run the program at this length.
        """
        if not 0 <= exit_pass <= self._image.passes:
            raise ValueError(
                f"exit pass must be between 0 and {self._image.passes}, not {exit_pass}"
            )
        key = length, exit_pass
        if key not in self._known:
            run = self._run(length, exit_pass)
            energy = estimate_energy(self._machine, count_work(self._machine, run)).total
            self._known[key] = Cost(cycles=run.cycles, energy=energy)
        return self._known[key]

    def _run(self, length: int, exit_pass: int) -> Prediction:
        """A prediction, of which ``cycles``, beats, instructions and their work are right."""
        if length not in self._whole:
            self._whole[length] = predict(self._machine, self._image, length=length)
        whole = self._whole[length]
        if not exit_pass:
            return whole
        end = next(
            place
            for place, record in enumerate(whole.instructions, start=1)
            if record.instruction.opcode is Opcode.EXIT and record.pass_number == exit_pass
        )
        executed = whole.instructions[:end]
        decided = executed[-1].dispatched
        if exit_pass not in self._tails:
            left = predict(self._machine, self._image, length=length, exit_pass=exit_pass)
            self._tails[exit_pass] = _Tail(
                left.cycles - decided, left.read_beats - self._read_beats(executed)
            )
        tail = self._tails[exit_pass]
        return replace(
            whole,
            cycles=decided + tail.cycles,
            instructions=executed,
            units={
                unit: replace(seen, work=sum(r.work for r in executed if r.unit is unit))
                for unit, seen in whole.units.items()
            },
            passes=whole.passes[:exit_pass],
            read_beats=self._read_beats(executed) + tail.fetched_beats,
            written_beats=self._beats_of(Opcode.STORE, executed),
        )

    def _read_beats(self, records: Sequence[Record]) -> int:
        """Of operands: weights once for each block of rows, tensors, embeddings."""
        return sum(
            self._beats_of(opcode, records)
            for opcode in (Opcode.LINEAR, Opcode.LOAD, Opcode.GATHER)
        )

    def _beats_of(self, opcode: Opcode, records: Sequence[Record]) -> int:
        machine = self._machine
        words = 0
        for given in (r.instruction for r in records if r.instruction.opcode is opcode):
            if opcode is Opcode.LINEAR:
                blocks = -(-given["rows"] // machine.main.vmac.rows)
                words += blocks * linear_words(
                    given["depth"], given["columns"], machine.main, machine
                )
                continue
            words += given["rows"] * given["columns"]
            if opcode is Opcode.GATHER:
                words += -(-given["rows"] * _NUMBER_BYTES // machine.word_bytes)
        return words * machine.axi.beats_per_word(machine.scratchpad.word_width)
