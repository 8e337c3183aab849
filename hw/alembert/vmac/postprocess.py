# amaranth: UnusedElaboratable=no
"""Post-processing of one output channel: bias, ReLU, then INT8 requantisation or encoding."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..adaptivfloat.encoder import Encoder
from ..arithmetic.scaler import Scaler
from ..config import AdaptivFloatFormat, VmacArrayConfig
from ..formats import shape_of
from .accumulator import AccumulateControl
from .layouts import PreparedChannel

__all__ = ["ChannelPostprocessor"]


class ChannelPostprocessor(wiring.Component):
    """t = sum + bias, t = max(t, 0) with ReLU; then ``Scaler`` or ``Encoder``.

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
            self._last = Scaler(
                width=config.vmac.accumulator_width + 1,
                factor_width=config.MULTIPLIER_WIDTH,
                shift_width=config.SHIFT_WIDTH,
                out_width=fmt.width,
            )
        self.latency = 2 + self._last.latency
        super().__init__(
            {
                "sum": In(signed(config.vmac.accumulator_width)),
                "control": In(AccumulateControl(config.vmac.rows)),
                "parameters": In(PreparedChannel(config)),
                "load": In(1),
                "o": Out(self._code),
                "valid": Out(1),
                "end": Out(1),
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
        held = [name for name, _ in layout if name not in ("bias", "relu")]
        for name in held:
            register = Signal(layout[name].shape, name=f"{name}_2", reset_less=True)
            m.d.sync += register.eq(active[name])
            m.d.comb += getattr(last, name).eq(register)
        if isinstance(last, Scaler):
            m.d.comb += last.enable.eq(1)

        # stages 3…: requantise or encode
        m.d.comb += [last.value.eq(value), Value.cast(self.o).eq(last.o)]
        self._delay(m, self.control.valid & self.control.last, self.valid)
        self._delay(m, self.control.end, self.end)
        return m

    def _delay(self, m: Module, bit, o: Signal) -> None:
        line = Signal(self.latency, name=f"{o.name}_line")
        m.d.sync += line.eq(Cat(bit, line[:-1]))
        m.d.comb += o.eq(line[-1])
