"""cocotb side of test_engine_speed: cycles of whole layers against those in which vectors enter."""

from __future__ import annotations

from collections.abc import Sequence

import cocotb
import numpy as np
from alembert.config.axi import AxiConfig
from alembert.config.isa import Instruction, Opcode, ResultKind
from alembert.config.matrix import MatrixFault
from alembert.matrix.engine import MatrixEngine
from alembert_golden.weights_layout import linear_words
from cocotb.triggers import ClockCycles, RisingEdge
from matrix.driver import EngineDriver, Watch, reset
from matrix.machines import ENGINES
from matrix.programs import Model, altered_word
from support.parameters import parameters
from support.streams import Source, start

UNDER_TEST = ENGINES[parameters()["engine"]]


class SlowMemory(Source):
    """Weights as a bus has them: a word in two cycles, and a FIFO in which those not taken wait.

    Parameters
    ----------
    depth : int
        Words of the FIFO.
    """

    def __init__(self, dut, name: str, depth: int):
        super().__init__(dut, name)
        self._depth = depth
        self._waiting = 0
        self._clock = 0
        self._taking = getattr(dut, f"{name}_ready")

    async def send(self, beats) -> None:
        edge, ready = RisingEdge(self._clk), self._taking
        for beat in beats:
            self._payload.value = beat
            while True:
                is_offered = self._waiting > 0
                self._valid.value = int(is_offered)
                await edge
                is_taken = is_offered and bool(ready.value)
                self._clock += 1
                arrives = self._clock % 2 == 0 and self._waiting < self._depth
                self._waiting += arrives - is_taken
                if is_taken:
                    break
        self._valid.value = 0


async def measure(
    dut, program: Sequence[Instruction], model: Model, *, depth: int | None = None
) -> tuple[Watch, float]:
    """Cycles from the first instruction's transfer to the last one's end; vectors a cycle."""
    driver = EngineDriver(dut, model, monitors=False)
    if depth is not None:
        driver.replace_weights(SlowMemory(dut, "weights", depth))
    watch = await driver.run(program, timeout_cycles=40_000)
    await driver.compare()
    cycles = watch.done[-1][0] - watch.taken[0] + 1
    return watch, len(watch.issuing) / cycles


def report(dut, what: str, watch: Watch, utilisation: float) -> None:
    """One line into the log."""
    cycles = watch.done[-1][0] - watch.taken[0] + 1
    inner = watch.issuing[-1] - watch.issuing[0] + 1
    dut._log.info(
        f"{what}: {len(watch.issuing)} vectors in {cycles} cycles, {utilisation:.4f}; "
        f"{inner} from the first to the last, {watch.stalled} stalled"
    )


@cocotb.test()
async def layers(dut) -> None:
    """A layer of 64 × 256 × 256, weights at half the rate; scores and contexts of four heads."""
    await start(dut)
    model = Model(UNDER_TEST, np.random.default_rng(cocotb.RANDOM_SEED))
    await EngineDriver(dut, model).load()
    engine = MatrixEngine(UNDER_TEST.machine, UNDER_TEST.array, has_weight_stream=True)

    for kind, dims in (
        (ResultKind.CODES, (64, 256, 256)),
        (ResultKind.WIDE, (64, 64, 128)),
        (ResultKind.COLUMNS, (64, 256, 64)),
    ):
        model.begin_program()
        program = [model.instruction(Opcode.LINEAR, kind, *dims)]
        watch, utilisation = await measure(dut, program, model, depth=2)
        report(dut, f"LINEAR {'×'.join(map(str, dims))} {kind.name}", watch, utilisation)
        assert watch.issuing[-1] - watch.issuing[0] == len(watch.issuing) - 1
        assert utilisation >= 0.96

    model.begin_program()
    scores, contexts = (ResultKind.WIDE, 64, 32, 64), (ResultKind.CODES, 64, 64, 32)
    program = [model.instruction(Opcode.MATMUL, *(scores, contexts)[k % 2]) for k in range(8)]
    watch, utilisation = await measure(dut, program, model)
    report(dut, "8 MATMUL 64×32×64 WIDE, 64×64×32 CODES", watch, utilisation)
    assert utilisation >= 0.95
    assert watch.issuing[0] - watch.taken[0] >= engine.latency


@cocotb.test()
async def programs(dut) -> None:
    """Odd shapes of every kind, with all else that uses the banks."""
    await start(dut)
    model = Model(UNDER_TEST, np.random.default_rng(cocotb.RANDOM_SEED))
    driver = EngineDriver(dut, model, idle="random", stall="bursts", rivals=True)
    await driver.load()
    program = [
        model.instruction(opcode, kind, *dims)
        for opcode, kind, dims in (
            (Opcode.LINEAR, ResultKind.COLUMNS, (70, 33, 19)),
            (Opcode.MATMUL, ResultKind.WIDE, (65, 17, 25)),
            (Opcode.MATMUL, ResultKind.CODES, (7, 40, 18)),
            (Opcode.LINEAR, ResultKind.WIDE, (3, 15, 9)),
            (Opcode.MATMUL, ResultKind.COLUMNS, (18, 16, 16)),
        )
    ]
    await driver.run(program)
    await driver.compare()


@cocotb.test()
async def too_many_weights(dut) -> None:
    """More words than a command can count are refused, as many as it can are asked for."""
    await start(dut)
    model = Model(UNDER_TEST, np.random.default_rng(cocotb.RANDOM_SEED))
    good = model.instruction(Opcode.LINEAR, ResultKind.CODES, 1, 1, 1)
    depth = UNDER_TEST.array.vmac.max_depth
    for columns, fits in ((65535, False), (65300, False), (65200, True)):
        words = linear_words(depth, columns, UNDER_TEST.array, UNDER_TEST.machine)
        assert (words < 1 << AxiConfig.WORDS_WIDTH) == fits
        word = altered_word(good, {"columns": columns, "depth": depth}, Opcode.LINEAR)
        cocotb.start_soon(Source(dut, "instruction").send([word]))
        if fits:
            await RisingEdge(dut.weight_command_valid)
            await RisingEdge(dut.clk)
            assert int(dut.weight_command_payload.value) >> 34 == words
        else:
            await RisingEdge(dut.done)
            await ClockCycles(dut.clk, 2)
            assert dut.fault.value == MatrixFault.TOO_MANY_WEIGHTS
        await reset(dut)
