"""An energy proxy: what a run counts, times published energies of an operation.

It compares variants of one machine by what they do: products, words of the scratchpad, beats of
memory. It is not what silicon takes: there is no clock, no control, no wire, no leakage, no special
function in it, and every product counts, whether its operands change or not.

Sources: M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, 45 nm
at 0.9 V; formats beside INT8 by the transistors of their MACs, as ``bench/results.json`` has them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from alembert.config.formats import Format
from alembert.config.isa import Opcode, Unit
from alembert.config.machine import MachineConfig
from alembert.config.pair import FormatPair
from alembert_compiler.cycles import Prediction, Record

from .answer import Counters

__all__ = [
    "TRANSISTORS_PER_MAC",
    "EnergyEstimate",
    "WorkCounts",
    "count_work",
    "estimate_energy",
    "mac_energy",
    "scratchpad_energy",
]

MULTIPLY_8_PJ, ADD_32_PJ = 0.2, 0.1
"""An 8-bit product, and its addition to a sum of 32 bits."""
SRAM_8_KB_PJ = 10.0
"""64 bits of a memory of 8 KB; 32 KB take 20 pJ: the root of the size."""
DRAM_PJ = 1300.0
"""64 bits of external memory; the lower end of what is published, 1.3…2.6 nJ."""

TRANSISTORS_PER_MAC: Mapping[str, float] = MappingProxyType(
    {
        "adaptivfloat8_3": 4734.1,  # area.vmac16.adaptivfloat8_3.transistors_per_mac
        "int8": 3324.6,  # area.vmac16.int8.transistors_per_mac
        "int8_int4": 1888.6,  # area.vmac16.int8_int4.transistors_per_mac
        "ternary": 946.2,  # area.vmac16.ternary.transistors_per_mac
    }
)
"""Of a VMAC of 16 lanes, by the names of the figures ``area.vmac16.….transistors_per_mac``."""


@dataclass(frozen=True, kw_only=True)
class WorkCounts:
    """What a run did.

    Parameters
    ----------
    macs : tuple of int
        Multiplications of each array; lanes and VMACs that a tensor leaves empty count.
    scratchpad_words : int
        Words read and written by instructions.
    memory_beats : int
        Of the bus, read and written.
    """

    macs: tuple[int, ...]
    scratchpad_words: int
    memory_beats: int


@dataclass(frozen=True, kw_only=True)
class EnergyEstimate:
    """The proxy by its parts, in nanojoules."""

    arrays: float
    scratchpad: float
    memory: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.arrays + self.scratchpad + self.memory


def count_work(
    machine: MachineConfig, run: Prediction, counters: Counters | None = None
) -> WorkCounts:
    """The work of a run.

    Parameters
    ----------
    machine : MachineConfig
    run : Prediction
        Of the same program, length and passes: says which instructions were executed.
    counters : Counters, optional
        Of the machine; what it has counted replaces what is predicted.
    """
    units = (Unit.MATRIX, Unit.ATTENTION)[: len(machine.arrays)]
    issues = [run.units[unit].work for unit in units]
    beats = run.read_beats + run.written_beats
    if counters is not None:
        issues = [counters.units[unit].issues or 0 for unit in units]
        beats = counters.read_beats + counters.write_beats
    return WorkCounts(
        macs=tuple(count * array.macs for count, array in zip(issues, machine.arrays)),
        scratchpad_words=sum(_words(machine, record) for record in run.instructions),
        memory_beats=beats,
    )


def _words(machine: MachineConfig, record: Record) -> int:
    """Words of the scratchpad that an instruction reads and writes."""
    given = record.instruction
    places = {name: rows.count * rows.words for name, rows in given.places.items()}
    if given.opcode not in (Opcode.LINEAR, Opcode.MATMUL):
        return sum(places.values())
    array = machine.arrays[given["unit"]]
    lanes = array.vmac.lanes // machine.word_codes
    read = record.work * lanes
    if given.opcode is Opcode.MATMUL:  # its stationary operand, once for every block of rows
        blocks = -(-given["rows"] // array.vmac.rows) * -(-given["depth"] // array.vmac.lanes)
        read += blocks * given["columns"] * lanes
    return read + places["o"]


def estimate_energy(machine: MachineConfig, work: WorkCounts) -> EnergyEstimate:
    """The energy proxy of some work.

    E = Σ macs · e(format) + words · e(scratchpad) + beats · e(DRAM), where
    e(format) = (0.2 + 0.1) pJ · transistors / transistors of INT8,
    e(scratchpad) = 10 pJ · √(bytes of a bank / 8 KB) · bits of a word / 64,
    e(DRAM) = 1.3 nJ · bits of a beat / 64.

    Raises
    ------
    ValueError
        There is no figure for an array's formats.
    """
    return EnergyEstimate(
        arrays=sum(
            count * mac_energy(array.vmac.pair) for count, array in zip(work.macs, machine.arrays)
        )
        / 1000,
        scratchpad=work.scratchpad_words * scratchpad_energy(machine) / 1000,
        memory=work.memory_beats * DRAM_PJ * machine.axi.data_width / 64 / 1000,
    )


def mac_energy(pair: FormatPair) -> float:
    """Picojoules of a multiplication and its addition.

    Raises
    ------
    ValueError
        There is no figure for the formats.
    """
    name = _figure(pair.activation, pair.weight)
    if name not in TRANSISTORS_PER_MAC:
        raise ValueError(
            f"formats of a MAC must be one of {', '.join(TRANSISTORS_PER_MAC)}, not {name}"
        )
    ratio = TRANSISTORS_PER_MAC[name] / TRANSISTORS_PER_MAC["int8"]
    return (MULTIPLY_8_PJ + ADD_32_PJ) * ratio


def _figure(activation: Format, weight: Format) -> str:
    """What the figures call a pair of formats."""
    if activation == weight or weight.slug == "ternary":
        return weight.slug
    return f"{activation.slug}_{weight.slug}"


def scratchpad_energy(machine: MachineConfig) -> float:
    """Picojoules of a word read or written."""
    scratchpad = machine.scratchpad
    bank_bytes = scratchpad.words * machine.word_bytes / scratchpad.banks
    return SRAM_8_KB_PJ * math.sqrt(bank_bytes / 8192) * scratchpad.word_width / 64
