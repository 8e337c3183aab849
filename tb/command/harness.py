"""A command processor between a memory and units that only take time."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from alembert.command import instruction_layout, units_of
from alembert.config.command import MachineFault
from alembert.config.isa import INSTRUCTION_BYTES, Opcode, Unit
from alembert.config.machine import MachineConfig
from alembert.config.status import State
from cocotb.triggers import RisingEdge
from command.memory import FetchMemory
from command.oracle import Registers, Run, Step, conflicts, trace

__all__ = ["Harness", "Pace"]

PROGRAM = 0x1040


@dataclass(frozen=True)
class Pace:
    """How fast memory and units are."""

    latency: tuple[int, int] = (1, 1)
    idle: float = 0.0
    stall: float = 0.0
    cycles: tuple[int, int] = (1, 60)
    """Least and most cycles of an instruction in its unit."""
    refuse: float = 0.0
    """How often a unit with room does not take an instruction."""


class _Unit:
    """Takes an instruction while it executes another; ``done`` comes in order."""

    def __init__(self, dut, unit: Unit, rng: random.Random, pace: Pace):
        name = unit.name.lower()
        self.unit = unit
        self._payload, self._valid, self._ready, self._done = (
            getattr(dut, f"{name}{suffix}") for suffix in ("_payload", "_valid", "_ready", "_done")
        )
        self.dispatched, self.retired, self.busy = (
            getattr(dut, f"{name}_{what}") for what in ("dispatched", "retired", "busy")
        )
        self.fault = getattr(dut, f"{name}_fault")
        self.layout = instruction_layout(unit)
        self._rng, self._pace = rng, pace
        self._taken: deque[int] = deque()
        self._left = 0
        self._taking = False
        self.frozen = False
        """Never done."""
        self.finishing = False
        self._ready.value = 0
        self._done.value = 0
        self.fault.value = 0

    def edge(self) -> int | None:
        """What moved at this edge; returns the instruction that was taken."""
        taken = int(self._payload.value) if self._taking and self._valid.value else None
        if taken is not None:
            self._taken.append(taken)
            if len(self._taken) == 1:
                self._left = self._rng.randint(*self._pace.cycles)
        if self.finishing:
            self._taken.popleft()
            self._left = self._rng.randint(*self._pace.cycles)
        self._left -= 1
        self.finishing = bool(self._taken) and self._left <= 0 and not self.frozen
        self._done.value = int(self.finishing)
        room = len(self._taken) < 2
        self._taking = room and self._rng.random() >= self._pace.refuse
        self._ready.value = int(self._taking)
        return taken


class Harness:
    """Runs programs and checks every dispatch against the oracle.

    Every cycle: what is dispatched is the next instruction of the program's trace, at its unit,
    and meets nothing under way; what a unit takes has the operands of its next instruction.
    """

    def __init__(self, dut, machine: MachineConfig, rng: random.Random, pace: Pace):
        self.dut, self.machine, self.rng = dut, machine, rng
        self.memory = FetchMemory(
            dut,
            "fetch_",
            machine.axi,
            machine.scratchpad.word_width,
            self._read,
            rng,
            latency=pace.latency,
            idle=pace.idle,
            stall=pace.stall,
        )
        self.units = {unit: _Unit(dut, unit, rng, pace) for unit in units_of(machine)}
        self.image: list[int] = []
        self.refused: set[int] = set()
        self.verdicts: Callable[[int], bool] = lambda test: False
        self._prepare(Run())

    def _prepare(self, run: Run) -> None:
        self._expected = deque(run.steps)
        self._to_take: dict[Unit, deque[Step]] = {unit: deque() for unit in self.units}
        self.under_way: dict[Unit, deque[Step]] = {unit: deque() for unit in self.units}
        self._tests = 0
        self.idle_cycles = 0
        """Cycles since a dispatch in which the next instruction could have been."""
        self.longest_idle = self.longest_jump = 0
        """Most of them: nothing of control between; a loop alone, or at the start of the run."""
        self._has_begun = False
        self.overlaps: set[tuple[int, int]] = set()
        """Numbers of instructions that were under way together."""

    def _read(self, address: int) -> tuple[int, bool]:
        index, rest = divmod(address - PROGRAM, INSTRUCTION_BYTES)
        width = self.machine.scratchpad.word_width
        if not 0 <= index < len(self.image):
            return 0, True  # nothing is there; what reads ahead must not care
        return self.image[index] >> 8 * rest & ((1 << width) - 1), index in self.refused

    @property
    def state(self) -> State:
        """What STATUS would say."""
        return State(int(self.dut.state.value))

    async def edge(self) -> None:
        """A clock edge, and everything checked at it."""
        await RisingEdge(self.dut.clk)
        self.memory.edge()
        for unit, model in self.units.items():
            was_finishing = model.finishing
            assert bool(model.retired.value) == was_finishing
            if was_finishing:
                step = self.under_way[unit].popleft()
                if step.access.opcode is Opcode.ENTROPY:
                    self.dut.exit_all.value = int(self.verdicts(self._tests))
                    self._tests += 1
        started = [unit for unit, model in self.units.items() if model.dispatched.value]
        assert len(started) <= 1
        self._watch_idle(bool(started))
        for unit in started:
            self._dispatch(unit)
        for unit, model in self.units.items():
            taken = model.edge()
            if taken is not None:
                self._compare(unit, taken)

    def _dispatch(self, unit: Unit) -> None:
        assert self._expected, f"{unit.name} got an instruction too many"
        step = self._expected.popleft()
        self._has_begun = True
        assert step.access.unit is unit, f"{step} went to {unit.name}"
        for others in self.under_way.values():
            for other in others:
                assert not conflicts(step.access, other.access), f"{step} beside {other}"
                self.overlaps.add((other.pc, step.pc))
        self.under_way[unit].append(step)
        assert len(self.under_way[unit]) <= self.machine.queue_depth + 1
        self._to_take[unit].append(step)

    def _watch_idle(self, started: bool) -> None:
        if started or not self._expected:
            self.idle_cycles = 0
            return
        step = self._expected[0]
        if {Opcode.BARRIER, Opcode.EXIT} & set(step.after):
            return  # it may wait for them
        room = len(self.under_way[step.access.unit]) <= self.machine.queue_depth
        old = [other.access for others in self.under_way.values() for other in others]
        if room and not any(conflicts(step.access, other) for other in old):
            self.idle_cycles += 1
            if step.after or not self._has_begun:
                self.longest_jump = max(self.longest_jump, self.idle_cycles)
            else:
                self.longest_idle = max(self.longest_idle, self.idle_cycles)
        else:
            self.idle_cycles = 0

    def _compare(self, unit: Unit, taken: int) -> None:
        step = self._to_take[unit].popleft()
        got = self.units[unit].layout.from_bits(taken)
        assert int(got.opcode) == step.access.opcode
        for name, value in step.access.values.items():
            assert int(got[name]) == value, f"{step}: {name} is {int(got[name])}"
        if unit is Unit.DMA:
            assert int(got.pass_number) == step.pass_number

    async def reset(self) -> None:
        """Of the device; memory and units are made anew by a new harness."""
        self.dut.rst.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0

    async def begin(
        self,
        program: list[int],
        registers: Registers,
        *,
        verdicts: Callable[[int], bool] = lambda test: False,
        watchdog: int = 0,
    ) -> Run:
        """Start a program; returns how the oracle says it goes."""
        self.image, self.verdicts = program, verdicts
        run = trace(program, self.machine, registers, verdicts)
        self._prepare(run)
        dut = self.dut
        dut.i_program.value = PROGRAM
        dut.length.value = registers.length
        dut.targets.value = registers.targets
        dut.max_passes.value = registers.max_passes
        dut.watchdog.value = watchdog
        dut.start.value = 1
        await self.edge()
        dut.start.value = 0
        await self.edge()
        return run

    async def until_end(self, limit: int = 20_000) -> None:
        """Until the state is not RUNNING any more."""
        for _ in range(limit):
            await self.edge()
            if self.state is not State.RUNNING:
                return
        raise AssertionError(f"still running after {limit} cycles")

    async def settle(self) -> None:
        """After a run: until no word that was read ahead is under way."""
        while not self.memory.idle or self.dut.fetch_command_valid.value:
            await self.edge()

    async def run(
        self, program: list[int], registers: Registers, *, settle: bool = True, **given
    ) -> Run:
        """Run a program to its end and compare what the registers say."""
        run = await self.begin(program, registers, **given)
        await self.until_end()
        dut = self.dut
        assert int(dut.fault.value) == run.fault, MachineFault(int(dut.fault.value)).name
        assert self.state is (State.ERROR if run.fault else State.DONE)
        assert int(dut.pass_number.value) == run.passes
        assert bool(dut.exited.value) == run.exited
        left = len(self._expected)
        assert not left, f"{left} instructions were not dispatched, the first: {self._expected[0]}"
        if run.fault:
            assert (int(dut.fault_unit.value), int(dut.fault_pc.value)) == (0, run.pc)
        else:
            assert not any(self.under_way.values())
        if settle:
            await self.settle()
        return run
