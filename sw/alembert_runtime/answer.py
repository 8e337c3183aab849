"""What a run comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alembert.config.isa import Unit
from alembert.config.registers import COUNTERS, UNITS

from .registers import RegisterAccess
from .saturation import Saturated

__all__ = ["Answer", "Counters", "Record", "UnitCounters", "read_counters"]


@dataclass(frozen=True, kw_only=True)
class UnitCounters:
    """What a unit did in a run.

    Parameters
    ----------
    busy : int
        Cycles in which it had work.
    stall : int
        Cycles in which it had work, but waited.
    instructions : int
        Instructions that it finished.
    issues : int, optional
        Of a matrix unit: cycles in which a vector entered the array.
    """

    busy: int
    stall: int
    instructions: int
    issues: int | None = None


@dataclass(frozen=True, kw_only=True)
class Counters:
    """Counters of a run.

    Parameters
    ----------
    cycles : int
        From the doorbell to the end.
    read_beats, write_beats : int
        Beats on the bus to memory.
    units : mapping of Unit to UnitCounters
        A unit that the machine does not have has counted nothing.
    """

    cycles: int
    read_beats: int
    write_beats: int
    units: Mapping[Unit, UnitCounters]

    def utilisation(self, unit: Unit) -> float:
        """The share of cycles in which a matrix unit's array took a vector; of another unit, in
        which it had work and did not wait.
        """
        counted = self.units[unit]
        active = counted.busy - counted.stall if counted.issues is None else counted.issues
        return active / self.cycles if self.cycles else 0.0


def read_counters(registers: RegisterAccess) -> Counters:
    """The counters as they are."""

    def of(unit: Unit) -> UnitCounters:
        kinds = ("busy", "stall", "instructions", "issues")
        names = {kind: f"{unit.name.lower()}_{kind}" for kind in kinds}
        return UnitCounters(
            **{
                kind: registers.read(name.upper())
                for kind, name in names.items()
                if name in COUNTERS
            }
        )

    return Counters(
        cycles=registers.read("CYCLES"),
        read_beats=registers.read("READ_BEATS"),
        write_beats=registers.read("WRITE_BEATS"),
        units={unit: of(unit) for unit in UNITS},
    )


@dataclass(frozen=True, kw_only=True)
class Record:
    """What an off-ramp says of a token after a pass.

    Parameters
    ----------
    predicted_class : int
        Of the largest logit.
    entropy : float
        In nats.
    is_below : bool
        Whether that is below the threshold.
    """

    predicted_class: int
    entropy: float
    is_below: bool


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a run came to; equal answers are those of equal results, whatever they took.

    Parameters
    ----------
    predicted_class : int
        Largest logit of the first target after the last pass.
    entropy : float
        Entropy there, in nats.
    passes : int
        Passes run.
    exited : bool
        The run left early, with every target's entropy below the threshold.
    records : tuple of tuples of Record
        For each pass, for each target; none of a model with one output.
    values : tuple of float
        Of a model with one output, in place of a class and an entropy, which are 0: what it says
        after each pass. It never leaves early.
    saturated : mapping of Unit to int
        Numbers of 16 bits that a unit cut to the ends of their range.
    counters : Counters, optional
        None if the device keeps no time.
    """

    predicted_class: int
    entropy: float
    passes: int
    exited: bool
    records: tuple[tuple[Record, ...], ...]
    values: tuple[float, ...] = ()
    saturated: Saturated = field(default_factory=dict, hash=False)
    counters: Counters | None = field(default=None, compare=False)
