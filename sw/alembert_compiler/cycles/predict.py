"""How many cycles a program takes on a machine."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

from alembert.config.isa import Instruction, MemoryBase, Opcode, Unit
from alembert.config.machine import MachineConfig
from alembert_golden.decoder import Resolved, resolve

from ..fit import FitWarning
from ..image import Image
from ..program import PlacedProgram
from .bus import Bus, Reader
from .dispatch import Dispatcher
from .dma import DmaUnit
from .fetch import Fetcher
from .kernel import Kernel
from .matrix import MatrixUnit
from .special import EntropyUnit, SpecialUnit
from .units import Record

__all__ = ["BASES", "Prediction", "UnitCycles", "predict"]

BASES = {base: int(base) << 36 for base in MemoryBase}
"""Byte addresses of the regions, whole pages."""
ADDRESS_SPACE = 1 << 20
"""Words that an instruction can address in the scratchpad."""


@dataclass(frozen=True, kw_only=True)
class UnitCycles:
    """What a unit did in a run.

    Parameters
    ----------
    instructions : int
    busy : int
        Cycles with an instruction under way: dispatched and not done.
    stalled : int
        Cycles without an operand entering, though an instruction that was taken has some left.
    work : int
        Cycles in which one entered: vectors of a matrix unit, beats of the special functions,
        logits, words of the DMA.
    """

    instructions: int
    busy: int
    stalled: int
    work: int


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A run, cycle by cycle from the one after the doorbell.

    Parameters
    ----------
    cycles : int
        Of the whole run; what the register CYCLES says.
    units : mapping of Unit to UnitCycles
    instructions : tuple of Record
        In the order of their dispatch; ``started`` and ``ended`` are cycles.
    passes : tuple of (int, int)
        First and last cycle of every pass: from the dispatch of its first instruction, the target
        of LOOP, to the end of its last. Where no LOOP jumps back, the first pass begins with the
        program.
    read_beats, written_beats : int
        Of the bus.
    """

    cycles: int
    units: dict[Unit, UnitCycles]
    instructions: tuple[Record, ...]
    passes: tuple[tuple[int, int], ...]
    read_beats: int
    written_beats: int

    def utilisation(self, unit: Unit = Unit.MATRIX) -> float:
        """The part of all cycles in which a vector entered the array."""
        return self.units[unit].work / self.cycles


def predict(
    machine: MachineConfig,
    program: Image | PlacedProgram | Sequence[Instruction],
    *,
    length: int,
    targets: int = 1,
    passes: int = 0,
    exit_pass: int = 0,
    latency: int | None = None,
    answer: int = 1,
    first: int = 0,
) -> Prediction:
    """Cycles of a run, by the latencies and rates of the machine's parts.

    Waits for the scratchpad's banks are not predicted. Of a program that has more words than the
    scratchpad there is a :class:`~alembert_compiler.fit.FitWarning`: no machine reaches its cycles.

    Parameters
    ----------
    machine : MachineConfig
    program : Image, PlacedProgram or sequence of Instruction
    length, targets : int
        The registers LENGTH and TARGETS.
    passes : int
        MAX_PASSES; 0: as many as the program has.
    exit_pass : int
        The pass at whose end an early-exit test says exit; 0: none does.
    latency : int, optional
        Of memory, from the edge that takes a read address to the one that gives the first beat; the
        machine's ``axi.latency`` if none is given.
    answer : int
        Of memory, from a written burst's last beat to its answer.
    first : int
        Word of IMAGE with the first instruction; an Image knows it.

    Raises
    ------
    InstructionError
        An instruction is illegal.
    """
    needed = _words_of(program)
    if needed > machine.scratchpad.words:
        warnings.warn(
            f"the program takes {needed} words of scratchpad, and the machine has "
            f"{machine.scratchpad.words}",
            FitWarning,
            stacklevel=2,
        )
    roomy = replace(machine, scratchpad=replace(machine.scratchpad, words=ADDRESS_SPACE))
    if isinstance(program, Image):
        code, first = tuple(program.program_code), program.program
    else:
        code = tuple(program.instructions if isinstance(program, PlacedProgram) else program)
    known: dict[int, Resolved] = {}

    def fetch(number: int) -> Resolved:
        if number not in known:
            word = code[number].encode()
            known[number] = resolve(word, roomy, length=length, targets=targets)
        return known[number]

    kernel = Kernel()
    bus = Bus(machine.axi.latency if latency is None else latency)
    weights = Reader(kernel, bus, machine.axi, machine.scratchpad.word_width)
    units = tuple(
        unit
        for unit in (Unit.DMA, Unit.MATRIX, Unit.ATTENTION, Unit.SPECIAL, Unit.ENTROPY)
        if unit is not Unit.ATTENTION or machine.attention is not None
    )
    fetcher = Fetcher(kernel, bus, machine, first)
    dispatcher = Dispatcher(
        kernel, machine, fetcher, units, fetch, passes=passes, exit_pass=exit_pass
    )
    queues = dispatcher.queues
    dma = DmaUnit(kernel, machine, bus, queues[Unit.DMA], BASES, answer)
    arrays = [MatrixUnit(kernel, machine, machine.main, queues[Unit.MATRIX], weights, BASES)]
    if machine.attention is not None:
        queue = queues[Unit.ATTENTION]
        arrays.append(
            MatrixUnit(kernel, machine, machine.attention, queue, None, BASES, [arrays[0]])
        )
    SpecialUnit(kernel, machine, queues[Unit.SPECIAL], arrays)
    EntropyUnit(kernel, machine, queues[Unit.ENTROPY])
    kernel.run()
    records = tuple(dispatcher.records)
    return Prediction(
        cycles=dispatcher.ended + 1,
        units={unit: _account(unit, records) for unit in units},
        instructions=records,
        passes=_passes(records, code),
        read_beats=bus.beats,
        written_beats=dma.written,
    )


def _account(unit: Unit, records: tuple[Record, ...]) -> UnitCycles:
    own = [each for each in records if each.unit is unit]
    work = sum(each.work for each in own)
    return UnitCycles(
        instructions=len(own),
        busy=_covered([(each.dispatched + 1, each.ended) for each in own]),
        stalled=_covered([(each.taken + 1, each.fed) for each in own]) - work,
        work=work,
    )


def _covered(spans: list[tuple[int, int]]) -> int:
    """Cycles in any of some spans, ends included, which begin in order."""
    total, until = 0, -1
    for first, last in spans:
        first = max(first, until + 1)
        total += max(0, last - first + 1)
        until = max(until, last)
    return total


def _passes(
    records: tuple[Record, ...], code: tuple[Instruction, ...]
) -> tuple[tuple[int, int], ...]:
    """Passes of a loop begin where LOOP jumps back to."""
    loops = {n: each["target"] for n, each in enumerate(code) if each.opcode is Opcode.LOOP}
    begun = min((target for n, target in loops.items() if target <= n), default=0)
    spans: dict[int, tuple[int, int]] = {}
    for each in records:
        if each.pass_number == 1 and each.number < begun:
            continue
        first, last = spans.get(each.pass_number, (each.dispatched, each.ended))
        spans[each.pass_number] = (first, max(last, each.ended))
    return tuple(spans[number] for number in sorted(spans))


def _words_of(program: Image | PlacedProgram | Sequence[Instruction]) -> int:
    """Of the scratchpad; instructions by themselves do not say."""
    if isinstance(program, Image):
        return program.scratchpad_words
    return program.words if isinstance(program, PlacedProgram) else 0
