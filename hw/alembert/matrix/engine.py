# amaranth: UnusedElaboratable=no
"""The matrix engine: LINEAR and MATMUL from instructions to words in the scratchpad."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..axi.layouts import word_layout
from ..config import VmacArrayConfig
from ..config.machine import MachineConfig
from ..config.matrix import MatrixFault
from ..memory import read_signature, write_signature
from ..vmac import MatrixUnit
from .commander import WeightCommander
from .feeder import WeightFeeder
from .fork import fork
from .layouts import WeightCommand, matrix_instruction
from .operand import OperandReader
from .planner import Planner
from .results import ResultWriter
from .walker import Items

__all__ = ["MatrixEngine"]


class MatrixEngine(wiring.Component):
    """Executes the instructions of one matrix unit, in order.

    Every part (who reads activations, who reads or receives weights, the unit, who writes results)
    takes an instruction as soon as it is through with its own share of the one before, so that
    operands of the next are read while this one is computed.

    Parameters
    ----------
    machine : MachineConfig
        Scratchpad, and how weights lie in memory.
    array : VmacArrayConfig
        One of the machine's arrays.
    has_weight_stream : bool
        Whether weights can come from memory: LINEAR.

    Members
    -------
    instruction : In, stream of matrix_instruction
        LINEAR or MATMUL. Its result may not overlap its operands.
    done : Out
        High for a cycle an instruction, in order: after its last write was taken by the
        scratchpad, or when it has been refused.
    weight_command : Out, stream of WeightCommand, if ``has_weight_stream``
        One a block of R rows of a LINEAR, as early as it is known.
    weights : In, stream of {data, last}, if ``has_weight_stream``
        The words of each command, in order, as a :class:`alembert.axi.BurstReader` has them.
    read_NAME : Out, read_signature, for NAME in ``readers``
        Of the scratchpad: a0, a1, … (V / W of them) for the first operand, and as many b0, b1, …
        for the second one, if there is MATMUL. Every wait of the first costs the array a
        cycle: it should be the most urgent.
    write_NAME : Out, write_signature, for NAME in ``writers``
        o0, and o1 if C = W.
    fault : Out, MatrixFault
        The first one, until reset.
    busy : Out
        An instruction has been taken that is not done.
    issuing : Out
        A vector enters the array in this cycle.
    stalled : Out
        None does, though an instruction that has been taken has vectors left.
    saturated : Out, 0…C
        Wide results that were beyond their range, each counted before its instruction's ``done``.

    Latency: ``latency`` cycles from the edge that takes MATMUL to the edge at which its first
    vector enters the array, if the engine is empty, banks are free and N ≥ C. Throughput: V · C
    multiplications a cycle; instructions follow each other without a gap as matrices do, see
    :class:`alembert.vmac.MatrixUnit`. Reset: drops all instructions; with the scratchpad,
    or for ``ReadPort.reset_cycles``. Errors: an instruction that cannot be executed ends without
    effect, and ``fault`` says why; later ones are executed.
    """

    instruction: stream.Interface
    done: Signal
    weight_command: stream.Interface
    weights: stream.Interface
    fault: Signal
    busy: Signal
    issuing: Signal
    stalled: Signal
    saturated: Signal

    def __init__(self, machine: MachineConfig, array: VmacArrayConfig, *, has_weight_stream: bool):
        if array not in machine.arrays:
            raise ValueError(f"matrix engine's array must be one of the machine's, not {array!r}")
        scratchpad = machine.scratchpad
        self._array = array
        self._unit = MatrixUnit(array)
        self._planner = Planner(machine, array, has_weight_stream=has_weight_stream)
        self._has_weight_stream = has_weight_stream
        self._has_products = self._planner.has_products
        self._activations = OperandReader(scratchpad, array, Items.ROWS)
        self._vectors = OperandReader(scratchpad, array, Items.COLUMNS)
        self._feeder = WeightFeeder(
            machine, array, has_words=has_weight_stream, has_vectors=self._has_products
        )
        self._writer = ResultWriter(scratchpad, array, has_columns=self._planner.has_columns)
        # a pass begins in the cycle after the last of its C weights
        self.latency = Planner.latency + OperandReader.latency + array.vmacs
        ports = range(self._activations.ports)
        self.readers = tuple(f"a{k}" for k in ports)
        if self._has_products:
            self.readers += tuple(f"b{k}" for k in ports)
        self.writers = tuple(f"o{k}" for k in range(self._writer.ports))
        optional: dict = {}
        if has_weight_stream:
            words = word_layout(scratchpad.word_width)
            optional["weight_command"] = Out(stream.Signature(WeightCommand()))
            optional["weights"] = In(stream.Signature(words))
        super().__init__(
            {
                "instruction": In(stream.Signature(matrix_instruction())),
                "done": Out(1),
                **optional,
                **{f"read_{name}": Out(read_signature(scratchpad)) for name in self.readers},
                **{f"write_{name}": Out(write_signature(scratchpad)) for name in self.writers},
                "fault": Out(MatrixFault),
                "busy": Out(1),
                "issuing": Out(1),
                "stalled": Out(1),
                "saturated": Out(range(array.vmacs + 1)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.planner = planner = self._planner
        m.submodules.unit = unit = self._unit
        m.submodules.activations = activations = self._activations
        m.submodules.feeder = feeder = self._feeder
        m.submodules.writer = writer = self._writer
        connect(m, flipped(self.instruction), planner.instruction)
        connect(m, feeder.weights, unit.weights)
        connect(m, feeder.channels, unit.channels)
        connect(m, unit.results, writer.results)
        self._connect_ports(m)

        plan = planner.plan.payload
        given = plan.instruction
        takers = [
            (1, unit.command.valid, unit.command.ready),
            (1, activations.command.valid, activations.command.ready),
            (1, feeder.plan.valid, feeder.plan.ready),
            (1, writer.plan.valid, writer.plan.ready),
        ]
        m.d.comb += [
            *(unit.command.payload[name].eq(given[name]) for name in ("rows", "depth", "columns")),
            feeder.plan.payload.eq(plan),
            writer.plan.payload.eq(plan),
        ]
        self._command_reader(m, activations, given, "a")
        if self._has_products:
            m.submodules.vectors = vectors = self._vectors
            connect(m, vectors.o, feeder.vectors)
            self._command_reader(m, vectors, given, "b")
            takers.append((~plan.is_linear, vectors.command.valid, vectors.command.ready))
        if self._has_weight_stream:
            m.submodules.commander = commander = WeightCommander(self._array)
            connect(m, flipped(self.weight_command), commander.o)
            connect(m, flipped(self.weights), feeder.words)
            m.d.comb += commander.plan.payload.eq(plan)
            takers.append((plan.is_linear, commander.plan.valid, commander.plan.ready))
        m.d.comb += planner.plan.ready.eq(fork(m, planner.plan.valid, takers, name="plan"))

        width = self._array.vmac.pair.activation.width
        codes = activations.o.payload.codes
        m.d.comb += [
            Value.cast(unit.activations.payload).eq(
                Cat(codes[k : k + width] for k in range(0, len(codes), 8))
            ),
            unit.activations.valid.eq(activations.o.valid),
            activations.o.ready.eq(unit.activations.ready),
        ]
        self._keep_account(m)
        return m

    def _connect_ports(self, m: Module) -> None:
        """The scratchpad's ports, by the names that they have outside."""
        for k in range(self._activations.ports):
            outer = getattr(self, f"read_a{k}")
            connect(m, flipped(outer), getattr(self._activations, f"read_{k}"))
            if self._has_products:
                outer = getattr(self, f"read_b{k}")
                connect(m, flipped(outer), getattr(self._vectors, f"read_{k}"))
        for k in range(self._writer.ports):
            outer = getattr(self, f"write_o{k}")
            connect(m, flipped(outer), getattr(self._writer, f"write_{k}"))

    def _command_reader(self, m: Module, reader: OperandReader, given, name: str) -> None:
        """Rows of an operand: items a stride apart, passes as many words apart as V takes."""
        stride = given[f"{name}_stride"]
        command = reader.command.payload
        is_first = reader is self._activations
        m.d.comb += [
            *(command[name].eq(given[name]) for name in ("rows", "depth", "columns")),
            command.address.eq(given[f"{name}_address"]),
            command.steps[0].eq(stride * self._array.vmac.rows if is_first else 0),
            command.steps[1].eq(0 if is_first else stride * self._array.vmacs),
            command.steps[2].eq(reader.ports),
            command.steps[3].eq(stride),
        ]

    def _keep_account(self, m: Module) -> None:
        """Instructions under way, those with vectors left, and the first fault."""
        planner, vectors = self._planner, self._activations.o
        accepted, issued = Signal(), Signal()
        # one in the planner, one in the result writer, one that is just done
        under_way, with_vectors = Signal(range(4)), Signal(range(4))
        m.d.comb += [
            accepted.eq(self.instruction.valid & self.instruction.ready),
            self.issuing.eq(vectors.valid & vectors.ready),
            issued.eq(self.issuing & vectors.payload.last),
            self.done.eq(self._writer.done | planner.refused),
            self.busy.eq(under_way != 0),
            self.saturated.eq(self._unit.saturated),
            self.stalled.eq((with_vectors != 0) & ~self.issuing),
            planner.is_alone.eq(under_way == 1),
        ]
        m.d.sync += [
            under_way.eq(under_way + accepted - self.done),
            with_vectors.eq(with_vectors + accepted - issued - planner.refused),
        ]
        with m.If(self.fault == MatrixFault.NONE):
            with m.If(self._feeder.out_of_step):
                m.d.sync += self.fault.eq(MatrixFault.WEIGHTS_OUT_OF_STEP)
            with m.Elif(planner.refused):
                m.d.sync += self.fault.eq(planner.fault)
