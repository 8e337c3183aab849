"""BERT in float32 against an independent float64 forward pass, and the parts of its checkpoints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from alembert_compiler.model import Model
from alembert_compiler.model_config import ModelConfig
from alembert_compiler.tensor_names import PARTS
from compiler.bert_oracle import BertOracle, bert_tensors
from numpy.typing import NDArray

CONFIG = ModelConfig(
    model_type="bert",
    vocab_size=11,
    embedding_size=6,
    hidden_size=6,
    num_hidden_layers=3,
    num_attention_heads=2,
    intermediate_size=8,
    max_position_embeddings=7,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
    hidden_act="gelu",
)
IDS = [3, 10, 0, 3, 7, 1, 2]
SPANS = [[1, 3], [0, 2], [7, 5]]


def tensors() -> dict[str, NDArray[Any]]:
    return dict(
        bert_tensors(
            np.random.default_rng(5),
            vocabulary=11,
            width=6,
            ffn=8,
            layers=3,
            positions=7,
            classes=4,
        )
    )


@pytest.mark.parametrize("spans", [None, SPANS])
def test_every_pass_and_head_against_float64(spans: list[list[int]] | None) -> None:
    oracle = BertOracle(tensors(), heads=2, epsilon=1e-12, spans=spans)
    model = Model(CONFIG, tensors())
    assert model.parts == PARTS[:4] and len(model.layers) == 3
    hidden = model.forward(IDS, spans=spans).hidden
    states = oracle.embed(IDS)
    for index, found in enumerate(hidden):
        if index:
            states = oracle.layer(index - 1, states)
        np.testing.assert_allclose(found, states, atol=3e-5, err_msg=str(index))
        logits = [oracle.masked_logits(state) for state in states]
        np.testing.assert_allclose(model.logits(found), logits, atol=2e-4)
        np.testing.assert_allclose(
            model.class_logits(found), oracle.class_logits(states[0]), atol=5e-5
        )
    assert model.off_ramp_logits(IDS, spans=spans).shape == (3, 7, 11)


def test_spans_of_one_layer_count_for_all() -> None:
    model = Model(CONFIG, tensors())
    one, all_of_them = (model.forward(IDS, spans=s).hidden[-1] for s in ([2, 0], [[2, 0]] * 3))
    np.testing.assert_array_equal(one, all_of_them)
    assert not np.array_equal(one, model.forward(IDS).hidden[-1])
    far = model.forward(IDS, spans=[7, 7]).hidden[-1]
    np.testing.assert_array_equal(far, model.forward(IDS).hidden[-1])


def test_padding_changes_nothing() -> None:
    """Not even where a span leaves padding nothing to see."""
    model = Model(CONFIG, tensors())
    ids, mask = np.array([*IDS[:3], 0, 0, 0, 0]), np.arange(7) < 3
    for spans in (None, SPANS, [1, 1]):
        padded = model.forward(ids, attention_mask=mask, spans=spans).hidden[-1]
        assert np.isfinite(padded).all()
        alone = model.forward(IDS[:3], spans=spans).hidden[-1]
        np.testing.assert_allclose(padded[:3], alone, atol=1e-5)


def test_parts_are_those_of_the_checkpoint() -> None:
    """Each with the others left out; a head that is not there is refused."""
    everything = tensors()
    masked = {
        name: x for name, x in everything.items() if name.startswith(("bert.emb", "bert.enc"))
    }
    assert Model(CONFIG, masked).parts == PARTS[:1]
    bare = {name.removeprefix("bert."): x for name, x in masked.items()}
    bare["embeddings.position_ids"] = np.arange(7)
    np.testing.assert_array_equal(
        Model(CONFIG, bare).forward(IDS).hidden[-1], Model(CONFIG, masked).forward(IDS).hidden[-1]
    )
    heads = {
        "masked head": [name for name in everything if name.startswith("cls.predictions")],
        "pooler": ["bert.pooler.dense.weight", "bert.pooler.dense.bias"],
        "classifier": ["classifier.weight", "classifier.bias"],
    }
    for part, names in heads.items():
        model = Model(CONFIG, masked | {name: everything[name] for name in names})
        assert model.parts == (PARTS[0], part)
        assert (model.decoder is None, model.pooler is None, model.classifier is None) == tuple(
            other != part for other in heads
        )
    encoder, states = Model(CONFIG, masked), np.zeros((7, 6), np.float32)
    for call, head in (
        (encoder.logits, "masked-language head"),
        (encoder.class_logits, "classifier"),
    ):
        with pytest.raises(ValueError, match=f"^the checkpoint has no {head}$"):
            call(states)


def test_a_classifier_without_a_pooler_reads_the_hidden_state() -> None:
    given = {name: x for name, x in tensors().items() if "pooler" not in name}
    model = Model(CONFIG, given)
    states = np.arange(42, dtype=np.float32).reshape(7, 6)
    wanted = given["classifier.weight"] @ states[0] + given["classifier.bias"]
    np.testing.assert_allclose(model.class_logits(states), wanted, rtol=1e-5)


def test_old_names_of_normalisations() -> None:
    new = tensors()
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): x
        for name, x in new.items()
    }
    assert old.keys() != new.keys()
    np.testing.assert_array_equal(
        Model(CONFIG, old).off_ramp_logits(IDS), Model(CONFIG, new).off_ramp_logits(IDS)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"bert.encoder.layer.2.output.dense.weight": None},
            "checkpoint lacks bert.encoder.layer.2.output.dense.weight",
        ),
        ({"bert.pooler.dense.bias": None}, "checkpoint lacks bert.pooler.dense.bias"),
        ({"cls.predictions.bias": None}, "checkpoint lacks cls.predictions.decoder.bias"),
        ({"classifier.weight": None}, "checkpoint lacks classifier.weight"),
        (
            {"qa_outputs.weight": (2, 6), "bert.encoder.layer.3.output.dense.bias": (6,)},
            "checkpoint holds what belongs to no part: bert.encoder.layer.3.output.dense.bias, "
            "qa_outputs.weight",
        ),
        (
            {"bert.embeddings.LayerNorm.gamma": (6,)},
            "checkpoint holds bert.embeddings.LayerNorm.weight twice, by an old and a new name",
        ),
        (
            {"classifier.weight": (4, 5)},
            "classifier.weight must be of shape (4, 6), not (4, 5)",
        ),
    ],
)
def test_checkpoints_that_are_refused(
    changes: dict[str, tuple[int, ...] | None], message: str
) -> None:
    changed = tensors()
    for name, shape in changes.items():
        changed.pop(name, None)
        if shape is not None:
            changed[name] = np.ones(shape, np.float32)
    with pytest.raises(ValueError) as caught:
        Model(CONFIG, changed)
    assert str(caught.value) == message
