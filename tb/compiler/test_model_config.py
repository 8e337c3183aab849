"""What a config.json says, and what is refused of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alembert_compiler.model_config import ModelConfig
from alembert_compiler.rxnmapper import CONFIG, fetch_rxnmapper

BERT: dict[str, Any] = {
    "architectures": ["BertForSequenceClassification"],
    "hidden_act": "gelu",
    "hidden_size": 32,
    "intermediate_size": 64,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 16,
    "model_type": "bert",
    "num_attention_heads": 2,
    "num_hidden_layers": 3,
    "pad_token_id": 0,
    "position_embedding_type": "absolute",
    "type_vocab_size": 2,
    "vocab_size": 23,
}


def test_a_real_albert() -> None:
    config = ModelConfig.from_json(fetch_rxnmapper().read(CONFIG))
    assert (config.model_type, config.shares_layers, config.num_layers) == ("albert", True, 1)
    assert (config.hidden_size, config.intermediate_size, config.vocab_size) == (256, 512, 591)
    assert (config.num_hidden_layers, config.num_attention_heads, config.head_size) == (12, 8, 32)
    assert (config.embedding_size, config.max_position_embeddings) == (128, 512)
    assert config.has_mapping


def test_a_bert() -> None:
    config = ModelConfig.from_json(json.dumps(BERT))
    assert (config.model_type, config.shares_layers, config.num_layers) == ("bert", False, 3)
    assert (config.embedding_size, config.hidden_size, config.has_mapping) == (32, 32, False)


@pytest.mark.parametrize(
    ("error", "message", "changed"),
    [
        (
            *(ValueError, "model_type must be one of albert, bert, not 'roberta'"),
            {"model_type": "roberta"},
        ),
        (
            *(ValueError, "num_hidden_groups must be 1 (one shared layer), not 2"),
            {"num_hidden_groups": 2},
        ),
        (
            *(ValueError, "inner_group_num must be 1 (one shared layer), not 2"),
            {"inner_group_num": 2},
        ),
        (
            ValueError,
            "position_embedding_type must be 'absolute' (positions are added to the words), "
            "not 'relative_key'",
            {"position_embedding_type": "relative_key"},
        ),
        (
            *(ValueError, "is_decoder must be False (every token sees all others), not True"),
            {"is_decoder": True},
        ),
        (
            *(ValueError, "add_cross_attention must be False (one sequence alone), not True"),
            {"add_cross_attention": True},
        ),
        (
            *(ValueError, "is_encoder_decoder must be False (one sequence alone), not True"),
            {"is_encoder_decoder": True},
        ),
        (
            *(ValueError, "pruned_heads must be {} (all heads are of one size), not {'0': [1]}"),
            {"pruned_heads": {"0": [1]}},
        ),
        (
            ValueError,
            "norm_first must be False (normalisation comes after the residual addition), not True",
            {"norm_first": True},
        ),
        (
            ValueError,
            "architectures must be of BertModel, BertForMaskedLM, BertForPreTraining, "
            "BertForSequenceClassification, not 'BertForTokenClassification'",
            {"architectures": ["BertForTokenClassification"]},
        ),
        (
            ValueError,
            "embedding_size of a BERT must be its hidden_size (32), not 16",
            {"embedding_size": 16},
        ),
        (ValueError, "num_hidden_layers must be at least 1, not 0", {"num_hidden_layers": 0}),
        (TypeError, "vocab_size must be an int, not True", {"vocab_size": True}),
        (
            ValueError,
            "hidden_size must be a multiple of num_attention_heads (2), not 33",
            {"hidden_size": 33},
        ),
        (TypeError, "attention_head_size must be an int, not 4.0", {"attention_head_size": 4.0}),
        (TypeError, "attention_head_size must be an int, not True", {"attention_head_size": True}),
        (ValueError, "attention_head_size must be at least 1, not 0", {"attention_head_size": 0}),
        (
            ValueError,
            "attention_head_size times num_attention_heads (2) must be at most hidden_size (32), "
            "not 34",
            {"attention_head_size": 17},
        ),
        (ValueError, "layer_norm_eps must be between 0 and 1, not 0.0", {"layer_norm_eps": 0.0}),
        (
            ValueError,
            "hidden_act must be one of gelu, gelu_python, gelu_new, gelu_pytorch_tanh, "
            "gelu_python_tanh, gelu_fast, gelu_accurate, relu, not 'silu'",
            {"hidden_act": "silu"},
        ),
    ],
)
def test_refusals(error: type[Exception], message: str, changed: dict[str, Any]) -> None:
    with pytest.raises(error) as caught:
        ModelConfig.from_json(json.dumps(BERT | changed))
    assert str(caught.value) == message


@pytest.mark.parametrize("changed", [{}, {"attention_head_size": None}])
def test_heads_of_checkpoints_share_the_hidden_states(changed: dict[str, Any]) -> None:
    config = ModelConfig.from_json(json.dumps(BERT | changed))
    assert (config.attention_head_size, config.head_size, config.attention_size) == (None, 16, 32)
    assert "attention_head_size" not in config.to_json()
    assert ModelConfig.from_json(config.to_json()) == config


def test_heads_of_a_size_of_their_own() -> None:
    """They need not divide the hidden states."""
    changed = {"attention_head_size": 5, "num_attention_heads": 3}
    config = ModelConfig.from_json(json.dumps(BERT | changed))
    assert (config.head_size, config.attention_size, config.hidden_size) == (5, 15, 32)
    assert ModelConfig.from_json(config.to_json()) == config


def test_what_is_no_config() -> None:
    with pytest.raises(ValueError, match=r"^config is not JSON: "):
        ModelConfig.from_json(b"{")
    with pytest.raises(ValueError, match=r"^model_type must be one of albert, bert, not \[\]$"):
        ModelConfig.from_json("[]")
    with pytest.raises(ValueError, match=r"^architectures must be a list, not 'BertModel'$"):
        ModelConfig.from_json(json.dumps(BERT | {"architectures": "BertModel"}))
