# amaranth: UnusedElaboratable=no
"""The matrix unit: commands, weights, activations in; matrix products out, of any M, K and N."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out, connect, flipped

from ..arithmetic.digits import recode_factor
from ..config import VmacArrayConfig
from ..config.faults import MatmulFault
from .array import VmacArray
from .issue import Issuer
from .layouts import (
    ActivationBeat,
    ChannelParameters,
    MatmulCommand,
    PreparedChannel,
    ResultBeat,
    WeightBeat,
)
from .loader import ShadowLoader
from .result_encoder import prepare_exponent
from .tiles import TileWalker
from .vmac import WeightVector

__all__ = ["MatrixUnit"]


class MatrixUnit(wiring.Component):
    """Result [M, N] = post-process(activations [M, K] × weights [K, N]), in tiles of V × C.

    The product is walked in blocks of R rows, in those in tiles of C channels, in those in passes
    of V terms; each stream brings what a pass needs, in the order of the passes:

    * ``weights``: one beat of V codes a channel of the tile;
    * ``activations``: one beat of V codes a row of the block;
    * ``channels``: one beat a channel, once a tile of channels;
    * ``results``: one beat of C results a row, once a tile of channels.

    Weights and channel parameters load while the pass before computes, so that passes follow
    each other without a gap as long as R (or M) exceeds C. The array never stalls: a result's
    room in the output queue is reserved before its activations enter.

    Parameters
    ----------
    config : VmacArrayConfig
        Formats, V, C, R, largest K.

    Members
    -------
    command : In, stream of MatmulCommand
    weights : In, stream of WeightBeat
    activations : In, stream of ActivationBeat
    channels : In, stream of ChannelParameters
    results : Out, stream of ResultBeat
    fault : Out, MatmulFault
        Why the latest command was refused; NONE again once one is accepted.
    busy : Out
        A matrix is in work or in the output queue.
    saturated : Out, 0…C
        Wide results that were beyond their range, counted before they can be taken.

    Latency: ``latency`` cycles from a tile's last activation to its result. Throughput: V · C
    multiplications a cycle. Errors: a command with a zero dimension or too large a K is consumed
    without effect and named in ``fault``.
    """

    command: stream.Interface
    weights: stream.Interface
    activations: stream.Interface
    channels: stream.Interface
    results: stream.Interface
    fault: Signal
    busy: Signal
    saturated: Signal

    def __init__(self, config: VmacArrayConfig):
        self.config = config
        self._array = VmacArray(config)
        # issue register, chain, output queue
        self.latency = 1 + self._array.latency + 2
        self._queue_depth = self.latency + 2
        super().__init__(
            {
                "command": In(stream.Signature(MatmulCommand())),
                "weights": In(stream.Signature(WeightBeat(config))),
                "activations": In(stream.Signature(ActivationBeat(config))),
                "channels": In(stream.Signature(ChannelParameters(config))),
                "results": Out(stream.Signature(ResultBeat(config))),
                "fault": Out(MatmulFault),
                "busy": Out(1),
                "saturated": Out(range(config.vmacs + 1)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        m.submodules.array = array = self._array
        m.submodules.issuer = issuer = Issuer(
            config, array.arithmetic, min_distance=array.min_distance
        )
        m.submodules.weight_loader = weight_loader = ShadowLoader(
            config, WeightVector(array.arithmetic)
        )
        m.submodules.channel_loader = channel_loader = ShadowLoader(config, PreparedChannel(config))
        walkers = []
        for name, user, whole_depth in (
            ("issue", issuer, False),
            ("weight", weight_loader, False),
            ("channel", channel_loader, True),
        ):
            walker = TileWalker(config, whole_depth=whole_depth)
            m.submodules[f"{name}_tiles"] = walker
            connect(m, walker.tile, user.tile)
            walkers.append(walker)
        self._accept_commands(m, walkers)
        self._prepare_weights(m, weight_loader)
        self._prepare_channels(m, channel_loader)
        connect(m, flipped(self.activations), issuer.activations)

        m.d.comb += [
            issuer.weights_full.eq(weight_loader.full),
            issuer.parameters_full.eq(channel_loader.full),
            issuer.parameters_taken.eq(array.parameters_taken),
            weight_loader.release.eq(issuer.weights_taken),
            channel_loader.release.eq(array.parameters_taken),
            array.i.eq(issuer.vector),
            array.control.eq(issuer.control),
            array.weights.eq(weight_loader.o),
            array.load_weights.eq(weight_loader.load),
            array.parameters.eq(channel_loader.o),
            array.load_parameters.eq(channel_loader.load),
            self.saturated.eq(array.saturated),
        ]
        self._queue_results(m, issuer)
        return m

    def _accept_commands(self, m: Module, walkers: list[TileWalker]) -> None:
        """Check a command, then hand it to each walker as that walker becomes free."""
        command = self.command.payload
        fault = Signal(MatmulFault)
        with m.If((command.rows == 0) | (command.depth == 0) | (command.columns == 0)):
            m.d.comb += fault.eq(MatmulFault.ZERO_DIMENSION)
        with m.Elif(command.depth > self.config.vmac.max_depth):
            m.d.comb += fault.eq(MatmulFault.TOO_DEEP)
        is_good = fault == MatmulFault.NONE

        taken = Signal(len(walkers))
        done: Value = Const(1, 1)
        for index, walker in enumerate(walkers):
            m.d.comb += [
                walker.command.payload.eq(command),
                walker.command.valid.eq(self.command.valid & is_good & ~taken[index]),
            ]
            done = done & (taken[index] | walker.command.ready)
            with m.If(walker.command.valid & walker.command.ready):
                m.d.sync += taken[index].eq(1)
        m.d.comb += self.command.ready.eq(~is_good | done)
        with m.If(self.command.valid & self.command.ready):
            m.d.sync += [taken.eq(0), self.fault.eq(fault)]

    def _prepare_weights(self, m: Module, loader: ShadowLoader) -> None:
        """Recode a beat of weights and add up its correction, once for all rows that meet it."""
        arithmetic = self._array.arithmetic
        vector = loader.i.payload
        lanes = []
        for index in range(self.config.vmac.lanes):
            # signals of their own: read back from the payload, they would look like a loop
            lane = Signal(arithmetic.weight_lane, name=f"weight_{index}")
            prepared = arithmetic.prepare_weight(m, self.weights.payload[index], f"recoded_{index}")
            m.d.comb += [lane.eq(prepared), vector.lanes[index].eq(lane)]
            lanes.append(lane)
        m.d.comb += [
            vector.correction.eq(arithmetic.correction(m, lanes)),
            loader.i.valid.eq(self.weights.valid),
            self.weights.ready.eq(loader.i.ready),
        ]

    def _prepare_channels(self, m: Module, loader: ShadowLoader) -> None:
        """Recode a channel's multiplier or shift, once for all its results."""
        config = self.config
        given, prepared = self.channels.payload, loader.i.payload
        for name, _ in ChannelParameters(config):
            if name == "multiplier":
                m.d.comb += prepared.factor.eq(recode_factor(m, given.multiplier, "multiplier"))
            elif name == "exponent":
                exponent = prepare_exponent(
                    given.wide,
                    given.exponent,
                    width=config.vmac.accumulator_width + 1,
                    wide_width=config.RESULT_WIDTH,
                    shift_width=config.SHIFT_WIDTH,
                )
                m.d.comb += prepared.exponent.eq(exponent)
            else:
                m.d.comb += prepared[name].eq(given[name])
        m.d.comb += [
            loader.i.valid.eq(self.channels.valid),
            self.channels.ready.eq(loader.i.ready),
        ]

    def _queue_results(self, m: Module, issuer: Issuer) -> None:
        """Keep results until they are taken; count the room that is not yet promised."""
        array = self._array
        layout = ResultBeat(self.config)
        m.submodules.queue = queue = SyncFIFOBuffered(
            width=layout.as_shape().width, depth=self._queue_depth
        )
        room = Signal(range(self._queue_depth + 1), init=self._queue_depth)
        is_taken = self.results.valid & self.results.ready
        m.d.comb += [
            queue.w_data.eq(array.o.as_value()),
            queue.w_en.eq(array.o_valid),
            self.results.payload.as_value().eq(queue.r_data),
            self.results.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.results.ready),
            issuer.has_room.eq(room != 0),
            self.busy.eq(issuer.tile.valid | (room != self._queue_depth)),
        ]
        m.d.sync += room.eq(room - issuer.reserve + is_taken)
