# amaranth: UnusedElaboratable=no
"""cocotb side of test_matrix_unit."""

from __future__ import annotations

import cocotb
import numpy as np
from alembert.config import VmacArrayConfig, VmacConfig
from alembert.config.faults import MatmulFault
from alembert.vmac.matrix_unit import MatrixUnit
from alembert.vmac.vmac import Vmac
from alembert_golden.postprocess import ChannelParameters
from alembert_golden.vmac import integers
from cocotb.triggers import ClockCycles
from support.formats import corner_codes, pair_of
from support.matmul import MatrixUnitDriver, Product, random_product
from support.parameters import parameters
from support.streams import PATTERNS, pack, start
from vmac.corners import shift_corners


def _config() -> VmacArrayConfig:
    given = parameters()
    return VmacArrayConfig(
        vmac=VmacConfig(
            pair=pair_of(given),
            lanes=given["lanes"],
            rows=given["rows"],
            max_depth=given["max_depth"],
            levels_per_stage=given["levels_per_stage"],
        ),
        vmacs=given["vmacs"],
    )


def _shapes(config: VmacArrayConfig) -> list[tuple[int, int, int]]:
    """Every way to fill, under-fill and over-fill each of R, V and C, in turn."""
    V, C, R = config.vmac.lanes, config.vmacs, config.vmac.rows
    rows = sorted({1, 2, 3, R - 1, R, R + 1, 2 * R + 3} - {0})
    depths = sorted({1, V - 1, V, V + 1, 3 * V, 3 * V + 2} - {0})
    columns = sorted({1, C - 1, C, C + 1, 2 * C + 1} - {0})
    every = [
        (rows[i % len(rows)], depths[i % len(depths)], columns[(i + i // 5) % len(columns)])
        for i in range(max(len(rows), len(depths)) * 2)
    ]
    return [*every, (1, 1, 1), (R, V, C), (1, config.vmac.max_depth, 1)]


@cocotb.test()
async def shapes(dut) -> None:
    """Matrices of every kind of M, K, N, back to back: no state survives from one to the next."""
    config = _config()
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    await start(dut)
    driver = MatrixUnitDriver(dut)
    products = [
        random_product(rng, config, *shape, corners=i % 3 == 0)
        for i, shape in enumerate(_shapes(config))
    ]
    await driver.check(products)
    await driver.sink.expect_silence(50)
    assert dut.busy.value == 0
    assert dut.fault.value == MatmulFault.NONE.value


@cocotb.test()
async def every_channel_has_its_own_bias(dut) -> None:
    """Activations are zero, so that a row of results is the biases: no two channels' are equal."""
    config = _config()
    await start(dut)
    C = config.vmacs
    depth, columns = config.vmac.lanes, 2 * C + 1
    bias = 3 * (np.arange(columns) - C)
    parameters = ChannelParameters.of(columns, bias=bias)
    activations = np.zeros((2, depth), dtype=np.int64)
    weights = np.ones((depth, columns), dtype=np.int64)
    product = Product.of("biases", activations, weights, parameters, config)
    assert len(set(product.results)) > 1
    await MatrixUnitDriver(dut).check([product])


def _corner_products(config: VmacArrayConfig, rng: np.random.Generator) -> list[Product]:
    """Activations are zero, so that sums are biases: every shift, ties and ends, wide and codes."""
    fmt = config.vmac.pair.activation
    acc_width, shifts = config.vmac.accumulator_width, range(1 << config.SHIFT_WIDTH)
    products = []
    for multiplier in (1,) if config.encodes_adaptivfloat else (1, 1 << 31):
        wide = shift_corners(acc_width, config.RESULT_WIDTH, shifts, aside=0)
        codes = shift_corners(acc_width, fmt.width, shifts[:24], aside=0)
        vectors = [(*v, True) for v in wide] + [(*v, False) for v in codes[::2]]
        bias, shift, is_wide = np.array(vectors)[rng.permutation(len(vectors))].T
        # the multiplier's power of two is taken out again
        requantise = np.minimum(shift + multiplier.bit_length() - 1, shifts[-1])
        parameters = ChannelParameters.of(
            len(bias),
            bias=bias,
            wide=is_wide,
            multiplier=multiplier,
            shift=requantise,
            exponent=np.where(is_wide, shift, shift - 2 * fmt.width),
        )
        activations = np.zeros((1, 1), dtype=np.int64)
        weights = np.ones((1, len(bias)), dtype=np.int64)
        products.append(Product.of("corners", activations, weights, parameters, config))
    return products


def _largest_sums(config: VmacArrayConfig, rng: np.random.Generator) -> Product:
    """Sums and biases as large as they get, of either sign, at every shift, wide and codes."""
    pair, half = config.vmac.pair, 1 << (config.vmac.accumulator_width - 1)
    every = np.arange(1 << config.SHIFT_WIDTH).repeat(2)
    sign = np.arange(len(every)) & 1
    bias = np.where(sign, -half, half - 1)
    a, w = (corner_codes(fmt) for fmt in (pair.activation, pair.weight))
    largest = max(w, key=lambda code: int(integers([code], pair.weight)[0]))
    extremes = sorted(a, key=lambda code: int(integers([code], pair.activation)[0]))
    depth = config.vmac.max_depth
    activations = np.repeat([[extremes[0]], [extremes[-1]]], depth, axis=1)
    weights = np.full((depth, len(every)), largest)
    is_wide = rng.random(len(every)) < 0.7
    parameters = ChannelParameters.of(
        len(every), bias=bias, wide=is_wide, multiplier=1, shift=every, exponent=every
    )
    return Product.of("largest sums", activations, weights, parameters, config)


@cocotb.test()
async def wide_results(dut) -> None:
    """Wide numbers and codes side by side in a row: every shift, ties, both ends, largest sums."""
    config = _config()
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    await start(dut)
    driver = MatrixUnitDriver(dut)
    await driver.check([*_corner_products(config, rng), _largest_sums(config, rng)])
    await driver.sink.expect_silence(50)


@cocotb.test()
async def weights_load_while_the_array_computes(dut) -> None:
    """Passes follow each other without a gap, and where they cannot, at the stated distance."""
    config = _config()
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    await start(dut)
    V, C, R = config.vmac.lanes, config.vmacs, config.vmac.rows
    # docs/modules/matrix_unit.md: loading, and sums that are written before they are read
    cycles_per_pass = max(R, C + 1, 4 if R > 1 else 1)
    unit = MatrixUnit(config)
    per_tile, tiles = config.vmac.max_depth // V, 3
    assert per_tile * cycles_per_pass >= Vmac(config.vmac).latency + C + 2
    product = random_product(rng, config, R, per_tile * V, tiles * C)
    driver = MatrixUnitDriver(dut)
    await driver.check([product])
    passes = per_tile * tiles
    assert driver.elapsed_cycles == (passes - 1) * cycles_per_pass + R + unit.latency


@cocotb.test()
async def patterns(dut) -> None:
    """Every idle × back-pressure pattern, without a reset between."""
    config = _config()
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    await start(dut)
    V, C, R = config.vmac.lanes, config.vmacs, config.vmac.rows
    driver = None
    for idle in PATTERNS:
        for stall in PATTERNS:
            driver = MatrixUnitDriver(dut, idle=idle, stall=stall, monitors=driver is None)
            await driver.check(
                [
                    random_product(rng, config, min(R, 5), V + 1, C + 1),
                    random_product(rng, config, 2, 2 * V, 1),
                ]
            )
    assert driver is not None
    await driver.sink.expect_silence(50)


@cocotb.test()
async def long_stall(dut) -> None:
    """Results nobody takes for long: the unit fills up, waits, then goes on where it was."""
    config = _config()
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    await start(dut)
    driver = MatrixUnitDriver(dut)
    R, C = config.vmac.rows, config.vmacs
    product = random_product(rng, config, 4 * R + 1, 3, 3 * C)
    await driver.check([product], hold_cycles=50 * (R + C))


@cocotb.test()
async def faults(dut) -> None:
    """A bad command is named, has no effect, and the next good one works."""
    config = _config()
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    await start(dut)
    driver = MatrixUnitDriver(dut)
    good = random_product(rng, config, 2, 2, 2)
    bad = {
        (0, 1, 1): MatmulFault.ZERO_DIMENSION,
        (1, 0, 1): MatmulFault.ZERO_DIMENSION,
        (1, 1, 0): MatmulFault.ZERO_DIMENSION,
        (1, config.vmac.max_depth + 1, 1): MatmulFault.TOO_DEEP,
        (1, 65535, 1): MatmulFault.TOO_DEEP,
    }
    for command, fault in bad.items():
        refused = Product("refused", pack(command, 16), [], [], [], [])
        await driver.run([refused])
        await ClockCycles(dut.clk, 2)
        assert dut.fault.value == fault.value, f"{command}: {dut.fault.value}"
        assert dut.busy.value == 0
        await driver.check([good])
        assert dut.fault.value == MatmulFault.NONE.value
    await driver.sink.expect_silence(50)


@cocotb.test()
async def reset_in_the_middle(dut) -> None:
    """After a reset at any point of a product, the next one is right."""
    config = _config()
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    V, C, R = config.vmac.lanes, config.vmacs, config.vmac.rows
    for cycles in (3, C + 4, C + V + 9, 40):
        await start_or_reset(dut)
        driver = MatrixUnitDriver(dut, monitors=False)
        task = cocotb.start_soon(driver.run([random_product(rng, config, R, 3 * V, 2 * C)]))
        await ClockCycles(dut.clk, cycles)
        task.cancel()
        driver.abandon()
        for source in ("command", "weights", "activations", "channels"):
            getattr(dut, f"{source}_valid").value = 0
        dut.rst.value = 1
        await ClockCycles(dut.clk, 2)
        dut.rst.value = 0
        await ClockCycles(dut.clk, 1)
        fresh = MatrixUnitDriver(dut, monitors=False)
        await fresh.check([random_product(rng, config, R + 1, V + 1, C + 1)])


async def start_or_reset(dut) -> None:
    """Start the clock the first time, only reset later."""
    if not hasattr(start_or_reset, "running"):
        await start(dut)
        start_or_reset.running = True
        return
    dut.rst.value = 1
    await ClockCycles(dut.clk, 2)
    dut.rst.value = 0
