"""GGUF files byte by byte, as the format is described, and BERTs as llama.cpp's converter's."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import libgguf
import numpy as np
from alembert_compiler.model_config import ModelConfig
from numpy.typing import NDArray

__all__ = [
    "array",
    "dequantised",
    "field",
    "gguf_bytes",
    "quantised",
    "tensor",
    "text",
    "write_bert",
]

Float32 = NDArray[np.float32]

_NAMES = {
    "bert.embeddings.word_embeddings": "token_embd",
    "bert.embeddings.position_embeddings": "position_embd",
    "bert.embeddings.token_type_embeddings": "token_types",
    "bert.embeddings.LayerNorm": "token_embd_norm",
    "bert.pooler.dense": "cls",
    "classifier": "cls.output",
}
_LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}


def text(string: str | bytes) -> bytes:
    data = string.encode() if isinstance(string, str) else string
    return struct.pack("<Q", len(data)) + data


def field(key: str | bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def array(kind: int, count: int, elements: bytes) -> bytes:
    return struct.pack("<IQ", kind, count) + elements


def tensor(name: str, dimensions: Sequence[int], kind: int = 0, offset: int = 0) -> bytes:
    """Of the header; the innermost dimension first."""
    numbers = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
    return text(name) + numbers + struct.pack("<IQ", kind, offset)


def gguf_bytes(
    fields: Sequence[bytes] = (),
    tensors: Sequence[bytes] = (),
    data: bytes = b"",
    *,
    version: int = 3,
    counts: tuple[int, int] | None = None,
    alignment: int = 32,
) -> bytes:
    """A file; ``counts`` in place of the true numbers of tensors and metadata."""
    head = b"GGUF" + struct.pack("<IQQ", version, *(counts or (len(tensors), len(fields))))
    head += b"".join([*fields, *tensors])
    return head + bytes(-len(head) % alignment) + data


def _name(name: str) -> str:
    stem, _, end = name.rpartition(".")
    layer = "bert.encoder.layer."
    if stem.startswith(layer):
        number, _, part = stem.removeprefix(layer).partition(".")
        return f"blk.{number}.{_LAYER[part]}.{end}"
    return f"{_NAMES[stem]}.{end}"


def quantised(values: Float32, kind: str) -> NDArray[Any]:
    """By C code written apart."""
    return libgguf.quantize_rows(values, int(gguf.GGMLQuantizationType[kind]))


def dequantised(stored: NDArray[Any], kind: str) -> Float32:
    """Likewise; of types that are not mere floats."""
    return libgguf.dequantize_rows(stored, int(gguf.GGMLQuantizationType[kind]))


def write_bert(
    path: Path,
    config: ModelConfig,
    tensors: Mapping[str, Float32],
    *,
    kind_of: Callable[[str], str] = lambda name: "F32",
    metadata: Callable[[gguf.GGUFWriter], None] = lambda writer: None,
    architecture: str = "bert",
    added: Mapping[str, Float32] | None = None,
) -> None:
    """Tensors by their names in a checkpoint, each as its type; ``added`` by their names here."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.CLS)
    writer.add_token_type_count(config.type_vocab_size)
    writer.add_token_list([f"token {index}" for index in range(config.vocab_size)])
    metadata(writer)
    for name, values in tensors.items():
        kind = kind_of(name)
        stored = quantised(values, kind)
        writer.add_tensor(_name(name), stored, raw_dtype=gguf.GGMLQuantizationType[kind])
    for name, values in (added or {}).items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
