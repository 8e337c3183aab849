"""The walk over a matrix product's tiles, without a division."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import VmacArrayConfig
from .layouts import MatmulCommand, Tile

__all__ = ["TileWalker"]


class TileWalker(wiring.Component):
    """Turns a command into its tiles: blocks of rows, in them tiles of columns, in them of depth.

    for m in 0, R … M: for n in 0, C … N: for k in 0, V … K. What is left of each dimension is
    counted down by a tile's size, so that the last tile of each says by itself how much of the
    array it uses.

    Parameters
    ----------
    config : VmacArrayConfig
        R, C and V.
    whole_depth : bool
        One tile for all of K: for what is needed once a result and not once a pass.

    Members
    -------
    command : In, stream of MatmulCommand
        No dimension may be zero.
    tile : Out, stream of Tile

    Latency: 1 cycle. Throughput: a tile a cycle, no gap between commands.
    """

    command: stream.Interface
    tile: stream.Interface

    def __init__(self, config: VmacArrayConfig, *, whole_depth: bool = False):
        self._config = config
        self._whole_depth = whole_depth
        super().__init__(
            {
                "command": In(stream.Signature(MatmulCommand())),
                "tile": Out(stream.Signature(Tile(config))),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self._config
        command = Signal(MatmulCommand())
        left = Signal(MatmulCommand())
        busy = Signal()
        tile = self.tile.payload

        lanes = config.vmac.lanes
        last_depth = Signal()
        last_column = Signal()
        last_row = Signal()
        m.d.comb += [
            last_depth.eq(1 if self._whole_depth else left.depth <= lanes),
            last_column.eq(left.columns <= config.vmacs),
            last_row.eq(left.rows <= config.vmac.rows),
            tile.lanes.eq(Mux(left.depth <= lanes, left.depth, lanes)),
            tile.columns.eq(Mux(last_column, left.columns, config.vmacs)),
            tile.rows.eq(Mux(last_row, left.rows, config.vmac.rows)),
            tile.first.eq(left.depth == command.depth),
            tile.last.eq(last_depth),
            tile.end.eq(last_depth & last_column & last_row),
            self.tile.valid.eq(busy),
            self.command.ready.eq(~busy | (self.tile.ready & tile.end)),
        ]
        with m.If(self.tile.valid & self.tile.ready):
            m.d.sync += left.depth.eq(left.depth - lanes)
            with m.If(last_depth):
                m.d.sync += [
                    left.depth.eq(command.depth),
                    left.columns.eq(left.columns - config.vmacs),
                ]
                with m.If(last_column):
                    m.d.sync += [
                        left.columns.eq(command.columns),
                        left.rows.eq(left.rows - config.vmac.rows),
                    ]
                    with m.If(last_row):
                        m.d.sync += busy.eq(0)
        with m.If(self.command.valid & self.command.ready):
            m.d.sync += [
                busy.eq(1),
                command.eq(self.command.payload),
                left.eq(self.command.payload),
            ]
        return m
