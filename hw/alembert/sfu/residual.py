# amaranth: UnusedElaboratable=no
"""Residual addition: codes of a number format, scaled, plus wide fixed-point numbers."""

from __future__ import annotations

from itertools import pairwise

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic.digits import FactorDigits, recode_factor
from ..arithmetic.scaler import Scaler
from ..config import Overflow
from ..config.residual import ResidualConfig, ResidualFault
from ..formats import fits, overflow, shape_of
from ..hierarchy import emit_once

__all__ = ["ResidualAdd"]


class _Lane(wiring.Component):
    """One value: decode, scale, add.

    ``factor`` and ``shift`` belong to the code taken a cycle before.
    """

    code: data.View
    wide: Signal
    factor: data.View
    shift: Signal
    enable: Signal
    o: Signal
    saturated: Signal

    def __init__(self, config: ResidualConfig):
        shape = shape_of(config.fmt)
        integer = shape(Signal(shape)).integer()
        self._scaler = Scaler(
            width=len(integer),
            factor_width=config.MULTIPLIER_WIDTH,
            shift_width=config.SHIFT_WIDTH,
            out_width=config.scaled_width,
        )
        self.latency = 1 + self._scaler.latency + 1
        super().__init__(
            {
                "code": In(shape),
                "wide": In(signed(config.WIDE_WIDTH)),
                "factor": In(FactorDigits(config.MULTIPLIER_WIDTH)),
                "shift": In(config.SHIFT_WIDTH),
                "enable": In(1),
                "o": Out(signed(config.out_width)),
                "saturated": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.scaler = scaler = self._scaler
        integer = Signal.like(scaler.value, reset_less=True)
        wide = [self.wide]
        for k in range(1 + scaler.latency):
            wide.append(Signal(self.wide.shape(), name=f"wide_{k}", reset_less=True))
        m.d.comb += [
            scaler.value.eq(integer),
            scaler.factor.eq(self.factor),
            scaler.shift.eq(self.shift),
            scaler.enable.eq(self.enable),
        ]
        total = Signal(signed(len(scaler.o) + 1))
        m.d.comb += total.eq(scaler.o + wide[-1])
        with m.If(self.enable):
            m.d.sync += [later.eq(earlier) for earlier, later in pairwise(wide)]
            m.d.sync += [
                integer.eq(self.code.integer()),
                self.o.eq(overflow(total, len(self.o), Overflow.SATURATE)),
                self.saturated.eq(~fits(total, len(self.o))),
            ]
        return m


class ResidualAdd(wiring.Component):
    """o = saturate(wide + round_half_even(integer(code) · multiplier / 2^shift)).

    ``multiplier`` / 2^``shift`` is the codes' last place over the wide numbers': a power of two
    for AdaptivFloat, any ratio for INT. The bit-exact contract is
    :func:`alembert_golden.residual.residual_add`.

    Parameters
    ----------
    config : ResidualConfig
        Lanes V, format of the codes, width of the sums.

    Members
    -------
    codes : In(stream of {codes: ArrayLayout(code, V), last})
        A beat is taken from here and from ``wide`` at once, or from neither.
    wide : In(stream of {values: ArrayLayout(signed(16), V), last})
    multiplier : In(16)
        Unsigned; it and ``shift`` hold still while beats are under way.
    shift : In(6)
        Right shift, 0…63.
    o : Out(stream of {values: ArrayLayout(signed(out_width), V), last})
        The sums; ``last`` where either input has it.
    saturated : Out, V bits
        Which of the sums at ``o`` were beyond their range.
    clear : In(1)
        Forgets the fault; one that occurs in the same cycle is kept.
    fault : Out(ResidualFault)
        LENGTH_MISMATCH: two beats taken together disagreed about ``last``. Their sums come out
        like all others.

    Latency: ``latency`` cycles from the edge that takes two beats to the one that can take their
    sums. Throughput: one beat a cycle. Reset: drops the beats under way and clears the fault.
    """

    codes: stream.Interface
    wide: stream.Interface
    multiplier: Signal
    shift: Signal
    o: stream.Interface
    saturated: Signal
    clear: Signal
    fault: Signal

    def __init__(self, config: ResidualConfig):
        self._config = config
        self._lanes = [_Lane(config) for _ in range(config.lanes)]
        self.latency = self._lanes[0].latency

        def beat(name: str, element) -> stream.Signature:
            return stream.Signature(
                data.StructLayout({name: data.ArrayLayout(element, config.lanes), "last": 1})
            )

        super().__init__(
            {
                "codes": In(beat("codes", shape_of(config.fmt))),
                "wide": In(beat("values", signed(config.WIDE_WIDTH))),
                "multiplier": In(config.MULTIPLIER_WIDTH),
                "shift": In(config.SHIFT_WIDTH),
                "o": Out(beat("values", signed(config.out_width))),
                "saturated": Out(config.lanes),
                "clear": In(1),
                "fault": Out(ResidualFault),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        advance, take = Signal(), Signal()
        valid, last = Signal(self.latency), Signal(self.latency)
        # beside the decoded codes
        factor = Signal(FactorDigits(len(self.multiplier)), reset_less=True)
        shift = Signal.like(self.shift, reset_less=True)
        m.d.sync += [
            factor.eq(recode_factor(m, self.multiplier, "multiplier_digits")),
            shift.eq(self.shift),
        ]
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            take.eq(self.codes.valid & self.wide.valid & advance),
            self.codes.ready.eq(self.wide.valid & advance),
            self.wide.ready.eq(self.codes.valid & advance),
            self.o.valid.eq(valid[-1]),
            self.o.payload.last.eq(last[-1]),
        ]
        with m.If(advance):
            m.d.sync += [
                valid.eq(Cat(take, valid)),
                last.eq(Cat(self.codes.payload.last | self.wide.payload.last, last)),
            ]
        for k, lane in enumerate(self._lanes):
            m.submodules[f"lane_{k}"] = emit_once(lane, key=self._config)
            m.d.comb += [
                lane.code.eq(self.codes.payload.codes[k]),
                lane.wide.eq(self.wide.payload.values[k]),
                lane.factor.eq(factor),
                lane.shift.eq(shift),
                lane.enable.eq(advance),
                self.o.payload.values[k].eq(lane.o),
                self.saturated[k].eq(lane.saturated),
            ]
        with m.If(self.clear):
            m.d.sync += self.fault.eq(ResidualFault.NONE)
        with m.If(take & (self.codes.payload.last ^ self.wide.payload.last)):
            m.d.sync += self.fault.eq(ResidualFault.LENGTH_MISMATCH)
        return m
