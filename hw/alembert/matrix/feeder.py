"""Weights and parameters of channels, from memory or from the scratchpad, for the array."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..axi.layouts import word_layout
from ..config import VmacArrayConfig
from ..config.isa import ResultKind
from ..config.machine import MachineConfig
from ..vmac.layouts import ChannelParameters, WeightBeat
from .layouts import Plan, vector_layout
from .walker import Items, ProductWalker
from .words import WordAssembler

__all__ = ["WeightFeeder"]

_PLACES = {"bias": 0, "multiplier": 64, "shift": 96, "exponent": 102, "relu": 112, "wide": 113}
"""Lowest bits of what the words in memory say of a channel."""


class WeightFeeder(wiring.Component):
    """For each tile each pass's weights, then the tile's parameters: a beat a channel.

    LINEAR: beats are put together from words of the stream, weights and parameters alike. MATMUL:
    weights are the second operand's vectors, and all channels have the instruction's parameters.

    Parameters
    ----------
    machine : MachineConfig
        How weights lie in memory.
    array : VmacArrayConfig
        V, C, R and formats.
    has_words, has_vectors : bool
        Whether there is LINEAR, and MATMUL.

    Members
    -------
    plan : In, stream of Plan
    words : In, stream of {data, last}, if ``has_words``
        From memory; ``last`` ends the words of a command.
    vectors : In, stream of {codes: 8 · V bits, last}, if ``has_vectors``
        From the scratchpad.
    weights : Out, stream of WeightBeat
    channels : Out, stream of ChannelParameters
    out_of_step : Out
        High in a cycle in which a word is taken that should have been a command's last and is not,
        or the other way round. Words go on to be counted as the instruction says.

    Latency: 1 cycle for a plan, none for a beat. Throughput: a word, or a vector, a cycle. Reset:
    ends the instruction.
    """

    plan: stream.Interface
    words: stream.Interface
    vectors: stream.Interface
    weights: stream.Interface
    channels: stream.Interface
    out_of_step: Signal

    def __init__(
        self, machine: MachineConfig, array: VmacArrayConfig, *, has_words: bool, has_vectors: bool
    ):
        self._array = array
        self._word_width = machine.scratchpad.word_width
        self._counts = machine.weight_beat_words(array), machine.channel_words
        self._has_words = has_words
        self._has_vectors = has_vectors
        optional: dict = {}
        if has_words:
            optional["words"] = In(stream.Signature(word_layout(self._word_width)))
        if has_vectors:
            optional["vectors"] = In(stream.Signature(vector_layout(array)))
        super().__init__(
            {
                "plan": In(stream.Signature(Plan())),
                **optional,
                "weights": Out(stream.Signature(WeightBeat(array))),
                "channels": Out(stream.Signature(ChannelParameters(array))),
                "out_of_step": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.walker = walker = ProductWalker(self._array, Items.COLUMNS)
        current = Signal(Plan())
        given = self.plan.payload.instruction
        m.d.comb += [
            walker.command.valid.eq(self.plan.valid),
            self.plan.ready.eq(walker.command.ready),
            *(walker.command.payload[name].eq(given[name]) for name in walker.dimensions),
        ]
        with m.If(self.plan.valid & self.plan.ready):
            m.d.sync += current.eq(self.plan.payload)

        # a tile's last weight keeps the walker where it is until the parameters are through
        step, of_parameters = walker.o.payload, Signal()
        index, fire = Signal(range(self._array.vmacs + 1)), Signal()
        is_last_parameter, is_last_weight = Signal(), Signal()
        m.d.comb += [
            is_last_parameter.eq(index + 1 == step.columns),
            is_last_weight.eq(step.ends[2:].all()),
            walker.o.ready.eq(fire & Mux(of_parameters, is_last_parameter, ~is_last_weight)),
        ]
        with m.If(fire):
            m.d.sync += of_parameters.eq(Mux(of_parameters, ~is_last_parameter, is_last_weight))
            with m.If(of_parameters):
                m.d.sync += index.eq(Mux(is_last_parameter, 0, index + 1))

        is_taken = Mux(of_parameters, self.channels.ready, self.weights.ready)
        is_there = Signal()
        m.d.comb += [
            self.weights.valid.eq(walker.o.valid & ~of_parameters & is_there),
            self.channels.valid.eq(walker.o.valid & of_parameters & is_there),
            fire.eq(walker.o.valid & is_there & is_taken),
        ]
        if self._has_words:
            is_block_end = of_parameters & is_last_parameter & step.ends[1]
            active = walker.o.valid & current.is_linear
            self._feed_words(m, active, of_parameters, is_taken, is_there, is_block_end)
        if self._has_vectors:
            with m.If(~current.is_linear):
                self._feed_vectors(m, current, of_parameters, is_there)
                m.d.comb += self.vectors.ready.eq(
                    walker.o.valid & ~of_parameters & self.weights.ready
                )
        return m

    def _feed_words(
        self,
        m: Module,
        active: Value,
        of_parameters: Signal,
        is_taken: Value,
        is_there: Signal,
        is_block_end: Value,
    ) -> None:
        """Beats from words of the stream."""
        m.submodules.assembler = assembler = WordAssembler(self._word_width, self._counts)
        m.d.comb += [
            assembler.i.payload.eq(self.words.payload.data),
            assembler.i.valid.eq(self.words.valid & active),
            self.words.ready.eq(assembler.i.ready & active),
            assembler.choice.eq(of_parameters),
            assembler.o.ready.eq(is_taken),
            is_there.eq(assembler.o.valid),
            self.out_of_step.eq(
                self.words.valid
                & self.words.ready
                & (self.words.payload.last != (is_block_end & assembler.o.valid))
            ),
        ]
        bits = assembler.o.payload
        weights = Value.cast(self.weights.payload)
        channel = self.channels.payload
        m.d.comb += [
            weights.eq(bits),
            *(Value.cast(channel[name]).eq(bits[_PLACES[name] :]) for name, _ in channel.shape()),
        ]

    def _feed_vectors(self, m: Module, current, of_parameters: Signal, is_there: Signal) -> None:
        """Beats from the second operand, and the same parameters for all channels."""
        width = self._array.vmac.pair.weight.width
        codes = self.vectors.payload.codes
        instruction, channel = current.instruction, self.channels.payload
        m.d.comb += [
            is_there.eq(of_parameters | self.vectors.valid),
            Value.cast(self.weights.payload).eq(
                Cat(codes[k : k + width] for k in range(0, len(codes), 8))
            ),
            channel.bias.eq(0),
            channel.relu.eq(0),
            channel.wide.eq(instruction.kind == ResultKind.WIDE),
        ]
        for name in ("exponent", "multiplier", "shift"):
            if name in dict(channel.shape()):
                m.d.comb += channel[name].eq(instruction[name])
