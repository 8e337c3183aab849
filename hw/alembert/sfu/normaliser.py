# amaranth: UnusedElaboratable=no
"""The two halves of a layer norm's lane: normalise, then scale and shift."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic.digits import FactorDigits, recode
from ..arithmetic.scaler import DigitMultiplier
from ..config import Overflow
from ..config.layernorm import LayerNormConfig
from ..formats import fits, overflow

__all__ = ["Affine", "Normaliser"]


class Normaliser(wiring.Component):
    """o = round_half_up((n·i − A) / 2^k) · r, with ``FRACTION`` bits below the point of the ratio.

    Parameters
    ----------
    config : LayerNormConfig
        Widths.

    Members
    -------
    i : In, signed(config.width)
    length : In, FactorDigits(config.length_width)
        n, with the value.
    sum : In, signed(config.sum_width)
        A, ``sum_delay`` cycles after the value.
    exponent : In, unsigned(config.exponent_width)
        k, ``exponent_delay`` cycles after it.
    root : In, FactorDigits(config.root_width)
        r, ``root_delay`` cycles after it.
    enable : In
        Everything moves on.
    o : Out, signed(config.ratio_width + config.root_width)

    Latency: ``latency`` cycles. Throughput: one value a cycle. Reset: none needed, nothing
    outlives the latency. A value of no row with these n, A, k and r gives a result without
    meaning.
    """

    i: Signal
    length: data.View
    sum: Signal
    exponent: Signal
    root: data.View
    enable: Signal
    o: Signal

    def __init__(self, config: LayerNormConfig):
        self.config = config
        self._by_length = DigitMultiplier(width=config.width, factor_width=config.length_width)
        self._by_root = DigitMultiplier(width=config.ratio_width, factor_width=config.root_width)
        self.sum_delay = self._by_length.latency
        self.exponent_delay = self.sum_delay + 1
        self.root_delay = self.exponent_delay + 2
        self.latency = self.root_delay + self._by_root.latency
        super().__init__(
            {
                "i": In(signed(config.width)),
                "length": In(FactorDigits(config.length_width)),
                "sum": In(signed(config.sum_width)),
                "exponent": In(config.exponent_width),
                "root": In(FactorDigits(config.root_width)),
                "enable": In(1),
                "o": Out(signed(config.ratio_width + config.root_width)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        m.submodules.by_length = by_length = self._by_length
        m.submodules.by_root = by_root = self._by_root
        deviation = Signal(signed(config.deviation_width), reset_less=True)
        window = Signal(signed(config.ratio_width + 1), reset_less=True)
        ratio = Signal(signed(config.ratio_width), reset_less=True)
        m.d.comb += [
            by_length.value.eq(self.i),
            by_length.factor.eq(self.length),
            by_length.enable.eq(self.enable),
            by_root.value.eq(ratio),
            by_root.factor.eq(self.root),
            by_root.enable.eq(self.enable),
            self.o.eq(by_root.o),
        ]
        with m.If(self.enable):
            m.d.sync += [
                deviation.eq(by_length.o - self.sum),
                window.eq(self._shifted(m, deviation)),
                ratio.eq((window + 1) >> 1),
            ]
        return m

    def _shifted(self, m: Module, deviation: Value) -> Value:
        """⌊2^(FRACTION + 1)·c / 2^k⌋: a bit more than is kept, to round by.

        From the largest step to the smallest; what no later one can bring into the window is
        dropped, on both sides.
        """
        width = self.config.ratio_width + 1
        value: Value = Cat(Const(0, self.config.FRACTION + 1), deviation).as_signed()
        for bit in reversed(range(len(self.exponent))):
            step = 1 << bit
            keep = min(width + step - 1, len(value))
            stage = Signal(signed(keep), name=f"shifted_by_{step}")
            m.d.comb += stage.eq(Mux(self.exponent[bit], value >> step, value))
            value = stage
        return value


class Affine(wiring.Component):
    """o = saturate(round_half_even(y·γ / 2^out_shift) + β), y = round_half_up(product / 2^f).

    f are the fraction bits of r. |γ| is recoded into digits and γ's sign goes to y, where it costs
    no adder of its own: −⌊q + h⌋ = ~q + (1 − h) for the bit h that is rounded by.

    Parameters
    ----------
    config : LayerNormConfig
        Widths and fraction bits.

    Members
    -------
    product : In, signed(config.ratio_width + config.root_width)
        What :class:`Normaliser` gives; all the other inputs are taken with it.
    gamma, beta : In, signed(config.PARAMETER_WIDTH)
    within : In
        The value belongs to its row; the result is 0 otherwise.
    enable : In
        Everything moves on.
    o : Out, signed(config.OUT_WIDTH)
    saturated : Out
        Beside ``o``: it was beyond its range.

    Latency: ``latency`` cycles. Throughput: one value a cycle. Reset: none needed, nothing
    outlives the latency.
    """

    product: Signal
    gamma: Signal
    beta: Signal
    within: Signal
    enable: Signal
    o: Signal
    saturated: Signal

    def __init__(self, config: LayerNormConfig):
        self.config = config
        # an odd width, whose uppermost digit has no sign, takes |γ| = 2^15 too: as a 2
        self._by_gamma = DigitMultiplier(
            width=config.normalised_width, factor_width=config.PARAMETER_WIDTH - 1
        )
        self.latency = self._by_gamma.latency + 2
        super().__init__(
            {
                "product": In(signed(config.ratio_width + config.root_width)),
                "gamma": In(signed(config.PARAMETER_WIDTH)),
                "beta": In(signed(config.PARAMETER_WIDTH)),
                "within": In(1),
                "enable": In(1),
                "o": Out(signed(config.OUT_WIDTH)),
                "saturated": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        m.submodules.by_gamma = by_gamma = self._by_gamma

        sign = self.gamma[-1]
        digits = self._magnitude_digits(m)
        point = config.ROOT_FRACTION
        floor, half = self.product[point : point + config.normalised_width], self.product[point - 1]
        normalised = Signal(signed(config.normalised_width), reset_less=True)
        factor = Signal(FactorDigits(config.PARAMETER_WIDTH - 1), reset_less=True)
        with m.If(self.enable):
            m.d.sync += normalised.eq((floor ^ sign.replicate(len(floor))) + (half ^ sign))
            m.d.sync += [factor.digits[i].eq(digit) for i, digit in enumerate(digits)]
        m.d.comb += [
            by_gamma.value.eq(normalised),
            by_gamma.factor.eq(factor),
            by_gamma.enable.eq(self.enable),
        ]

        beta, within = self.beta, self.within
        for stage in range(1 + by_gamma.latency):
            late_beta = Signal(
                signed(config.PARAMETER_WIDTH), name=f"beta_{stage}", reset_less=True
            )
            late_within = Signal(name=f"within_{stage}", reset_less=True)
            with m.If(self.enable):
                m.d.sync += [late_beta.eq(beta), late_within.eq(within)]
            beta, within = late_beta, late_within

        shift = config.out_shift
        scaled = by_gamma.o[shift:]
        up = by_gamma.o[shift - 1] & (by_gamma.o[: shift - 1].any() | scaled[0])
        # {scaled, 1} + {β, up}: one adder for three
        total = (Cat(Const(1, 1), scaled).as_signed() + Cat(up, beta).as_signed()) >> 1
        result = overflow(total, config.OUT_WIDTH, Overflow.SATURATE)
        with m.If(self.enable):
            m.d.sync += [
                self.o.eq(Mux(within, result, 0)),
                self.saturated.eq(within & ~fits(total, config.OUT_WIDTH)),
            ]
        return m

    def _magnitude_digits(self, m: Module) -> list[Value]:
        """|γ| as digits: those of its bits, inverted if it is negative, with a 1 carried in.

        The carry comes out of a digit below them, −1 for a negative γ and 0 otherwise.
        """
        sign = self.gamma[-1]
        bits = self.gamma[:-1] ^ sign.replicate(len(self.gamma) - 1)
        num_digits = len(self.gamma) // 2
        digits, _ = recode(m, Cat(sign, sign, bits, Const(0, 1)), num_digits + 1, "gamma")
        return digits[1:]
