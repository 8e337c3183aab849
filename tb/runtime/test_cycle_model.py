"""The cycle model against the counters of the compiled machine."""

from __future__ import annotations

import pytest
from alembert.config.isa import Opcode, Unit
from alembert_compiler.cycles import predict
from alembert_runtime import Session
from runtime.conftest import MakeDevice
from runtime.models import MACHINE, TOKENS, far_reaching_image, masked_image

ANSWER = 10
"""Cycles until memory answers a burst that it was written."""


@pytest.mark.parametrize("latency", [3, 40])
def test_runs_take_what_is_predicted(simulated: MakeDevice, latency: int) -> None:
    """Within 2 %, for sentences of several lengths and runs of several passes."""
    image = masked_image()
    device = simulated(read_latency=latency, write_latency=ANSWER)
    session = Session(device, image)
    for length, targets, passes in ((13, [1, 12, 4], 0), (5, [2], 2), (1, [0], 1), (13, [3], 1)):
        session.reset()  # a machine at rest: nothing is read ahead from the run before
        answer = session.run(TOKENS[0, :length], targets, max_passes=passes)
        assert answer.counters is not None
        predicted = predict(
            MACHINE,
            image,
            length=length,
            targets=len(targets),
            passes=passes,
            latency=latency,
            answer=ANSWER,
        )
        cycles = answer.counters.cycles
        assert abs(predicted.cycles - cycles) <= 0.02 * cycles, (predicted.cycles, cycles)
        units = answer.counters.units
        assert predicted.units[Unit.MATRIX].work == units[Unit.MATRIX].issues
        for unit, counted in predicted.units.items():
            assert counted.instructions == units[unit].instructions, unit


def test_softmax_waits_for_one_of_another_shift(simulated: MakeDevice) -> None:
    """Heads whose scores reach differently far: rows of both are not under way at once."""
    image = far_reaching_image()
    shifts = {each["a_shift"] for each in image.program_code if each.opcode is Opcode.SOFTMAX}
    assert len(shifts) > 1
    session = Session(simulated(read_latency=40, write_latency=ANSWER), image)
    counters = session.run(TOKENS[0]).counters
    assert counters is not None
    predicted = predict(MACHINE, image, length=13, latency=40, answer=ANSWER)
    assert abs(predicted.cycles - counters.cycles) <= 0.02 * counters.cycles
    busy = counters.units[Unit.SPECIAL].busy
    assert abs(predicted.units[Unit.SPECIAL].busy - busy) <= 0.02 * busy
