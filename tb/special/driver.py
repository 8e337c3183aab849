"""Runs programs on the special engines and compares all of the scratchpad afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cocotb
import numpy as np
from alembert.config.isa import Instruction
from cocotb.triggers import ClockCycles, RisingEdge
from special.programs import Model, instruction_word, num_writes
from support.streams import Monitor, Sink, Source

__all__ = ["SpecialDriver", "Watch", "reset"]


async def reset(dut) -> None:
    """Two cycles of reset."""
    dut.rst.value = 1
    await ClockCycles(dut.clk, 2)
    dut.rst.value = 0
    await RisingEdge(dut.clk)


@dataclass
class Watch:
    """What was seen, cycle by cycle, until the last instruction was done."""

    cycles: int = 0
    done: list[tuple[int, int]] = field(default_factory=list)
    """Cycle, and words written by then, of each instruction's end."""
    taken: list[int] = field(default_factory=list)
    """Cycles in which an instruction was taken."""
    issuing: list[int] = field(default_factory=list)
    """Cycles in which a beat or a logit entered."""
    stalled: int = 0
    saturated: int = 0
    """Wide results that were cut to their range."""
    outcomes: list[tuple[int, ...]] = field(default_factory=list)
    """exit_all, first_class, first_entropy at each end of an entropy test."""


class SpecialDriver:
    """Sources and monitors of one of the two engines.

    Parameters
    ----------
    dut : the device
    model : Model
    engine : str
        "special" or "entropy".
    idle : str
        Pattern of instructions.
    stall : str
        How often rivals leave the scratchpad alone; "never" is always.
    monitors : bool
        Only one driver of a test may have them.
    """

    def __init__(
        self,
        dut,
        model: Model,
        engine: str = "special",
        *,
        idle="never",
        stall="never",
        monitors=True,
    ):
        self.dut, self.model, self.engine = dut, model, engine
        self._instructions = Source(dut, f"{engine}_instruction", idle=idle)
        self._rivals = (
            [Source(dut, n, idle=stall) for n in ("rival_i", "rival_write")]
            if stall != "never"
            else []
        )
        self._width = model.machine.scratchpad.word_width
        self._address_width = model.machine.scratchpad.address_width
        dut.rival_o_ready.value = 1
        dut.entropy_threshold.value = model.threshold
        if monitors:
            Monitor(dut, f"{engine}_instruction")

    def port(self, name: str) -> int:
        """The value of one of the engine's outputs."""
        return int(getattr(self.dut, f"{self.engine}_{name}").value)

    async def load(self) -> None:
        """The model's words into the scratchpad."""
        mask = (1 << self.model.machine.word_codes) - 1
        above = mask << self._width
        await Source(self.dut, "load").send(
            address | (word | above) << self._address_width
            for address, word in enumerate(self.model.words())
        )

    async def compare(self) -> None:
        """Every word of the scratchpad is the model's."""
        words = self.model.words()
        task = cocotb.start_soon(Source(self.dut, "peek_i").send(range(len(words))))
        got = await Sink(self.dut, "peek_o").receive(len(words))
        await task
        wrong = [k for k, word in enumerate(words) if got[k] != word]
        assert not wrong, f"{len(wrong)} words differ, first {wrong[0]}: " + ", ".join(
            f"{got[k]:#x}, not {words[k]:#x}" for k in wrong[:4]
        )

    async def run(self, program: Sequence[Instruction], *, timeout_cycles: int = 20_000) -> Watch:
        """Execute instructions back to back; checks counters and what is written at each done."""
        before = self.port("written")
        send = self._instructions.send
        task = cocotb.start_soon(send(instruction_word(each) for each in program))
        noise = [cocotb.start_soon(source.send(self._noise())) for source in self._rivals]
        watch = await self._watch(len(program), timeout_cycles)
        await task
        for each in noise:
            each.cancel()
        for source in self._rivals:
            source._valid.value = 0
        machine = self.model.machine
        after = np.cumsum([num_writes(each, machine) for each in program]).tolist()
        for k, (_, written) in enumerate(watch.done):
            low, high = after[k], after[k + 1] if k + 1 < len(after) else after[k] + 1
            assert low <= written - before < high, f"done {k} after {written - before} writes"
        per_beat = machine.word_wides if self.engine == "special" else 1
        beats = sum(each["rows"] * -(-each["columns"] // per_beat) for each in program)
        assert len(watch.issuing) == beats
        if self.engine == "special":
            assert watch.saturated == sum(self.model.saturated[id(each)] for each in program)
        assert self.port("fault") == 0
        assert self.dut.memory_fault.value == 0
        await RisingEdge(self.dut.clk)
        assert self.port("busy") == 0
        return watch

    def _noise(self) -> Iterator[int]:
        """Reads of any word; the same as a write has no bit of the mask set."""
        words = self.model.machine.scratchpad.words
        while True:
            yield int(self.model.rng.integers(words))

    async def _watch(self, count: int, timeout_cycles: int) -> Watch:
        watch, names = Watch(), ("issuing", "stalled", "busy", "done")
        edge = RisingEdge(self.dut.clk)
        valid, ready = (
            getattr(self.dut, f"{self.engine}_instruction_{name}") for name in ("valid", "ready")
        )
        signals = [getattr(self.dut, f"{self.engine}_{name}") for name in names]
        while len(watch.done) < count:
            await edge
            issuing, stalled, busy, done = (bool(signal.value) for signal in signals)
            assert not (issuing and stalled)
            assert busy or not (issuing or stalled)
            if valid.value and ready.value:
                watch.taken.append(watch.cycles)
            if issuing:
                watch.issuing.append(watch.cycles)
            watch.stalled += stalled
            if self.engine == "special":
                watch.saturated += self.port("saturated")
            if done:
                watch.done.append((watch.cycles, self.port("written")))
                if self.engine == "entropy":
                    outcome = ("exit_all", "first_class", "first_entropy")
                    watch.outcomes.append(tuple(self.port(name) for name in outcome))
            watch.cycles += 1
            assert watch.cycles < timeout_cycles, (
                f"{len(watch.done)} of {count} instructions done after {timeout_cycles} cycles"
            )
        return watch
