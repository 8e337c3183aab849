# amaranth: UnusedElaboratable=no
"""Layer normalisation of rows that stream through."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from ..arithmetic.digits import FactorDigits, recode_factor
from ..config.layernorm import LayerNormConfig
from ..config.sfu import RowFault
from ..hierarchy import emit_once
from .inverse_root import InverseRoot
from .moments import Moments
from .normaliser import Affine, Normaliser
from .row_buffer import RowBuffer
from .variance import Variance

__all__ = ["LayerNorm"]


def _beat(width: int, lanes: int) -> data.StructLayout:
    return data.StructLayout({"values": data.ArrayLayout(signed(width), lanes), "last": 1})


class LayerNorm(wiring.Component):
    """o = saturate(round_half_even(y·γ) + β), y = (x − mean) / √(variance + ε/n²) of each row.

    With A = Σ x, B = Σ x² and D = n·B − A² + ε, all exact, and D = 2^(2k)·m with 1 ≤ m < 4,
    y = (n·x − A) / 2^k · r for r ≈ 1/√m. The bit-exact contract is
    :func:`alembert_golden.layernorm.layernorm`; y is within 2^−8 of the exact quotient.

    Parameters
    ----------
    config : LayerNormConfig
        Lanes V, widths, the longest row, fraction bits.

    Members
    -------
    i : In(stream of {values: ArrayLayout(signed(config.width), V), last})
        Rows of n values, ``last`` in a row's last beat; values beyond the row's end are 0.
        ``ready`` depends on ``last``: of two rows of fewer than ``period`` beats, the second's
        last beat waits.
    parameters : In(stream of {gamma, beta}, each ArrayLayout(signed(16), V))
        One beat for each beat that comes out, so none for an overlong row's.
    length : In, unsigned(config.length_width)
        n, 1…``max_length``. This and ``epsilon`` hold still from a row's first beat in until its
        last one out. Rows of another number of values mean nothing, but come.
    epsilon : In, unsigned(32)
        ε, in units of n² times the values' last bit squared.
    o : Out(stream of {values: ArrayLayout(signed(16), V), last})
        As many beats; values beyond the row's end are 0.
    saturated : Out, V bits
        Which of the values at ``o`` were beyond their range.
    clear : In
        Forgets the fault; one that occurs in the same cycle is kept.
    fault : Out, RowFault
        OVERLONG_ROW: a row had more than ``depth`` beats. Nothing of it comes out, its remaining
        beats are taken and dropped, and the next row is processed as usual.

    Latency: ``latency`` cycles from the edge that takes a row's last beat to the one that can
    take its first results, if their parameters are there. Throughput: a beat a cycle, with no gap
    between rows of ``period`` beats or more that leave the buffer room for ``latency`` beats; a
    row every ``period`` cycles if they are shorter. Reset: drops every row and clears the fault.
    """

    i: stream.Interface
    parameters: stream.Interface
    length: Signal
    epsilon: Signal
    o: stream.Interface
    saturated: Signal
    clear: Signal
    fault: Signal

    def __init__(self, config: LayerNormConfig):
        self.config = config
        self._moments, self._variance = Moments(config), Variance(config)
        self._root = InverseRoot(config)
        self._normalisers = [Normaliser(config) for _ in range(config.lanes)]
        self._affines = [Affine(config) for _ in range(config.lanes)]
        reductions = self._moments.latency + self._variance.latency + self._root.latency
        lane = self._normalisers[0].latency + self._affines[0].latency
        self.latency = reductions + RowBuffer.latency + lane
        # a row's A waits in the variance until its root is there
        self.period = max(self._variance.period, self._root.latency + 1)
        parameters = data.ArrayLayout(signed(config.PARAMETER_WIDTH), config.lanes)
        super().__init__(
            {
                "i": In(stream.Signature(_beat(config.width, config.lanes))),
                "parameters": In(
                    stream.Signature(data.StructLayout({"gamma": parameters, "beta": parameters}))
                ),
                "length": In(config.length_width),
                "epsilon": In(config.EPSILON_WIDTH),
                "o": Out(stream.Signature(_beat(config.OUT_WIDTH, config.lanes))),
                "saturated": Out(config.lanes),
                "clear": In(1),
                "fault": Out(RowFault),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        reduction = data.StructLayout(
            {
                "sum": signed(config.sum_width),
                "exponent": config.exponent_width,
                "root": config.root_width,
            }
        )
        m.submodules.buffer = buffer = RowBuffer(self.i.payload.shape(), reduction, config.buffer)
        m.d.comb += [
            buffer.i.payload.eq(self.i.payload),
            buffer.clear.eq(self.clear),
            self.fault.eq(buffer.fault),
        ]
        self._reduce(m, buffer)

        # up to the product with the root; then, joined by the parameters, the rest
        stages = self._normalisers[0].latency
        valid, last = Signal(stages), Signal(stages)
        advance, advance_out, join = Signal(), Signal(), Signal()
        m.d.comb += [
            advance_out.eq(~self.o.valid | self.o.ready),
            join.eq(valid[-1] & self.parameters.valid),
            self.parameters.ready.eq(valid[-1] & advance_out),
            advance.eq(~valid[-1] | (self.parameters.valid & advance_out)),
            buffer.o.ready.eq(advance),
        ]
        with m.If(advance):
            m.d.sync += [
                valid.eq(Cat(buffer.o.valid, valid)),
                last.eq(Cat(buffer.o.payload.beat.last, last)),
            ]
        self._normalise(m, buffer.o, advance)

        stages_out = self._affines[0].latency
        valid_out, last_out = Signal(stages_out), Signal(stages_out)
        m.d.comb += [
            self.o.valid.eq(valid_out[-1]),
            self.o.payload.last.eq(last_out[-1]),
        ]
        with m.If(advance_out):
            m.d.sync += [valid_out.eq(Cat(join, valid_out)), last_out.eq(Cat(last[-1], last_out))]
        self._finish(m, join & advance_out, last[-1], advance_out)
        return m

    def _reduce(self, m: Module, buffer: RowBuffer) -> None:
        """Feed the buffer and, from what it stores, compute each row's A, k and r."""
        m.submodules.moments = moments = self._moments
        m.submodules.variance = variance = self._variance
        m.submodules.inverse_root = root = self._root
        last = self.i.payload.last
        pause = Signal(range(self.period))  # until the next row may end
        may_end = ~last | (pause == 0)
        m.d.comb += [
            buffer.i.valid.eq(self.i.valid & may_end),
            self.i.ready.eq(buffer.i.ready & may_end),
            moments.values.eq(self.i.payload.values),
            moments.store.eq(buffer.store),
            moments.first.eq(buffer.first),
            moments.last.eq(last),
            variance.length.eq(self.length),
            variance.epsilon.eq(self.epsilon),
            buffer.reduction.valid.eq(root.o.valid),
            buffer.reduction.payload.sum.eq(variance.sum),
            buffer.reduction.payload.exponent.eq(root.o.payload.exponent),
            buffer.reduction.payload.root.eq(root.o.payload.root),
        ]
        connect(m, moments.o, variance.i)
        connect(m, variance.o, root.i)
        with m.If(buffer.store & last):
            m.d.sync += pause.eq(self.period - 1)
        with m.Elif(pause != 0):
            m.d.sync += pause.eq(pause - 1)

    def _normalise(self, m: Module, released: stream.Interface, advance: Signal) -> None:
        """The lanes' first half; what a row has in common keeps pace beside them."""
        config = self.config
        reduction = released.payload.reduction

        def late(value: Value, cycles: int, name: str) -> Value:
            for stage in range(cycles):
                register = Signal.like(value, name=f"{name}_{stage}", reset_less=True)
                with m.If(advance):
                    m.d.sync += register.eq(value)
                value = register
            return value

        lane = self._normalisers[0]
        total = late(reduction.sum, lane.sum_delay, "sum")
        exponent = late(reduction.exponent, lane.exponent_delay, "exponent")
        plain_root = late(reduction.root, lane.root_delay - 1, "root")
        root = Signal(FactorDigits(config.root_width), reset_less=True)
        with m.If(advance):
            m.d.sync += root.eq(recode_factor(m, plain_root, "root_digits"))
        length = Signal(FactorDigits(config.length_width), reset_less=True)
        m.d.sync += length.eq(recode_factor(m, self.length, "length_digits"))
        for k, lane in enumerate(self._normalisers):
            m.submodules[f"normaliser_{k}"] = emit_once(lane, key=config)
            m.d.comb += [
                lane.i.eq(released.payload.beat["values"][k]),
                lane.length.eq(length),
                lane.sum.eq(total),
                lane.exponent.eq(exponent),
                lane.root.eq(root),
                lane.enable.eq(advance),
            ]

    def _finish(self, m: Module, join: Value, last: Value, advance: Signal) -> None:
        """The lanes' second half, and how many of them still have a value of the row."""
        config = self.config
        lanes = config.lanes
        begins = Signal(init=1)
        remaining = Signal(config.length_width)
        left = Signal(config.length_width)
        m.d.comb += left.eq(Mux(begins, self.length, remaining))
        with m.If(join):
            m.d.sync += [
                begins.eq(last),
                remaining.eq(Mux(left > lanes, left - lanes, 0)),
            ]
        for k, lane in enumerate(self._affines):
            m.submodules[f"affine_{k}"] = emit_once(lane, key=config)
            m.d.comb += [
                lane.product.eq(self._normalisers[k].o),
                lane.gamma.eq(self.parameters.payload.gamma[k]),
                lane.beta.eq(self.parameters.payload.beta[k]),
                lane.within.eq(left > k),
                lane.enable.eq(advance),
                self.o.payload["values"][k].eq(lane.o),
                self.saturated[k].eq(lane.saturated),
            ]
