"""Exponent-bias finder: the AdaptivFloat bias of a streamed tensor."""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.adaptivfloat import LSB_EXPONENT_WIDTH, BiasFinderConfig
from .layouts import bias_layout, tensor_beat

__all__ = ["BiasFinder"]


class BiasFinder(wiring.Component):
    """b = floor(log2 max\\|x\\|) − (2^e − 1), saturated to the bias register's 8 bits.

    With x = value · 2^lsb_exponent. A tensor of zeros has ``fmt.zero_bias``. Equal to
    ``alembert_golden.adaptivfloat.bias_of_fixed``.

    No two values are ever compared: the leading one of a maximum is the leading one of the
    bitwise OR of all magnitudes.

    Parameters
    ----------
    config : BiasFinderConfig
        Format, lanes V and width w of the tensor.

    Members
    -------
    i : In(stream of {values: ArrayLayout(signed(w), V), last})
        Fixed point; ``last`` ends a tensor. Lanes beyond a tensor's end in its last beat are 0.
    i_lsb_exponent : In(signed(10))
        Weight of a value's lowest bit is 2^i_lsb_exponent; read as the last beat is taken.
    o : Out(stream of {bias: signed(8), exponent: signed(10)})
        One beat a tensor. ``exponent`` is lsb_exponent − bias, the input of an
        :class:`~alembert.adaptivfloat.encoder.Encoder` for the tensor's values; of a tensor of
        zeros, where any exponent serves, it holds the low ten bits.

    Notes
    -----
    Latency: ``latency`` cycles from the edge that takes the last beat to the edge that can take
    the bias. Throughput: one beat a cycle, also across tensors; a stalled output stalls the input
    in the same cycle. Reset: drops every tensor under way. Errors: none.

    Source: Tambe et al., arXiv 1909.13271, Algorithm 1.
    """

    i: stream.Interface
    i_lsb_exponent: Signal
    o: stream.Interface

    latency = 4
    """Clock cycles from a tensor's last beat to its bias."""

    def __init__(self, config: BiasFinderConfig):
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(tensor_beat(config))),
                "i_lsb_exponent": In(signed(LSB_EXPONENT_WIDTH)),
                "o": Out(stream.Signature(bias_layout())),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        advance = Signal()  # one for all stages: a bias that waits holds everything behind it
        m.d.comb += [advance.eq(~self.o.valid | self.o.ready), self.i.ready.eq(advance)]

        valid, last = Signal(), Signal()
        beat = Signal(config.width)
        seen = Signal(config.width)
        everything = Signal(config.width)
        m.d.comb += everything.eq(seen | beat)
        complete, tensor = Signal(), Signal(config.width)
        counted, empty = Signal(), Signal()
        position = Signal(range(config.width))
        # abs() is one bit wider than the value, which −2^(w−1) needs only as an unsigned number
        magnitudes = [abs(self.i.payload.values[k])[: config.width] for k in range(config.lanes)]
        exponents = [
            Signal(signed(LSB_EXPONENT_WIDTH), name=f"lsb_exponent_{k}") for k in (1, 2, 3)
        ]
        with m.If(advance):
            m.d.sync += [
                valid.eq(self.i.valid),
                last.eq(self.i.payload.last),
                beat.eq(reduce(or_, magnitudes)),
                complete.eq(valid & last),
                tensor.eq(everything),
                counted.eq(complete),
                empty.eq(~tensor.any()),
                position.eq(_leading_one(m, tensor)),
                self.o.valid.eq(counted),
                self.o.payload.eq(self._bias(m, position, empty, exponents[-1])),
                *(x.eq(y) for x, y in zip(exponents, [self.i_lsb_exponent, *exponents])),
            ]
            with m.If(valid):
                m.d.sync += seen.eq(Mux(last, 0, everything))  # nothing survives the last beat
        return m

    def _bias(self, m: Module, position: Value, empty: Value, lsb_exponent: Value) -> data.View:
        fmt = self.config.fmt
        exact = Signal(signed(LSB_EXPONENT_WIDTH + 2))
        bias = Signal(signed(fmt.BIAS_WIDTH))
        result = Signal(bias_layout())
        m.d.comb += [
            exact.eq(lsb_exponent + position - fmt.max_exponent),
            result.bias.eq(bias),
            result.exponent.eq(lsb_exponent - bias),
        ]
        with m.If(empty):
            m.d.comb += bias.eq(fmt.zero_bias)
        with m.Elif(exact > fmt.bias_max):
            m.d.comb += bias.eq(fmt.bias_max)
        with m.Elif(exact < fmt.bias_min):
            m.d.comb += bias.eq(fmt.bias_min)
        with m.Else():
            m.d.comb += bias.eq(exact)
        return result


def _leading_one(m: Module, value: Value) -> Value:
    """Position of the highest one; 0 if there is none. Halves the field a bit of the result."""
    bits: list[Value] = []
    size = 1 << (len(value) - 1).bit_length()
    field: Value = Cat(value, Const(0, size - len(value)))
    while size > 1:
        size //= 2
        upper = Signal(name=f"upper_{size}")
        half = Signal(size, name=f"half_{size}")
        m.d.comb += [
            upper.eq(field[size:].any()),
            half.eq(Mux(upper, field[size:], field[:size])),
        ]
        bits.insert(0, upper)
        field = half
    return Cat(bits)
