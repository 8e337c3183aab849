"""Statistics of a model's tensors: against what numpy finds in the tensors themselves."""

from __future__ import annotations

import numpy as np
import pytest
from alembert_compiler.calibrate import calibrate
from alembert_compiler.exact_products import multiply
from alembert_compiler.model import Model
from compiler.compiled_models import BERT, CONFIG, TOKENS, random_model


@pytest.fixture(scope="module")
def model() -> Model:
    return random_model()


def test_statistics_are_those_of_the_tensors(model: Model) -> None:
    sequences = [TOKENS, TOKENS[0, :5]]
    found = calibrate(model, sequences)
    assert found.longest == 13
    states = [model.forward(ids, multiply=multiply).hidden for ids in sequences]
    rows = np.concatenate([np.stack(each).reshape(-1, CONFIG.hidden_size) for each in states])
    hidden = found["hidden"]
    np.testing.assert_array_equal(hidden.low, rows.min(axis=0))
    np.testing.assert_array_equal(hidden.high, rows.max(axis=0))
    np.testing.assert_array_equal(hidden.largest, np.abs(rows).max(axis=0))
    np.testing.assert_allclose(hidden.mean, rows.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(hidden.covariance, np.cov(rows.T, bias=True), atol=1e-4)
    known = {row.tobytes() for row in rows}
    assert all(row.tobytes() in known for row in hidden.samples)
    assert len(hidden.samples) > 100
    # the channels of probabilities are heads
    assert found["probabilities"].low.shape == (CONFIG.num_attention_heads,)
    assert found["probabilities"].low.min() >= 0 and found["probabilities"].high.max() <= 1
    logits = model.logits(np.stack(states[1][1:]), multiply=multiply)
    assert (found["logits"].high >= logits.reshape(-1, CONFIG.vocab_size).max(axis=0)).all()


def test_shifted_and_scaled(model: Model) -> None:
    seen = calibrate(model, [TOKENS])["context"]
    offset, factor = np.linspace(-1, 1, CONFIG.hidden_size), np.linspace(0.5, 2, CONFIG.hidden_size)
    other = seen.minus(offset).scaled(factor)
    np.testing.assert_allclose(other.low, (seen.low - offset) * factor)
    np.testing.assert_allclose(other.high, (seen.high - offset) * factor)
    np.testing.assert_allclose(other.mean, (seen.mean - offset) * factor, atol=1e-12)
    expected = seen.covariance * np.outer(factor, factor)
    np.testing.assert_allclose(other.covariance, expected, atol=1e-9)
    samples = (seen.samples - offset) * factor
    np.testing.assert_allclose(other.samples, samples, atol=1e-5)


def test_targets_choose_what_the_head_sees(model: Model) -> None:
    chosen = np.zeros(TOKENS.shape, dtype=bool)
    chosen[:, 2] = True
    found = calibrate(model, [TOKENS], targets=[chosen])
    states = np.stack(model.forward(TOKENS, multiply=multiply).hidden[1:])[:, :, 2]
    np.testing.assert_allclose(found["head_input"].low, states.min(axis=(0, 1)))
    dense = model.logits(states, multiply=multiply)
    np.testing.assert_allclose(found["logits"].high, dense.max(axis=(0, 1)), rtol=1e-5)


def test_layers_of_their_own_have_statistics_of_their_own() -> None:
    model, spans = random_model(BERT), [3, 0]
    found = calibrate(model, [TOKENS], spans=spans)
    assert found.spans == ((3, 0),) * 3
    run = model.forward(TOKENS, spans=spans, record=range(3), multiply=multiply)
    for index in range(3):
        own, layer = found.of_pass(index), run.layers[index]
        for name, tensor in (
            ("hidden", run.hidden[index]),
            ("output", run.hidden[index + 1]),
            ("query", layer.query),
            ("ffn_intermediate", layer.ffn_intermediate),
            ("head_input", run.hidden[index + 1]),
            ("pooler_input", run.hidden[index + 1][:, :1]),
        ):
            rows = tensor.reshape(-1, tensor.shape[-1])
            np.testing.assert_array_equal(own[name].high, rows.max(axis=0), err_msg=name)
        rows = run.hidden[index + 1][:, 0]
        np.testing.assert_allclose(own["pooler_input"].mean, rows.mean(axis=0), atol=1e-6)
        assert own["head_normalised"] is found["head_normalised"]


def test_a_shared_layer_has_one() -> None:
    found = calibrate(random_model(), [TOKENS])
    for index in range(3):
        own = found.of_pass(index)
        assert own["output"] is own["hidden"] is found["hidden"]


def test_refusals(model: Model) -> None:
    with pytest.raises(ValueError, match=r"^calibration needs at least one sequence$"):
        calibrate(model, [])
    with pytest.raises(ValueError, match=r"^a sequence must have at most 21 tokens, not 22$"):
        calibrate(model, [np.zeros(22, dtype=int)])
    with pytest.raises(ValueError, match=r"^token ids must be between 0 and 22, not 1…23$"):
        calibrate(model, [[1, 23]])
    for mask in (np.zeros(TOKENS.shape, bool), np.ones((4, 2), bool)):
        with pytest.raises(ValueError) as caught:
            calibrate(model, [TOKENS], targets=[mask])
        assert str(caught.value) == (
            "targets of calibration sequence 0 must be some of its tokens, a mask of shape "
            f"(4, 13), not {mask.shape}"
        )

    def explode(name: str, tensor: np.ndarray) -> np.ndarray:
        return tensor * np.float32(1e38) if name.endswith("attention.query.weight") else tensor

    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match=r"^query of a calibration sequence holds NaN or infinity$"),
    ):
        calibrate(model.map_tensors(explode), [TOKENS])
