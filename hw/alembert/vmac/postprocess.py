# amaranth: UnusedElaboratable=no
"""Post-processing of one output channel: bias, ReLU, then INT8 requantisation or encoding."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..adaptivfloat.encoder import Encoder
from ..config import Overflow, Rounding, VmacArrayConfig
from ..formats import overflow, rounding_shift_right, shape_of
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

    Latency: 2 cycles, free-running. Throughput: one value a cycle. Source: the integer-only
    requantisation of Jacob et al., arXiv 1712.05877, with ties to even.
    """

    latency = 2

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
        product = Signal(
            signed(len(self.value) + len(self.multiplier)), name="product", reset_less=True
        )
        shift = Signal.like(self.shift, name="shift_1", reset_less=True)
        m.d.sync += [product.eq(self.value * self.multiplier), shift.eq(self.shift)]
        rounded = rounding_shift_right(m, product, shift, Rounding.HALF_EVEN, name="product")
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

    def __init__(self, config: VmacArrayConfig):
        self._config = config
        self._code = shape_of(config.vmac.pair.activation)
        if config.encodes_adaptivfloat:
            self._last = Encoder(
                config.vmac.pair.activation,
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
