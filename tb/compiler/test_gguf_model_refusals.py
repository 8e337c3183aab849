"""GGUF files that are sound, and of models that are not supported: refused by what they say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from alembert_compiler.load_model import load_model
from compiler.gguf_files import write_bert
from compiler.test_gguf_model import CONFIG, EPSILON, SMALLEST, Tensors, tensors_of

OTHERS = "every token sees all others"
METADATA: dict[str, tuple[Mapping[str, Any], str]] = {
    "another architecture": (
        {"general.architecture": "nomic-bert"},
        "general.architecture must be 'bert', not 'nomic-bert'",
    ),
    "no architecture": (
        {"general.architecture": None},
        "general.architecture must be 'bert', not None",
    ),
    "a decoder": (
        {"bert.attention.causal": True},
        f"bert.attention.causal must be False ({OTHERS}), not True",
    ),
    "slopes": (
        {"bert.attention.max_alibi_bias": 8.0},
        "bert.attention.max_alibi_bias must be 0 (positions are added to the words), not 8.0",
    ),
    "experts": (
        {"bert.expert_count": 8},
        "bert.expert_count must be 0 (one feed-forward network), not 8",
    ),
    "a part": (
        {"split.count": 3},
        "split.count must be 1, or 0 of a merged file (all is in one part), not 3",
    ),
    "rotary positions": (
        {"bert.rope.freq_base": 1e4},
        "positions must be learned, not rotary as of bert.rope.freq_base",
    ),
    "fewer keys than queries": (
        {"bert.attention.head_count_kv": 1},
        "bert.attention.head_count_kv must be 2, as of queries, not 1",
    ),
    "wider heads": (
        {"bert.attention.value_length": 32},
        "bert.attention.value_length must be 16, as of queries, not 32",
    ),
    "missing dimensions": (
        {"bert.block_count": None, EPSILON: None},
        f"metadata lack bert.block_count, {EPSILON}",
    ),
    "heads of every layer": (
        {"bert.attention.head_count": [2, 2, 1]},
        "num_attention_heads must be an int, not [2, 2, 1]",
    ),
    "no heads": (
        {"bert.attention.head_count": 0},
        "num_attention_heads must be at least 1, not 0",
    ),
    "no epsilon": ({EPSILON: np.nan}, "layer_norm_eps must be between 0 and 1, not nan"),
    "an integer for epsilon": ({EPSILON: 1}, "layer_norm_eps must be between 0 and 1, not 1"),
    "an epsilon beyond float32": (
        {EPSILON: 1e300},
        "layer_norm_eps must be between 0 and 1, not 1e+300",
    ),
    "layers without tensors": (
        {"bert.block_count": 0xFFFFFFFF},
        "bert.block_count must be at most the number of tensors (57), not 4294967295",
    ),
}


@pytest.mark.parametrize("case", METADATA)
def test_metadata_that_are_refused(tmp_path: Path, case: str) -> None:
    changes, message = METADATA[case]

    def change(writer: gguf.GGUFWriter) -> None:
        for key, value in changes.items():
            writer.kv_data[0].pop(key, None)
            match value:
                case None:
                    pass
                case bool():
                    writer.add_bool(key, value)
                case int():
                    writer.add_uint32(key, value)
                case float() if value > 1e38:
                    writer.add_float64(key, value)
                case float():
                    writer.add_float32(key, value)
                case str():
                    writer.add_string(key, value)
                case _:
                    writer.add_array(key, value)

    write_bert(tmp_path / "x.gguf", CONFIG, tensors_of(), metadata=change)
    with pytest.raises(ValueError) as caught:
        load_model(tmp_path / "x.gguf")
    assert str(caught.value) == f"x.gguf: {message}"


LAYER = "bert.encoder.layer.2"
TENSORS: dict[str, tuple[Tensors, Tensors, str]] = {
    "missing": (
        {f"{LAYER}.output.dense.weight": np.zeros(0, "f4")},
        {},
        f"checkpoint lacks {LAYER}.output.dense.weight",
    ),
    "no bias of the pooler": (
        {"bert.pooler.dense.bias": np.zeros(0, "f4")},
        {},
        "checkpoint lacks bert.pooler.dense.bias",
    ),
    "more": (
        {},
        {"blk.0.attn_q_norm.weight": np.ones(32, "f4"), "blk.3.ffn_up.bias": np.ones(64, "f4")},
        "checkpoint holds what belongs to no part: blk.0.attn_q_norm.weight, blk.3.ffn_up.bias",
    ),
    "fused": (
        {},
        {"blk.0.attn_qkv.weight": np.ones((96, 32), "f4")},
        "query, key and value must be apart, not joined in blk.0.attn_qkv.weight",
    ),
    "transposed": (
        {f"{LAYER}.intermediate.dense.weight": np.ones((32, 64), "f4")},
        {},
        f"{LAYER}.intermediate.dense.weight must be of shape (64, 32), not (32, 64)",
    ),
    "fewer tokens": (
        {"bert.embeddings.word_embeddings.weight": np.ones((22, 32), "f4")},
        {},
        "bert.embeddings.word_embeddings.weight must be of shape (23, 32), not (22, 32)",
    ),
    "a head of labels behind tanh": (
        {"bert.pooler.dense.weight": np.ones((2, 32), "f4")},
        {},
        "bert.pooler.dense.weight must be of shape (32, 32), not (2, 32)",
    ),
    "NaN": (
        {"classifier.bias": np.array([1, np.nan, 1], "f4")},
        {},
        "classifier.bias holds NaN or infinity",
    ),
}


@pytest.mark.parametrize("case", TENSORS)
def test_tensors_that_are_refused(tmp_path: Path, case: str) -> None:
    changes, added, message = TENSORS[case]
    tensors = {name: x for name, x in (tensors_of() | changes).items() if x.size}
    write_bert(tmp_path / "x.gguf", CONFIG, tensors, added=added)
    with pytest.raises(ValueError) as caught:
        load_model(tmp_path / "x.gguf")
    assert str(caught.value) == f"x.gguf: {message}"


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^none\.gguf is no file$"):
        load_model(tmp_path / "none.gguf")
    folder = tmp_path / "folder.gguf"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"^folder\.gguf must hold config\.json and "):
        load_model(folder)


def test_bytes_of_a_model_s_header_flipped(tmp_path: Path) -> None:
    """A model, or one line that begins with the file's name."""
    path, tensors = tmp_path / "x.gguf", tensors_of(SMALLEST)
    tensors["bert.embeddings.token_type_embeddings.weight"] = np.ones((1, 2), np.float32)
    write_bert(path, SMALLEST, tensors)
    whole = path.read_bytes()
    header = len(whole) - sum(32 * -(-x.nbytes // 32) for x in tensors.values())
    outcomes = set()
    for place in range(0, header, 3):
        changed = bytearray(whole)
        changed[place] ^= 0xFF if place % 2 else 0x01
        path.write_bytes(changed)
        try:
            outcomes.add(load_model(path).config.hidden_size)
        except ValueError as error:
            outcomes.add(0)
            assert str(error).startswith("x.gguf") and len(str(error).splitlines()) == 1
    assert outcomes == {0, SMALLEST.hidden_size}
