"""1/√D of an integer: normalise by an even number of bits, then one chord."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.layernorm import LayerNormConfig

__all__ = ["InverseRoot", "root_shape"]

_STEPS_PER_STAGE = 2


def root_shape(config: LayerNormConfig) -> data.StructLayout:
    """``root`` r with ``ROOT_FRACTION`` fraction bits, and ``exponent`` k."""
    return data.StructLayout({"root": config.root_width, "exponent": config.exponent_width})


class InverseRoot(wiring.Component):
    """1/√D ≈ r · 2^−k for D = 2^(2k)·m with 1 ≤ m < 4, r ≈ 1/√m in ½…1.

    D moves left by even steps until one of its uppermost two bits is set; each step drops the
    bits that no later one can bring into the window, and is a bit of k. A table of chords, one
    octave for m < 2 and one for the rest, gives r within 2^−13 of itself. D = 0 gives r = 0 and
    k = 0.

    Parameters
    ----------
    config : LayerNormConfig
        Widths and table.

    Members
    -------
    i : In(stream of unsigned(config.variance_width), always ready)
        D.
    o : Out(stream of {root, exponent}, always ready)
        r and k.

    Latency: ``latency`` cycles from the edge that takes D to the one that can take r.
    Throughput: one root a cycle. Reset drops what is under way. Every D is legal.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: LayerNormConfig):
        self._config = config
        self._normalise_stages = -(-config.exponent_width // _STEPS_PER_STAGE)
        self.latency = self._normalise_stages + 2
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(config.variance_width), always_ready=True)),
                "o": Out(stream.Signature(root_shape(config), always_ready=True)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        c = self._config
        valid = Signal(self.latency)
        m.d.sync += valid.eq(Cat(self.i.valid, valid))
        m.d.comb += self.o.valid.eq(valid[-1])

        window, exponent = self._normalise(m)
        high_bit = window[-1]
        is_zero = ~window[-2:].any()
        below = Mux(high_bit, window[1:-1], window[:-2])  # the highest one
        chord = Cat(below[c.INTERPOLATION_BITS :], high_bit)

        base = Signal(range(max(c.root_table.base) + 1), reset_less=True)
        step = Signal(range(max(c.root_table.step) + 1), reset_less=True)
        position = Signal(c.INTERPOLATION_BITS, reset_less=True)
        found = Signal(c.exponent_width, reset_less=True)
        m.d.sync += [
            base.eq(Mux(is_zero, 0, Array(c.root_table.base)[chord])),
            step.eq(Mux(is_zero, 0, Array(c.root_table.step)[chord])),
            position.eq(below[: c.INTERPOLATION_BITS]),
            found.eq(exponent),
        ]
        half = 1 << c.INTERPOLATION_BITS >> 1
        m.d.sync += [
            self.o.payload.root.eq(base - ((step * position + half) >> c.INTERPOLATION_BITS)),
            self.o.payload.exponent.eq(found),
        ]
        return m

    def _normalise(self, m: Module) -> tuple[Value, Value]:
        """m's bits from its two integer ones downward, and k."""
        c = self._config
        kept = 2 + c.TABLE_BITS + c.INTERPOLATION_BITS
        # as many pairs of bits as k has values
        padded = 2 << c.exponent_width
        value: Value = Signal(padded, name="value")
        m.d.comb += value.eq(self.i.payload)
        exponent: Value = Const(0, 0)
        for index, bit in enumerate(reversed(range(c.exponent_width))):
            shift = 2 << bit
            stays = value[len(value) - shift :].any()
            narrow = min(kept + shift - 2, len(value))
            moved = value << shift
            next_value = Signal(narrow, name=f"value_{bit}", reset_less=True)
            next_exponent = Signal(len(exponent) + 1, name=f"exponent_{bit}", reset_less=True)
            ends_stage = index % _STEPS_PER_STAGE == _STEPS_PER_STAGE - 1 or bit == 0
            domain = m.d.sync if ends_stage else m.d.comb
            drop = len(value) - narrow
            domain += [
                next_value.eq(Mux(stays, value, moved)[drop : drop + narrow]),
                next_exponent.eq(Cat(stays, exponent)),
            ]
            value, exponent = next_value, next_exponent
        return value, exponent
