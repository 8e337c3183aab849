# amaranth: UnusedElaboratable=no
"""Post-processing of one output channel: bias, ReLU, then a code or a wide number."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic.scaler import Scaler
from ..config import AdaptivFloatFormat, Overflow, VmacArrayConfig
from ..formats import overflow
from .accumulator import AccumulateControl
from .layouts import PreparedChannel
from .result_encoder import ResultEncoder

__all__ = ["ChannelPostprocessor"]


class ChannelPostprocessor(wiring.Component):
    """t = sum + bias, t = max(t, 0) with ReLU; then ``Scaler`` or ``ResultEncoder``.

    Either ends in a wide number, or in a code, as the channel's parameters say. An INT8 code is
    the wide number, saturated once more.

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
    parameters : In, PreparedChannel
    load : In
    o : Out, RESULT_WIDTH bits
        A wide result, or a code with zeros above it.
    valid : Out
        ``o`` is a result.
    end : Out
        It is of the matrix's last row.
    saturated : Out
        It is a wide one that was beyond its range; 0 while there is no result.

    Latency: ``latency`` cycles, free-running. Throughput: one result a cycle.
    """

    sum: Signal
    control: data.View
    parameters: data.View
    load: Signal
    o: Signal
    valid: Signal
    end: Signal
    saturated: Signal

    def __init__(self, config: VmacArrayConfig):
        self._config = config
        fmt = config.vmac.pair.activation
        if isinstance(fmt, AdaptivFloatFormat):
            self._last = ResultEncoder(
                fmt,
                width=config.vmac.accumulator_width + 1,
                exponent_width=config.EXPONENT_WIDTH,
                wide_width=config.RESULT_WIDTH,
            )
        else:
            self._last = Scaler(
                width=config.vmac.accumulator_width + 1,
                factor_width=config.MULTIPLIER_WIDTH,
                shift_width=config.SHIFT_WIDTH,
                out_width=config.RESULT_WIDTH,
            )
        self.latency = 2 + self._last.latency
        super().__init__(
            {
                "sum": In(signed(config.vmac.accumulator_width)),
                "control": In(AccumulateControl(config.vmac.rows)),
                "parameters": In(PreparedChannel(config)),
                "load": In(1),
                "o": Out(config.RESULT_WIDTH),
                "valid": Out(1),
                "end": Out(1),
                "saturated": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.last = last = self._last
        layout = PreparedChannel(self._config)
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
        for name in [name for name, _ in layout if name in last.signature.members]:
            register = Signal(layout[name].shape, name=f"{name}_2", reset_less=True)
            m.d.sync += register.eq(active[name])
            m.d.comb += getattr(last, name).eq(register)

        # stages 3…: requantise or encode
        m.d.comb += last.value.eq(value)
        result: Value = last.o
        saturated: Value = last.saturated
        if isinstance(last, Scaler):
            m.d.comb += last.enable.eq(1)
            wide = self._delay(m, active.wide, 1 + last.latency, "wide")
            result, saturated = self._narrow(last.o, wide), last.saturated & wide
        ends = self._delay(m, self.control.end, self.latency, "end")
        leaves = self._delay(m, self.control.valid & self.control.last, self.latency, "valid")
        m.d.comb += [
            self.o.eq(result),
            self.end.eq(ends),
            self.valid.eq(leaves),
            self.saturated.eq(saturated & leaves),
        ]
        return m

    def _delay(self, m: Module, bit: Value, cycles: int, name: str) -> Value:
        line = Signal(cycles, name=f"{name}_line")
        m.d.sync += line.eq(Cat(bit, line[:-1]))
        return line[-1]

    def _narrow(self, number: Value, wide: Value) -> Value:
        """The number itself if it is ``wide``, else saturated to a code, with zeros above it."""
        width = self._config.vmac.pair.activation.width
        code = overflow(number, width, Overflow.SATURATE)
        return Mux(wide, number, code.as_unsigned())
