"""Drive a matrix unit: matrices in, result beats out, every stream paused as asked."""

from __future__ import annotations

from dataclasses import dataclass

import cocotb
import numpy as np
from alembert.config import VmacArrayConfig
from alembert_golden.matrix_unit import MatmulBeats, matmul, matmul_beats
from alembert_golden.postprocess import ChannelParameters, biased
from alembert_golden.saturation import count_products
from alembert_golden.vmac import accumulate
from cocotb.triggers import ClockCycles, RisingEdge

from .formats import all_codes, corner_codes
from .streams import PERIOD_NS, Monitor, Sink, Source, pack

__all__ = ["MatrixUnitDriver", "Product", "channel_word", "random_product"]


@dataclass(frozen=True)
class Product:
    """A product as beats, with every beat already a word."""

    name: str
    command: int
    weights: list[int]
    activations: list[int]
    channels: list[int]
    results: list[int]
    saturated: int = 0

    @classmethod
    def of(
        cls,
        name: str,
        activations: np.ndarray,
        weights: np.ndarray,
        parameters: ChannelParameters,
        config: VmacArrayConfig,
    ) -> Product:
        """Golden results and the beats of the streams."""
        beats = matmul_beats(activations, weights, parameters, config)
        pair = config.vmac.pair
        sums = accumulate(activations, weights, pair, max_depth=config.vmac.max_depth)
        total = biased(sums, parameters)[np.newaxis]
        wide = matmul(activations, weights, parameters, config)[np.newaxis]
        results = [pack(row, config.RESULT_WIDTH) for row in beats.results.tolist()]
        results[-1] |= 1 << (config.RESULT_WIDTH * config.vmacs)  # the end flag
        return cls(
            name=name,
            command=command_word(beats),
            weights=[pack(row, pair.weight.width) for row in beats.weights.tolist()],
            activations=[pack(row, pair.activation.width) for row in beats.activations.tolist()],
            channels=[channel_word(parameters, n, config) for n in beats.channels.tolist()],
            results=results,
            saturated=int(count_products(wide, total, parameters, config)[0]),
        )


def command_word(beats: MatmulBeats) -> int:
    """M, K, N as the command stream carries them."""
    return pack(beats.command, VmacArrayConfig.DIMENSION_WIDTH)


def channel_word(parameters: ChannelParameters, channel: int, config: VmacArrayConfig) -> int:
    """One channel's parameters as the channel stream carries them."""
    fields = [
        (parameters.bias, config.vmac.accumulator_width),
        (parameters.relu, 1),
        (parameters.wide, 1),
    ]
    if config.encodes_adaptivfloat:
        fields += [(parameters.exponent, config.EXPONENT_WIDTH)]
    else:
        fields += [(parameters.multiplier, config.MULTIPLIER_WIDTH)]
        fields += [(parameters.shift, config.SHIFT_WIDTH)]
    word = position = 0
    for values, width in fields:
        word |= pack([values[channel]], width) << position
        position += width
    return word


def random_product(
    rng: np.random.Generator,
    config: VmacArrayConfig,
    rows: int,
    depth: int,
    columns: int,
    *,
    corners: bool = False,
) -> Product:
    """A product of random or corner codes, with parameters that use the whole output range."""
    pair = config.vmac.pair
    choose = corner_codes if corners else all_codes
    activations = rng.choice(choose(pair.activation), (rows, depth))
    weights = rng.choice(choose(pair.weight), (depth, columns))
    # the typical size of a sum decides where the output's range has to lie
    size = max(int(np.sqrt(depth) * pair.max_product / 8), 1).bit_length()
    half = 1 << (config.vmac.accumulator_width - 1)
    bias = rng.integers(-(1 << size), 1 << size, columns)
    extreme = rng.random(columns) < 0.1
    bias = np.where(extreme, rng.choice([-half, half - 1], columns), bias)
    wide = rng.random(columns) < 0.4
    # a wide number has 8 bits more than a code
    shift = rng.integers(size + 22, size + 30, columns) - 8 * wide
    exponent = rng.integers(-size - 4, 8 - size, columns)
    parameters = ChannelParameters.of(
        columns,
        bias=bias,
        relu=rng.random(columns) < 0.3,
        wide=wide,
        multiplier=rng.integers(0, 1 << 32, columns),
        shift=np.clip(shift, 0, 63),
        exponent=np.where(wide, np.clip(shift - 31, 0, 63), exponent),
    )
    kind = "corners" if corners else "random"
    return Product.of(f"{kind} {rows}×{depth}×{columns}", activations, weights, parameters, config)


class MatrixUnitDriver:
    """Sources, sink and monitors of one matrix unit.

    Parameters
    ----------
    dut : the device
    idle, stall : str
        Patterns of the sources and of the sink.
    monitors : bool
        Whether to watch the protocol; only speed measurements switch it off.
    """

    def __init__(self, dut, *, idle: str = "never", stall: str = "never", monitors: bool = True):
        self.dut = dut
        names = ("command", "weights", "activations", "channels")
        self._sources = {name: Source(dut, name, idle=idle) for name in names}
        self.sink = Sink(dut, "results", stall=stall)
        if monitors:
            for name in (*names, "results"):
                Monitor(dut, name)

    async def run(
        self, products: list[Product], *, hold_cycles: int = 0, timeout_cycles: int = 200_000
    ) -> list[int]:
        """Send products back to back; return all result beats, in order.

        Every stream is fed on its own, as fast as its pattern lets it. For the first
        ``hold_cycles`` cycles nobody takes a result.
        """

        def beats_of(name: str) -> list[int]:
            if name == "command":
                return [product.command for product in products]
            return [beat for product in products for beat in getattr(product, name)]

        self._tasks = tasks = [
            cocotb.start_soon(source.send(beats_of(name))) for name, source in self._sources.items()
        ]
        count = sum(len(product.results) for product in products)
        if hold_cycles:
            await ClockCycles(self.dut.clk, hold_cycles)
        beats = await self.sink.receive(count, timeout_cycles=timeout_cycles)
        for task in tasks:
            await task  # every beat has been taken: nothing is left over
        return beats

    def abandon(self) -> None:
        """Stop sending, whatever is left."""
        for task in self._tasks:
            task.cancel()

    @property
    def elapsed_cycles(self) -> int:
        """From the edge that took the first activation to that of the last result, both counted."""
        first, last = self._sources["activations"].first_time, self.sink.last_time
        assert first is not None and last is not None
        return round((last - first) / PERIOD_NS) + 1

    async def check(
        self, products: list[Product], *, hold_cycles: int = 0, timeout_cycles: int = 200_000
    ) -> None:
        """Run products and compare every beat, and how many results were saturated."""
        saturated: list[int] = []
        counting = cocotb.start_soon(self._count(saturated))
        got = await self.run(products, hold_cycles=hold_cycles, timeout_cycles=timeout_cycles)
        counting.cancel()
        assert sum(saturated) == sum(product.saturated for product in products)
        position = 0
        for product in products:
            for beat, want in enumerate(product.results):
                found = got[position]
                position += 1
                assert found == want, f"{product.name}, beat {beat}: {found:#x}, not {want:#x}"

    async def _count(self, found: list[int]) -> None:
        while True:
            await RisingEdge(self.dut.clk)
            if count := int(self.dut.saturated.value):
                found.append(count)
