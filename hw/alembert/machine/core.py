# amaranth: UnusedElaboratable=no
"""Everything behind the registers: command processor, units, scratchpad, and the bus's clients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from ..axi import BurstReader, ReadArbiter
from ..axi.layouts import ReadBus, ReadSignature, WriteBus, WriteSignature
from ..command import CommandProcessor
from ..config.axi import AxiFault
from ..config.command import MachineFault
from ..config.dma import DmaFault
from ..config.isa import MemoryBase, Unit
from ..config.machine import MachineConfig
from ..config.registers import SATURATIONS
from ..config.status import State
from ..dma import DmaEngine
from ..matrix import MatrixEngine
from ..memory import Scratchpad
from ..registers import saturation_layout
from ..special import EntropyEngine, SpecialEngine
from .fetch_report import FetchReport
from .layouts import report_layout, run_layout
from .weights import WeightFetcher

__all__ = ["Core"]


class Core(wiring.Component):
    """Runs programs; whoever resets it has drained its bus before.

    Parameters
    ----------
    config : MachineConfig
        The machine.

    Members
    -------
    start : In
        A pulse: begin a run.
    run : In, run_layout
        What to run, and on what; steady while the machine runs.
    watchdog : In
        Cycles without progress until a run is stopped; 0: never.
    state : Out, State
    report : Out, report_layout
        What the run came to, or was stopped by.
    counts : Out, a bit a counter
        In the order of ``counters``: high in a cycle that counts.
    saturated : Out, saturation_layout
        How many results each unit has cut to their range, no later than its instruction is done.
    read_bus : Out, ReadSignature with ID
    write_bus : Out, WriteSignature
    drain, idle : In, Out
        Of all the bus's clients.

    Latency and throughput: the units'. Reset: everything but what the scratchpad stores; only while
    ``idle`` under ``drain``. Errors: ``report.error``; the run has ended with it.
    """

    start: Signal
    run: data.View
    watchdog: Signal
    state: Signal
    report: data.View
    counts: Signal
    saturated: data.View
    read_bus: ReadBus
    write_bus: WriteBus
    drain: Signal
    idle: Signal

    def __init__(self, config: MachineConfig):
        self._config = config
        self._processor = CommandProcessor(config)
        self._dma = DmaEngine(config)
        self._main = MatrixEngine(config, config.main, has_weight_stream=True)
        self._attention = (
            None
            if config.attention is None
            else MatrixEngine(config, config.attention, has_weight_stream=False)
        )
        self._special = SpecialEngine(config)
        self._entropy = EntropyEngine(config)
        self._weights = WeightFetcher(config)
        self._fetch = BurstReader(config.axi, config.scratchpad.word_width)
        # a sum of an address and an offset of 32 bits in words, without overflow
        width = max(config.axi.address_width, 32 + exact_log2(config.word_bytes)) + 1
        self._fetch_report = FetchReport(config.axi, config.scratchpad.word_width, width)
        self._engines: dict[Unit, Any] = {
            Unit.MATRIX: self._main,
            **({} if self._attention is None else {Unit.ATTENTION: self._attention}),
            Unit.SPECIAL: self._special,
            Unit.ENTROPY: self._entropy,
            Unit.DMA: self._dma,
        }
        self.counters = self._counter_names()
        super().__init__(
            {
                "start": In(1),
                "run": In(run_layout(config)),
                "watchdog": In(32),
                "state": Out(State),
                "report": Out(report_layout(config)),
                "counts": Out(len(self.counters)),
                "saturated": Out(saturation_layout(config)),
                "read_bus": Out(ReadSignature(config.axi, with_id=True)),
                "write_bus": Out(WriteSignature(config.axi)),
                "drain": In(1),
                "idle": Out(1),
            }
        )

    def _counter_names(self) -> tuple[str, ...]:
        names = ["read_beats", "write_beats"]
        for unit in self._engines:
            kinds = ["busy", "stall", "instructions"]
            kinds += ["issues"] if unit in (Unit.MATRIX, Unit.ATTENTION) else []
            names += [f"{unit.name.lower()}_{kind}" for kind in kinds]
        return tuple(names)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.processor = self._processor
        m.submodules.weights = self._weights
        m.submodules.fetch = self._fetch
        m.submodules.fetch_report = self._fetch_report
        for unit, engine in self._engines.items():
            m.submodules[unit.name.lower()] = engine
        self._connect_processor(m)
        self._connect_scratchpad(m)
        self._connect_bus(m)
        self._connect_weights(m)
        self._report(m)
        self._count(m)
        return m

    def _port(self, unit: Unit, what: str) -> Any:
        """A port of the processor, for a unit."""
        name = unit.name.lower()
        return getattr(self._processor, f"{name}_{what}" if what else name)

    def _connect_processor(self, m: Module) -> None:
        """Settings, instructions, faults."""
        processor, run = self._processor, self.run
        width = self._config.axi.address_width
        program = Signal.like(self._fetch_report.program, name="program")
        progress = [engine.issuing for unit, engine in self._engines.items() if unit != Unit.DMA]
        connect(m, processor.fetch_command, self._fetch.command)
        connect(m, self._fetch.o, processor.fetch_words)
        m.d.comb += [
            processor.start.eq(self.start),
            program.eq(run.image + (run.program << exact_log2(self._config.word_bytes))),
            # no program begins between two words: nothing is read for one beyond the bus
            processor.program.eq(Mux(program[width:].any(), -1, program)),
            self._fetch_report.program.eq(program),
            self._fetch_report.pc.eq(processor.fault_pc),
            self._fetch_report.beat.eq(self._fetch.bus.r.valid),
            self._fetch_report.resp.eq(self._fetch.bus.r.payload.resp),
            self._fetch_report.taken.eq(self._fetch.o.valid & self._fetch.o.ready),
            self._fetch_report.error.eq(self._fetch.o.payload.error),
            processor.length.eq(run.length),
            processor.targets.eq(run.targets),
            processor.max_passes.eq(run.max_passes),
            processor.watchdog.eq(self.watchdog),
            processor.progress.eq(Cat(*progress, self.read_bus.r.valid, self._beat_leaves).any()),
            processor.exit_all.eq(self._entropy.exit_all),
            self._entropy.threshold.eq(run.threshold),
            self.state.eq(processor.state),
        ]
        for unit, engine in self._engines.items():
            connect(m, self._port(unit, ""), engine.instruction)
            m.d.comb += [
                self._port(unit, "done").eq(engine.done),
                self._port(unit, "fault").eq(self._fault_of(unit)),
            ]

    def _fault_of(self, unit: Unit) -> Value:
        """A unit's fault, as the processor knows it."""
        if unit is Unit.DMA:
            kind = self._dma.fault
            named = Mux(kind == DmaFault.WRITE, MachineFault.DMA_WRITE, MachineFault.INDEX)
            named = Mux(kind == DmaFault.READ, MachineFault.DMA_READ, named)
            refused = Mux(kind != DmaFault.NONE, named, MachineFault.NONE)
            # a base register that no bus can have stops the run at once
            stops = (self.run.refused != AxiFault.NONE) & (self.state == State.RUNNING)
            return Mux(stops, MachineFault.DMA_READ, refused)
        own = Mux(self._engines[unit].fault != 0, MachineFault.UNIT, MachineFault.NONE)
        if unit is Unit.MATRIX:
            return Mux(self._weights.fault != AxiFault.NONE, MachineFault.WEIGHTS_READ, own)
        return own

    def _connect_scratchpad(self, m: Module) -> None:
        """The crossbar. What stalls an array comes first, what can wait last."""
        readers: dict[str, Any] = {}
        writers: dict[str, Any] = {}
        engines = [(unit, e) for unit, e in self._engines.items() if unit is not Unit.DMA]
        for operand in ("a", "b"):
            for unit, engine in engines:
                for name in getattr(engine, "readers", ("a",)):
                    if name.startswith(operand):
                        readers[f"{unit.name.lower()}_{name}"] = getattr(engine, f"read_{name}")
        for unit, engine in engines:
            for name in getattr(engine, "writers", ("o",)):
                writers[f"{unit.name.lower()}_{name}"] = getattr(engine, f"write_{name}")
        readers["dma"], writers["dma"] = self._dma.read_memory, self._dma.write_memory
        m.submodules.scratchpad = scratchpad = Scratchpad(
            self._config.scratchpad, tuple(readers), tuple(writers)
        )
        # faults of the scratchpad are not looked at: ranges are checked before dispatch, and what
        # an array of several words a vector reads beyond a row's end is not used
        for name, port in readers.items():
            connect(m, port, scratchpad.reader(name))
        for name, port in writers.items():
            connect(m, port, scratchpad.writer(name))

    def _connect_bus(self, m: Module) -> None:
        """Four readers and a writer; the most urgent has no precedence, a burst each in turn."""
        clients: Sequence[Any] = (
            self._weights.bus,
            self._dma.data_bus,
            self._dma.number_bus,
            self._fetch.bus,
        )
        m.submodules.arbiter = arbiter = ReadArbiter(self._config.axi, len(clients))
        for client, place in zip(clients, arbiter.clients, strict=True):
            connect(m, client, place)
        connect(m, arbiter.bus, flipped(self.read_bus))
        connect(m, self._dma.write_bus, flipped(self.write_bus))
        parts = (self._weights, self._dma, self._fetch)
        m.d.comb += [
            *(part.drain.eq(self.drain) for part in parts),
            self.idle.eq(Cat(part.idle for part in parts).all() & arbiter.idle),
        ]

    def _connect_weights(self, m: Module) -> None:
        connect(m, self._main.weight_command, self._weights.command)
        connect(m, self._weights.o, self._main.weights)
        for each in MemoryBase:
            name = each.name.lower()
            m.d.comb += [self._weights.bases[name].eq(self.run[name])]
            m.d.comb += [self._dma.bases[name].eq(self.run[name])]

    @property
    def _beat_leaves(self) -> Value:
        return self.write_bus.w.valid & self.write_bus.w.ready

    def _report(self, m: Module) -> None:
        """Results, and the particulars of a fault."""
        processor, report = self._processor, self.report
        is_weights = processor.fault == MachineFault.WEIGHTS_READ
        details: dict[Unit, ValueLike] = {
            Unit.DMA: Mux(self.run.refused != AxiFault.NONE, self.run.refused, self._dma.detail),
            **{unit: e.fault for unit, e in self._engines.items() if unit is not Unit.DMA},
            # what comes after the fault that stopped the run is not looked at
            Unit.MATRIX: Mux(is_weights, self._weights.fault, self._main.fault),
        }
        places = {
            Unit.DMA: self._dma.fault_address,
            Unit.MATRIX: Mux(is_weights, self._weights.fault_address, 0),
        }
        m.d.comb += [
            report.error.code.eq(processor.fault),
            report.error.unit.eq(processor.fault_unit),
            report.error_pc.eq(processor.fault_pc),
            report.passes.eq(processor.pass_number),
            report.exited.eq(processor.exited),
            report.predicted_class.eq(self._entropy.first_class),
            report.entropy.eq(self._entropy.first_entropy),
        ]
        with m.If(processor.fault != MachineFault.NONE), m.Switch(processor.fault_unit):
            for unit, detail in details.items():
                with m.Case(unit):
                    m.d.comb += report.error.detail.eq(detail)
                    if unit in places:
                        m.d.comb += report.error_address.eq(places[unit])
        with m.If(processor.fault == MachineFault.FETCH):
            m.d.comb += [
                report.error.detail.eq(self._fetch_report.detail),
                report.error_address.eq(self._fetch_report.address),
            ]

    def _count(self, m: Module) -> None:
        happens: dict[str, ValueLike] = {
            "read_beats": self.read_bus.r.valid,
            "write_beats": self._beat_leaves,
        }
        for unit, engine in self._engines.items():
            name = unit.name.lower()
            happens |= {
                f"{name}_busy": self._port(unit, "busy"),
                f"{name}_stall": engine.stalled,
                f"{name}_instructions": self._port(unit, "retired"),
            }
            if f"{name}_issues" in self.counters:
                happens[f"{name}_issues"] = engine.issuing
        m.d.comb += self.counts.eq(Cat(happens[name] for name in self.counters))
        for unit, name in SATURATIONS.items():
            if unit in self._engines:
                m.d.comb += self.saturated[name].eq(self._engines[unit].saturated)
