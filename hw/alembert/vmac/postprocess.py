# amaranth: UnusedElaboratable=no
"""Post-processing of one output channel: bias, ReLU, then INT8 requantisation or encoding."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..adaptivfloat.encoder import Encoder
from ..config import AdaptivFloatFormat, Overflow, Rounding, VmacArrayConfig
from ..formats import jamming_shift_right, overflow, rounding_shift_right, shape_of
from .accumulator import AccumulateControl
from .layouts import ChannelParameters

__all__ = ["ChannelPostprocessor", "Requantiser"]


class Requantiser(wiring.Component):
    """o = saturate(value · multiplier / 2^shift), rounded to nearest, ties to even.

    Parameters
    ----------
    config : VmacArrayConfig
        Widths of value, multiplier and shift, and the integer format of the result.

    Members
    -------
    value : In, signed(accumulator_width + 1)
    multiplier : In, unsigned(32)
    shift : In, unsigned(6)
    o : Out, INT<n>

    The multiplier goes in four bytes, whose products meet a cycle later: short paths, and parts
    small enough for every tool.

    Latency: 4 cycles, free-running. Throughput: one value a cycle. Source: the integer-only
    requantisation of Jacob et al., arXiv 1712.05877, with ties to even.
    """

    value: Signal
    multiplier: Signal
    shift: Signal
    o: data.View

    latency = 4

    def __init__(self, config: VmacArrayConfig):
        self._fmt = config.vmac.pair.activation
        super().__init__(
            {
                "value": In(signed(config.vmac.accumulator_width + 1)),
                "multiplier": In(config.MULTIPLIER_WIDTH),
                "shift": In(config.SHIFT_WIDTH),
                "o": Out(shape_of(self._fmt)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        width = len(self.value)

        # stage 1: value times each byte of the multiplier
        partial = [
            Signal(signed(width + 8), name=f"partial_{byte}", reset_less=True) for byte in range(4)
        ]
        m.d.sync += [
            part.eq(self.value * self.multiplier.word_select(byte, 8))
            for byte, part in enumerate(partial)
        ]
        # stage 2: their sum
        product = Signal(signed(width + len(self.multiplier)), reset_less=True)
        low, high = partial[0] + (partial[1] << 8), partial[2] + (partial[3] << 8)
        m.d.sync += product.eq(low + (high << 16))
        # stage 3: shift right, with two guard bits
        shift = self.shift
        for stage in range(2):
            held = Signal.like(self.shift, name=f"shift_{stage}", reset_less=True)
            m.d.sync += held.eq(shift)
            shift = held
        guarded = Cat(Const(0, 2), product)
        shifted = Signal(signed(len(guarded)), reset_less=True)
        m.d.sync += shifted.eq(jamming_shift_right(m, guarded, shift, name="product"))
        # stage 4: round and saturate
        rounded = rounding_shift_right(m, shifted, 2, Rounding.HALF_EVEN, name="result")
        m.d.sync += self.o.value.eq(overflow(rounded, self._fmt.width, Overflow.SATURATE))
        return m


class ChannelPostprocessor(wiring.Component):
    """t = sum + bias, t = max(t, 0) with ReLU; then :class:`Requantiser` or ``Encoder``.

    Parameters are double-buffered: ``load`` fills the shadow, the first row of a finished tile
    takes it over. A channel that was not loaded for a tile gives zeros.

    Parameters
    ----------
    config : VmacArrayConfig
        Formats and widths.

    Members
    -------
    sum : In, signed(accumulator_width)
    control : In, AccumulateControl
    parameters : In, ChannelParameters
    load : In
    o : Out, result code
    valid : Out
        ``o`` is a result.
    end : Out
        It is of the matrix's last row.

    Latency: ``latency`` cycles, free-running. Throughput: one result a cycle.
    """

    sum: Signal
    control: data.View
    parameters: data.View
    load: Signal
    o: data.View
    valid: Signal
    end: Signal

    def __init__(self, config: VmacArrayConfig):
        self._config = config
        fmt = config.vmac.pair.activation
        self._code = shape_of(fmt)
        if isinstance(fmt, AdaptivFloatFormat):
            self._last = Encoder(
                fmt,
                width=config.vmac.accumulator_width + 1,
                exponent_width=config.EXPONENT_WIDTH,
            )
        else:
            self._last = Requantiser(config)
        self.latency = 2 + self._last.latency
        super().__init__(
            {
                "sum": In(signed(config.vmac.accumulator_width)),
                "control": In(AccumulateControl(config.vmac.rows)),
                "parameters": In(ChannelParameters(config)),
                "load": In(1),
                "o": Out(self._code),
                "valid": Out(1),
                "end": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.last = last = self._last
        layout = ChannelParameters(self._config)
        shadow = Signal(layout, reset_less=True)
        active = Signal(layout, reset_less=True)
        shadow_loaded = Signal()
        enabled = Signal()

        # stage 1: the sum, and the parameters that go with it
        total = Signal.like(self.sum, name="total", reset_less=True)
        m.d.sync += total.eq(self.sum)
        with m.If(self.control.valid & self.control.tile_start):
            m.d.sync += [active.eq(shadow), enabled.eq(shadow_loaded), shadow_loaded.eq(0)]
        with m.If(self.load):
            m.d.sync += [shadow.eq(self.parameters), shadow_loaded.eq(1)]

        # stage 2: bias and ReLU; later stages need their parameters held beside the value
        biased = Signal(signed(self._config.vmac.accumulator_width + 1))
        value = Signal.like(biased, name="value", reset_less=True)
        keep = enabled & ~(active.relu & biased[-1])
        m.d.comb += biased.eq(total + active.bias)
        m.d.sync += value.eq(Mux(keep, biased, 0))
        held = [name for name, _ in layout if name not in ("bias", "relu")]
        for name in held:
            register = Signal(layout[name].shape, name=f"{name}_2", reset_less=True)
            m.d.sync += register.eq(active[name])
            m.d.comb += getattr(last, name).eq(register)

        # stages 3…: requantise or encode
        m.d.comb += [last.value.eq(value), self.o.eq(last.o)]
        self._delay(m, self.control.valid & self.control.last, self.valid)
        self._delay(m, self.control.end, self.end)
        return m

    def _delay(self, m: Module, bit, o: Signal) -> None:
        line = Signal(self.latency, name=f"{o.name}_line")
        m.d.sync += line.eq(Cat(bit, line[:-1]))
        m.d.comb += o.eq(line[-1])
