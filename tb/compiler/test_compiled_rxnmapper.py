"""The pretrained ALBERT, compiled and run on the golden machine, against its float32 reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from alembert_compiler.calibrate import Calibration
from alembert_compiler.compile import compile_model
from alembert_compiler.errors import CompileError
from alembert_compiler.machine_answers import calibrate_masked, machine_answers, masked_runs
from alembert_compiler.off_ramps import masked_logits
from alembert_compiler.workloads import ReactionModel, load_albert
from compiler.compiled_models import MACHINES

EVERY = 7
"""Few runs of many tokens each: a sample of what the bench measures."""


@pytest.fixture(scope="module")
def model() -> ReactionModel:
    return load_albert()


@pytest.fixture(scope="module")
def calibration(model: ReactionModel) -> Calibration:
    return calibrate_masked(model)


@pytest.mark.parametrize("name", ["edge16", "edge16_int8"])
def test_answers_agree_with_float32(
    model: ReactionModel, calibration: Calibration, name: str
) -> None:
    machine = MACHINES[name]
    machine = replace(machine, scratchpad=replace(machine.scratchpad, words=32768))
    image = compile_model(model.albert, machine, calibration, max_length=104, max_targets=16)
    some = [each for each in model.reactions if len(each) > 60][:3]
    found = machine_answers(image, machine, model, some, every=EVERY)
    reference = masked_logits(model, some, every=EVERY)
    np.testing.assert_array_equal(found.token_ids, reference.token_ids)
    assert len(found.token_ids) >= 150
    agreement = found.agreement(reference.logits)
    assert agreement[-1] >= 0.95
    assert agreement.mean() >= 0.95
    assert np.abs(found.entropies - reference.entropies).mean() < 0.06
    exact, real = found.early_exit(0.6), reference.early_exit(0.6)
    assert abs(exact[0] - real[0]) <= 0.07 and abs(exact[1] - real[1]) <= 0.5
    assert abs(found.top1[-1] - reference.top1[-1]) <= 0.07


def test_refusals(model: ReactionModel, calibration: Calibration) -> None:
    machine = MACHINES["edge16"]
    with pytest.raises(CompileError) as caught:
        compile_model(model.albert, machine, calibration, max_length=104, max_targets=16)
    assert str(caught.value) == (
        "the model needs 11330 words of scratchpad for 104 tokens and 16 targets; "
        "the machine has 8192, room for 77 tokens"
    )


def test_runs_are_those_of_the_reference(model: ReactionModel) -> None:
    runs = list(masked_runs(model, every=7))
    assert sum(int(each.hidden.sum()) for each in runs) == 421
    for each in runs:
        assert (each.hidden.sum(axis=0)[1:-1] == 1).all()
        assert (each.runs[each.hidden] == model.tokeniser.mask_id).all()
        np.testing.assert_array_equal(
            each.runs[~each.hidden], np.broadcast_to(each.token_ids, each.runs.shape)[~each.hidden]
        )
