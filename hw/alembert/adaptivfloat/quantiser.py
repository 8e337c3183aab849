# amaranth: UnusedElaboratable=no
"""Streaming AdaptivFloat quantiser: stores a tensor, finds its bias, encodes it."""

from __future__ import annotations

import itertools

from amaranth.hdl import EnableInserter, Module, Mux, ResetInserter, Signal, Value, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import AdaptivFloatFormat
from ..config.adaptivfloat import LSB_EXPONENT_WIDTH, QuantiserConfig, TensorFault
from ..formats import AdaptivFloat
from ..formats.shapes import AdaptivFloatView
from ..hierarchy import emit_once
from .bias_finder import BiasFinder
from .encoder import Encoder
from .layouts import bias_layout, code_beat, tensor_beat

__all__ = ["Quantiser"]


class _Lane(wiring.Component):
    """An encoder that stands still while ``i_advance`` is low."""

    i: Signal
    i_exponent: Signal
    i_advance: Signal
    o: AdaptivFloatView

    def __init__(self, fmt: AdaptivFloatFormat, width: int):
        self._encoder = Encoder(fmt, width=width, exponent_width=LSB_EXPONENT_WIDTH)
        super().__init__(
            {
                "i": In(signed(width)),
                "i_exponent": In(signed(LSB_EXPONENT_WIDTH)),
                "i_advance": In(1),
                "o": Out(AdaptivFloat(fmt)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        encoder = self._encoder
        m.submodules.encoder = EnableInserter(self.i_advance)(encoder)
        m.d.comb += [
            encoder.value.eq(self.i),
            encoder.exponent.eq(self.i_exponent),
            self.o.eq(encoder.o),
        ]
        return m


class Quantiser(wiring.Component):
    """Fixed-point tensors in, AdaptivFloat codes at each tensor's own exponent bias out.

    The beats go into a ring buffer while the bias is being found, then come out again through the
    encoders; meanwhile the next tensor loads as far as the buffer has room. Bias and codes equal
    ``bias_of_fixed(values, lsb_exponent, fmt)`` and ``encode_fixed(values, lsb_exponent − bias,
    fmt)`` of ``alembert_golden.adaptivfloat``.

    Parameters
    ----------
    config : QuantiserConfig
        Format, lanes V, width w, depth of the buffer in beats.

    Members
    -------
    i : In(stream of {values: ArrayLayout(signed(w), V), last})
        Fixed point; ``last`` ends a tensor. Lanes beyond a tensor's end in its last beat are 0.
    i_lsb_exponent : In(signed(10))
        Weight of a value's lowest bit is 2^i_lsb_exponent; read as the last beat is taken.
    o : Out(stream of {codes: ArrayLayout(AdaptivFloat(fmt), V), bias: signed(8), last})
        As many beats; the tensor's bias is repeated in each.
    i_clear : In(1)
        Forgets the fault; one that occurs in the same cycle is kept.
    o_fault : Out(TensorFault)
        TENSOR_TOO_LONG: a tensor had more than ``depth`` beats. Nothing of it comes out; its
        remaining beats are taken and dropped, and the next tensor is processed as usual. The
        fault stays until ``i_clear`` or reset.

    Notes
    -----
    Latency: ``latency`` cycles from the edge that takes a tensor's last beat to the edge that can
    take its first codes. Throughput: one beat a cycle, and one cycle more a tensor. Reset: drops
    every tensor under way and clears the fault.
    """

    i: stream.Interface
    i_lsb_exponent: Signal
    o: stream.Interface
    i_clear: Signal
    o_fault: Signal

    latency = BiasFinder.latency + 2 + Encoder.latency
    """Clock cycles from a tensor's last beat to its first codes: find, take, read, encode."""

    def __init__(self, config: QuantiserConfig):
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(tensor_beat(config))),
                "i_lsb_exponent": In(signed(LSB_EXPONENT_WIDTH)),
                "o": Out(stream.Signature(code_beat(config))),
                "i_clear": In(1),
                "o_fault": Out(TensorFault),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        beat = tensor_beat(config)
        m.submodules.buffer = buffer = memory.Memory(shape=beat, depth=config.depth, init=[])
        write_port, read_port = buffer.write_port(), buffer.read_port(domain="sync")
        store, drop, read = Signal(), Signal(), Signal()
        finder = BiasFinder(config.bias_finder)
        m.submodules.bias_finder = ResetInserter(drop)(finder)

        # the ring: `used` beats are stored and not yet read, the newest `length` of them of the
        # tensor that is loading
        write_row, read_row = Signal(range(config.depth)), Signal(range(config.depth))
        used, length = Signal(range(config.depth + 1)), Signal(range(config.depth + 1))
        too_long = length == config.depth
        with m.FSM(name="load"):
            with m.State("LOAD"):
                # a tensor that fills the ring is alone in it, hence in the bias finder too: both
                # can be emptied
                room = too_long | (finder.i.ready & (used != config.depth))
                m.d.comb += [
                    self.i.ready.eq(room),
                    store.eq(self.i.valid & room & ~too_long),
                    drop.eq(self.i.valid & room & too_long),
                ]
                with m.If(drop & ~self.i.payload.last):
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid & self.i.payload.last):
                    m.next = "LOAD"

        m.d.comb += [
            write_port.addr.eq(write_row),
            write_port.data.eq(self.i.payload),
            write_port.en.eq(store),
            read_port.addr.eq(read_row),
            finder.i.payload.eq(self.i.payload),
            finder.i.valid.eq(store),
            finder.i_lsb_exponent.eq(self.i_lsb_exponent),
        ]
        with m.If(store):
            m.d.sync += [
                write_row.eq(self._following(write_row)),
                length.eq(Mux(self.i.payload.last, 0, length + 1)),
            ]
        with m.If(read):
            m.d.sync += read_row.eq(self._following(read_row))
        m.d.sync += used.eq(used + store - read)
        with m.If(self.i_clear):
            m.d.sync += self.o_fault.eq(TensorFault.NONE)
        with m.If(drop):
            m.d.sync += [used.eq(0), length.eq(0), write_row.eq(read_row)]
            m.d.sync += self.o_fault.eq(TensorFault.TENSOR_TOO_LONG)
        self._encode(m, finder.o, read_port, read)
        return m

    def _following(self, row: Signal) -> Value:
        """The next row of the ring."""
        return Mux(row == self.config.depth - 1, 0, row + 1)

    def _encode(
        self, m: Module, bias: stream.Interface, read_port: memory.ReadPort, read: Signal
    ) -> None:
        """Take a bias, read its tensor's beats up to the last one, encode them."""
        config = self.config
        advance, active, fetched, done = Signal(), Signal(), Signal(), Signal()
        current = Signal(bias_layout())
        beat = data.StructLayout({"bias": current.bias.shape(), "last": 1, "valid": 1})
        stages = [Signal(beat, name=f"beat_{k}") for k in range(Encoder.latency + 1)]
        first, *_, encoded = stages
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            done.eq(fetched & read_port.data.last),  # the row after it is another tensor's
            read.eq(advance & active & ~done),
            read_port.en.eq(read),
            bias.ready.eq(~active | (advance & done)),
            first.valid.eq(fetched),
            first.last.eq(read_port.data.last),
            first.bias.eq(current.bias),
            self.o.valid.eq(encoded.valid),
            self.o.payload.last.eq(encoded.last),
            self.o.payload.bias.eq(encoded.bias),
        ]
        with m.If(bias.ready):
            m.d.sync += [active.eq(bias.valid), current.eq(bias.payload)]
        with m.If(advance):
            m.d.sync += fetched.eq(read)
            m.d.sync += [later.eq(earlier) for earlier, later in itertools.pairwise(stages)]
        for k in range(config.lanes):
            lane = _Lane(config.fmt, config.width)
            m.submodules[f"lane_{k}"] = emit_once(lane, key=(config.fmt, config.width))
            m.d.comb += [
                lane.i.eq(read_port.data.values[k]),
                lane.i_exponent.eq(current.exponent),
                lane.i_advance.eq(advance),
                self.o.payload.codes[k].eq(lane.o),
            ]
