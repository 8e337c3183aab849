"""Decides, cycle by cycle, whether the next activation vector may enter the array."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic import Arithmetic
from ..config import VmacArrayConfig
from .accumulator import AccumulateControl
from .layouts import ActivationBeat, Tile
from .vmac import ActivationVector

__all__ = ["Issuer"]


class Issuer(wiring.Component):
    """Takes the rows of each tile's pass from the activation stream and sends them down the chain.

    A pass begins when its weights are in the shadow, its channel parameters too if it is a tile's
    last, and the sums it adds to are written. Rows whose results come out are let in only while
    there is room reserved for them (``has_room``): the array itself never stalls. Lanes beyond K,
    and cycles without a vector, are zero.

    Parameters
    ----------
    config : VmacArrayConfig
        V, R.
    arithmetic : Arithmetic
        How an activation is prepared.
    min_distance : int
        Cycles between two terms of one row.

    Members
    -------
    tile : In, stream of Tile
    activations : In, stream of ActivationBeat
    weights_full, parameters_full : In
        The shadows are loaded.
    has_room : In
        One more result can be kept.
    reserve : Out
        Room for one result is taken.
    weights_taken : Out
        A pass begins.
    parameters_taken : In
        The array has taken the channel parameters over.
    vector : Out, ActivationVector
    control : Out, AccumulateControl

    Latency: 1 cycle. Throughput: a vector a cycle.
    """

    tile: stream.Interface
    activations: stream.Interface
    weights_full: Signal
    parameters_full: Signal
    has_room: Signal
    reserve: Signal
    weights_taken: Signal
    parameters_taken: Signal
    vector: data.View
    control: data.View

    def __init__(self, config: VmacArrayConfig, arithmetic: Arithmetic, *, min_distance: int):
        self._config = config
        self._arithmetic = arithmetic
        self._min_distance = min_distance
        super().__init__(
            {
                "tile": In(stream.Signature(Tile(config))),
                "activations": In(stream.Signature(ActivationBeat(config))),
                "weights_full": In(1),
                "parameters_full": In(1),
                "has_room": In(1),
                "reserve": Out(1),
                "weights_taken": Out(1),
                "parameters_taken": In(1),
                "vector": Out(ActivationVector(arithmetic)),
                "control": Out(AccumulateControl(config.vmac.rows)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        tile = self.tile.payload
        row = Signal(range(self._config.vmac.rows))
        gap = Signal(range(self._min_distance))
        parameters_claimed = Signal()
        is_first_row = row == 0
        is_last_row = row == tile.rows - 1

        may_begin = Signal()
        fire = Signal()
        m.d.comb += [
            may_begin.eq(
                self.weights_full
                & (gap == 0)
                & (~tile.last | (self.parameters_full & ~parameters_claimed))
            ),
            self.activations.ready.eq(
                self.tile.valid & (~is_first_row | may_begin) & (~tile.last | self.has_room)
            ),
            fire.eq(self.activations.valid & self.activations.ready),
            self.tile.ready.eq(fire & is_last_row),
            self.weights_taken.eq(fire & is_first_row),
            self.reserve.eq(fire & tile.last),
        ]

        with m.If(gap != 0):
            m.d.sync += gap.eq(gap - 1)
        with m.If(fire):
            m.d.sync += row.eq(Mux(is_last_row, 0, row + 1))
            with m.If(is_last_row & (tile.rows < self._min_distance)):
                # so few rows that the next pass would read a sum before it is written
                m.d.sync += gap.eq(self._min_distance - tile.rows)
        with m.If(self.parameters_taken):
            m.d.sync += parameters_claimed.eq(0)
        with m.If(self.weights_taken & tile.last):
            m.d.sync += parameters_claimed.eq(1)

        for index in range(self._config.vmac.lanes):
            code = self.activations.payload[index]
            prepared = self._arithmetic.prepare_activation(m, code, f"lane_{index}")
            used = fire & (Const(index) < tile.lanes)
            m.d.sync += Value.cast(self.vector.lanes[index]).eq(Mux(used, prepared, 0))
        control = self.control
        m.d.sync += [
            self.vector.swap.eq(self.weights_taken),
            control.valid.eq(fire),
            control.first.eq(tile.first),
            control.last.eq(tile.last),
            control.tile_start.eq(tile.last & is_first_row),
            control.end.eq(tile.end & is_last_row),
            control.row.eq(row),
        ]
        return m
