# amaranth: UnusedElaboratable=no
"""INT8 quantiser of activations: absmax per token."""

from __future__ import annotations

from itertools import pairwise

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic.digits import FactorDigits, recode_factor
from ..arithmetic.scaler import DigitMultiplier
from ..config import Rounding
from ..config.ternary import ActivationQuantiserConfig, QuantiserFault
from ..formats import rounding_shift_right
from ..hierarchy import emit_once
from .absmax import AbsMax, token_beat
from .reciprocal import Reciprocal

__all__ = ["ActivationQuantiser"]


class _Lane(wiring.Component):
    """One value times the reciprocal: round_half_even(x·2^z·R / 2^s).

    Latency: a cycle to normalise, the product's, and one to round.
    """

    i: Signal
    i_normalise: Signal
    i_reciprocal: data.View
    i_advance: Signal
    o: Signal

    def __init__(self, config: ActivationQuantiserConfig):
        self.config = config
        # |x|·2^z ≤ M < 2^w, so one bit for the sign is enough
        self._multiplier = DigitMultiplier(
            width=config.width + 1, factor_width=config.reciprocal_width
        )
        self.latency = self._multiplier.latency + 2
        super().__init__(
            {
                "i": In(signed(config.width)),
                "i_normalise": In(range(config.width)),
                "i_reciprocal": In(FactorDigits(config.reciprocal_width)),
                "i_advance": In(1),
                "o": Out(signed(8)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        m.submodules.multiplier = multiplier = self._multiplier
        normalised = Signal(signed(config.width + 1))
        code = rounding_shift_right(
            m, multiplier.o, config.reciprocal_shift, Rounding.HALF_EVEN, name="code"
        )
        m.d.comb += [
            multiplier.value.eq(normalised),
            multiplier.factor.eq(self.i_reciprocal),
            multiplier.enable.eq(self.i_advance),
        ]
        with m.If(self.i_advance):
            m.d.sync += [normalised.eq(self.i << self.i_normalise), self.o.eq(code)]
        return m


class ActivationQuantiser(wiring.Component):
    """codes = round(127·x / max|x|) in −127…127, one maximum a token.

    A token's beats go into a ring buffer while its maximum is tracked; then one division gives
    its reciprocal, and the beats come out again, multiplied. The next token loads meanwhile, as
    far as the buffer has room. The bit-exact contract is
    :func:`alembert_golden.activation_quantiser.absmax_quantise`: |code − 127·x/max| < 1/2 + 2^−k,
    x = ±max gives ±127, and a token of zeros gives zeros and max 0.

    Parameters
    ----------
    config : ActivationQuantiserConfig
        Width w, lanes V, depth of the buffer, guard bits k.

    Members
    -------
    i : In(stream of {values: ArrayLayout(signed(w), V), last})
        Fixed point; ``last`` ends a token. Values beyond a token's end in its last beat are 0.
    o : Out(stream of {values: ArrayLayout(signed(8), V), max: unsigned(w), last})
        As many beats; ``max``, the token's absmax, is repeated in each.
    i_clear : In(1)
        Forgets the fault; one that occurs in the same cycle is kept.
    o_fault : Out(QuantiserFault)
        OVERLONG_TOKEN: a token had more than ``depth`` beats. Nothing of it comes out; its
        remaining beats are taken and dropped, and the next token is processed as usual.

    Latency
    -------
    ``latency`` cycles from the edge that takes a token's last beat to the one that can take its
    first codes.

    Throughput
    ----------
    One beat a cycle; between tokens the input pauses for ⌈log2 V⌉ + 1 cycles, and for longer if
    the division of the token before is not over or the buffer is full.

    Reset
    -----
    Drops every token under way and clears the fault.
    """

    i: stream.Interface
    o: stream.Interface
    i_clear: Signal
    o_fault: Signal

    def __init__(self, config: ActivationQuantiserConfig):
        self.config = config
        self._lanes = [_Lane(config) for _ in range(config.lanes)]
        codes = data.StructLayout(
            {
                "values": data.ArrayLayout(signed(8), config.lanes),
                "max": config.width,
                "last": 1,
            }
        )
        super().__init__(
            {
                "i": In(stream.Signature(token_beat(config))),
                "o": Out(stream.Signature(codes)),
                "i_clear": In(1),
                "o_fault": Out(QuantiserFault),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a token's last beat to its first codes."""
        read = 2  # the encoder's command register and the buffer's output register
        finder = AbsMax(self.config).latency + Reciprocal(self.config).latency
        return finder + read + self._lanes[0].latency

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        m.submodules.buffer = buffer = memory.Memory(
            shape=config.width * config.lanes, depth=config.depth, init=[]
        )
        write_port, read_port = buffer.write_port(), buffer.read_port(domain="sync")
        m.submodules.absmax = absmax = AbsMax(config)
        m.submodules.reciprocal = reciprocal = Reciprocal(config)

        # the ring: `used` beats are stored and not yet read, `length` of them of the token
        # that is loading, which are the newest
        write_row, read_row = Signal(range(config.depth)), Signal(range(config.depth))
        used, length = Signal(range(config.depth + 1)), Signal(range(config.depth + 1))
        store, drop, read = Signal(), Signal(), Signal()

        with m.FSM(name="load"):
            with m.State("LOAD"):
                overlong = length == config.depth
                m.d.comb += [
                    self.i.ready.eq(absmax.i.ready & (overlong | (used != config.depth))),
                    store.eq(self.i.valid & self.i.ready & ~overlong),
                    drop.eq(self.i.valid & self.i.ready & overlong),
                ]
                with m.If(drop & ~self.i.payload.last):
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid & self.i.payload.last):
                    m.next = "LOAD"

        m.d.comb += [
            write_port.addr.eq(write_row),
            write_port.data.eq(self.i.payload.values.as_value()),
            write_port.en.eq(store),
            absmax.i.payload.eq(self.i.payload),
            absmax.i.valid.eq(store),
            absmax.i_discard.eq(drop),
            reciprocal.i.payload.max.eq(absmax.o.payload),
            reciprocal.i.payload.length.eq(length),
            reciprocal.i.valid.eq(absmax.o.valid),
            absmax.o.ready.eq(reciprocal.i.ready),
        ]
        m.d.sync += [used.eq(used + store - read), length.eq(length + store)]
        with m.If(store):
            m.d.sync += write_row.eq(self._following(write_row))
        with m.If(read):
            m.d.sync += read_row.eq(self._following(read_row))
        with m.If(absmax.o.valid & absmax.o.ready):
            m.d.sync += length.eq(0)
        with m.If(drop):
            # the token fills the whole ring: every older beat has been read, and write_row has
            # come round to read_row
            m.d.sync += [used.eq(0), length.eq(0)]
        with m.If(self.i_clear):
            m.d.sync += self.o_fault.eq(QuantiserFault.NONE)
        with m.If(drop):
            m.d.sync += self.o_fault.eq(QuantiserFault.OVERLONG_TOKEN)

        m.d.comb += read_port.addr.eq(read_row)
        self._encode(m, reciprocal.o, read_port, read)
        return m

    def _following(self, row: Signal) -> Value:
        """The next row of the ring."""
        return Mux(row == self.config.depth - 1, 0, row + 1)

    def _encode(
        self, m: Module, scales: stream.Interface, read_port: memory.ReadPort, read: Signal
    ) -> None:
        """Read each token's beats, as often as its length says, through the lanes."""
        config = self.config
        remaining = Signal(range(config.depth + 1))
        advance = Signal()
        # what travels beside the values; synthesis drops what no later stage reads
        beat = data.StructLayout({"scale": scales.payload.shape(), "last": 1, "valid": 1})
        depth = 2 + self._lanes[0].latency
        stages = [Signal(beat, name=f"beat_{k}") for k in range(depth)]
        command, fetched, *_, encoded = stages
        factor = Signal(FactorDigits(config.reciprocal_width))  # beside the normalised values
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            command.valid.eq(remaining != 0),
            command.last.eq(remaining == 1),
            read.eq(command.valid & advance),
            read_port.en.eq(advance),
            scales.ready.eq(~command.valid | (command.last & advance)),
        ]
        with m.If(advance):
            m.d.sync += [later.eq(earlier) for earlier, later in pairwise(stages)]
            m.d.sync += factor.eq(recode_factor(m, fetched.scale.reciprocal, "reciprocal_digits"))
        with m.If(read):
            m.d.sync += remaining.eq(remaining - 1)
        with m.If(scales.valid & scales.ready):
            m.d.sync += [
                remaining.eq(scales.payload.length),
                command.scale.eq(scales.payload),
            ]
        for k, lane in enumerate(self._lanes):
            m.submodules[f"lane_{k}"] = emit_once(lane, key=config)
            m.d.comb += [
                lane.i.eq(read_port.data.word_select(k, config.width).as_signed()),
                lane.i_normalise.eq(fetched.scale.normalise),
                lane.i_reciprocal.eq(factor),
                lane.i_advance.eq(advance),
                self.o.payload.values[k].eq(lane.o),
            ]
        m.d.comb += [
            self.o.valid.eq(encoded.valid),
            self.o.payload.last.eq(encoded.last),
            self.o.payload.max.eq(encoded.scale.max),
        ]
