# amaranth: UnusedElaboratable=no
"""The command processor: a program in memory becomes instructions at the units, in order."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..axi.layouts import command_layout, word_layout
from ..config.command import PASS_WIDTH, PC_WIDTH, WATCHDOG_WIDTH, FetcherConfig, MachineFault
from ..config.isa import Unit
from ..config.machine import MachineConfig
from ..config.status import State
from .decoder import Decoder
from .fault_watch import FaultWatch
from .fetcher import Fetcher
from .layouts import DIMENSION_WIDTH, instruction_layout, units_of
from .queue import InstructionQueue
from .scoreboard import Scoreboard
from .sequencer import Sequencer
from .watchdog import Watchdog

__all__ = ["CommandProcessor"]


class CommandProcessor(wiring.Component):
    """Fetches, checks and dispatches instructions; executes those of control itself.

    Instructions are dispatched in order, each to its unit's queue, as soon as nothing under way in
    another unit conflicts with it (:class:`Scoreboard`). What is read and written in external
    memory is not compared: the DMA executes in order, and a barrier separates it from weights.

    * LOOP: in pass number p, p < min(count, ``max_passes``): p grows by 1 and the program goes on
      at the target; else after the LOOP. Waits for nothing.
    * EXIT: when the entropy unit has nothing under way, and if there was a test in this run and
      ``exit_all`` is high, the program goes on at the target; ``exited`` is set.
    * BARRIER: when no unit has anything under way, the program goes on.
    * HALT: likewise, the run is done.

    A fault ends the run: nothing more is dispatched, queues offer nothing new. Of the faults of
    one cycle the first unit's counts, then that of the instruction, then the watchdog's.

    Parameters
    ----------
    config : MachineConfig
        Units, scratchpad, bus, queues.

    Members
    -------
    start : In
        A pulse: begin a run. Ignored while one is running, and after a fault.
    program : In
        Byte address of the program, whole words.
    length, targets, max_passes : In, 16 bits
        Registers; ``max_passes`` 0 is no limit. To stay while the machine runs.
    watchdog : In, 32 bits
        Cycles without progress until TIMEOUT; 0: never.
    progress : In
        Something moves that is not seen here, such as a beat on the bus.
    exit_all : In
        The entropy unit's latest test said so for every row; right from the cycle of ``done`` on.
    state : Out, State
        IDLE, RUNNING, DONE or ERROR.
    fault : Out, MachineFault
    fault_unit : Out, Unit
        Whose it is; CONTROL for what the processor itself found.
    fault_pc : Out, 17 bits
        Number of the instruction at fault: of a unit the oldest one it had under way; after a
        TIMEOUT the next one to be dispatched.
    pass_number : Out, 16 bits
        From 1; 0 before the first run.
    exited : Out
        The run left by an EXIT.
    fetch_command : Out, stream of {address, words}
    fetch_words : In, stream of {data, last, error}
        To and from a :class:`BurstReader` of scratchpad words. Its sticky fault is no reason to
        stop: what was read ahead may never be executed.
    <unit> : Out, stream of :func:`instruction_layout`
        ``dma``, ``matrix``, ``attention`` if there is one, ``special``, ``entropy``.
    <unit>_done : In
        A pulse an instruction, in order, when what it wrote can be read.
    <unit>_fault : In, MachineFault
        Not NONE: the unit has a fault. To rise no later than ``done`` of the instruction at
        fault, and to stay until reset.
    <unit>_busy : Out
        It has instructions under way: dispatched and not done.
    <unit>_dispatched, <unit>_retired : Out
        Pulses, one an instruction.

    Latency: as the throughput, and 2 cycles in the queue. Throughput: an instruction in
    ``overhead`` cycles, a cycle for each of its words, and 2 for each instruction under way.
    Reset: everything; the reader is to be reset too, so that no words are under way. Errors:
    ``fault``; only a reset clears it.

    Raises
    ------
    ValueError
        A word is not 1, 2 or 4 beats of the bus.
    """

    start: Signal
    program: Signal
    length: Signal
    targets: Signal
    max_passes: Signal
    watchdog: Signal
    progress: Signal
    exit_all: Signal
    state: Signal
    fault: Signal
    fault_unit: Signal
    fault_pc: Signal
    pass_number: Signal
    exited: Signal
    fetch_command: stream.Interface
    fetch_words: stream.Interface
    entropy_busy: Signal
    entropy_retired: Signal

    def __init__(self, config: MachineConfig):
        self.config = config
        self.units = units_of(config)
        word_width = config.scratchpad.word_width
        config.axi.beats_per_word(word_width)  # refuses a word that the bus cannot carry
        self._fetcher = FetcherConfig(word_width=word_width)
        members = {
            "start": In(1),
            "program": In(config.axi.address_width),
            "length": In(DIMENSION_WIDTH),
            "targets": In(DIMENSION_WIDTH),
            "max_passes": In(PASS_WIDTH),
            "watchdog": In(WATCHDOG_WIDTH),
            "progress": In(1),
            "exit_all": In(1),
            "state": Out(State),
            "fault": Out(MachineFault),
            "fault_unit": Out(Unit),
            "fault_pc": Out(PC_WIDTH),
            "pass_number": Out(PASS_WIDTH),
            "exited": Out(1),
            "fetch_command": Out(stream.Signature(command_layout(config.axi))),
            "fetch_words": In(stream.Signature(word_layout(word_width))),
        }
        for unit in self.units:
            name = unit.name.lower()
            members |= {
                name: Out(stream.Signature(instruction_layout(unit))),
                f"{name}_done": In(1),
                f"{name}_fault": In(MachineFault),
                f"{name}_busy": Out(1),
                f"{name}_dispatched": Out(1),
                f"{name}_retired": Out(1),
            }
        super().__init__(members)

    overhead = Decoder.latency + 2
    """Cycles between two instructions, without their words, if nothing is under way."""

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        m.submodules.fetcher = fetcher = Fetcher(config.axi, self._fetcher)
        m.submodules.decoder = decoder = Decoder(config)
        m.submodules.scoreboard = scoreboard = Scoreboard(
            config.scratchpad, len(self.units), config.queue_depth + 1
        )
        m.submodules.sequencer = sequencer = Sequencer()
        m.submodules.watchdog = watchdog = Watchdog()
        connect(m, fetcher.command, flipped(self.fetch_command))
        connect(m, flipped(self.fetch_words), fetcher.words)
        connect(m, fetcher.o, sequencer.fetched)

        begin, go = Signal(), Signal()
        is_running = self.state == State.RUNNING
        retired = self._ports("done") & scoreboard.busy
        m.d.comb += [
            begin.eq(self.start & ((self.state == State.IDLE) | (self.state == State.DONE))),
            fetcher.start.eq(begin),
            fetcher.program.eq(self.program),
            fetcher.jump.eq(sequencer.jump),
            fetcher.target.eq(sequencer.target),
            fetcher.stop.eq(~is_running & ~begin),
            decoder.begin.eq(sequencer.decode),
            decoder.word.eq(fetcher.o.payload.word),
            decoder.length.eq(self.length),
            decoder.targets.eq(self.targets),
            scoreboard.begin.eq(sequencer.check),
            scoreboard.unit.eq(self._number_of(m, decoder.unit)),
            scoreboard.ranges.eq(decoder.ranges),
            scoreboard.pc.eq(fetcher.pc),
            scoreboard.enter.eq(sequencer.dispatch),
            scoreboard.done.eq(retired),
            sequencer.begin.eq(begin),
            sequencer.go.eq(go),
            sequencer.decoded.eq(decoder.done),
            sequencer.fault.eq(decoder.fault),
            sequencer.unit.eq(decoder.unit),
            sequencer.busy.eq(scoreboard.busy.any()),
            sequencer.entropy_busy.eq(self.entropy_busy),
            sequencer.entropy_retired.eq(self.entropy_retired),
            sequencer.exit_all.eq(self.exit_all),
            sequencer.max_passes.eq(self.max_passes),
            watchdog.limit.eq(self.watchdog),
            watchdog.enable.eq(go),
            watchdog.progress.eq(sequencer.dispatch | retired.any() | self.progress),
            self.pass_number.eq(sequencer.pass_number),
            self.exited.eq(sequencer.exited),
        ]
        self._dispatch(m, decoder, scoreboard, sequencer, retired)
        with m.If(begin):
            m.d.sync += self.state.eq(State.RUNNING)
        with m.If(sequencer.halt):
            m.d.sync += self.state.eq(State.DONE)
        is_faulty = self._watch_units(m, is_running, scoreboard, fetcher.pc)
        m.d.comb += go.eq(is_running & ~is_faulty)
        with m.If(go):
            with m.If(sequencer.refused != MachineFault.NONE):
                self._stop(m, sequencer.refused, Unit.CONTROL, fetcher.pc)
            with m.Elif(watchdog.expired & ~sequencer.halt):
                self._stop(m, MachineFault.TIMEOUT, Unit.CONTROL, fetcher.pc)
        return m

    def _ports(self, what: str) -> Value:
        """One signal of every unit, in their order."""
        return Cat(getattr(self, f"{unit.name.lower()}_{what}") for unit in self.units)

    def _number_of(self, m: Module, unit: Signal) -> Signal:
        number = Signal(range(len(self.units)))
        with m.Switch(unit):
            for index, each in enumerate(self.units):
                with m.Case(each):
                    m.d.comb += number.eq(index)
        return number

    def _stop(self, m: Module, fault: ValueLike, unit: ValueLike, pc: Value) -> None:
        m.d.sync += [
            self.state.eq(State.ERROR),
            self.fault.eq(fault),
            self.fault_unit.eq(unit),
            self.fault_pc.eq(pc),
        ]

    def _watch_units(
        self, m: Module, is_running: Value, scoreboard: Scoreboard, pc: Value
    ) -> Value:
        """Stop at a unit's fault; returns whether there is one."""
        m.submodules.fault_watch = watch = FaultWatch(self.units)
        for index, unit in enumerate(self.units):
            m.d.comb += watch.faults[index].eq(getattr(self, f"{unit.name.lower()}_fault"))
        m.d.comb += [
            watch.enable.eq(is_running),
            watch.busy.eq(scoreboard.busy),
            scoreboard.asked_unit.eq(watch.asked_unit),
        ]
        with m.If(watch.caught):
            at = Mux(watch.known, scoreboard.oldest_pc, pc)
            self._stop(m, watch.fault, watch.unit, at)
        return watch.found

    def _dispatch(
        self,
        m: Module,
        decoder: Decoder,
        scoreboard: Scoreboard,
        sequencer: Sequencer,
        retired: Value,
    ) -> None:
        """A queue for each unit; an instruction goes to one of them when it is entered."""
        ready = []
        for index, unit in enumerate(self.units):
            name = unit.name.lower()
            is_it = decoder.unit == unit
            m.submodules[f"{name}_queue"] = queue = InstructionQueue(unit, self.config.queue_depth)
            connect(m, queue.o, flipped(getattr(self, name)))
            m.d.comb += [
                queue.i.payload.word.eq(decoder.substituted),
                queue.i.payload.pass_number.eq(sequencer.pass_number),
                queue.i.valid.eq(sequencer.dispatch & is_it),
                queue.stop.eq(self.state != State.RUNNING),
                getattr(self, f"{name}_dispatched").eq(sequencer.dispatch & is_it),
                getattr(self, f"{name}_retired").eq(retired[index]),
                getattr(self, f"{name}_busy").eq(scoreboard.busy[index]),
            ]
            ready.append(queue.i.ready & is_it)
        m.d.comb += sequencer.free.eq(scoreboard.free & Cat(ready).any())
