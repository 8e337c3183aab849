"""Models small enough to compile in a moment, and machines to run them on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
from alembert.config import FormatPair, IntegerFormat, TernaryFormat
from alembert.config.axi import AxiConfig
from alembert.config.machine import MachineConfig
from alembert.config.memory import ScratchpadConfig
from alembert.config.presets import PRESETS
from alembert.config.vmac import VmacArrayConfig, VmacConfig
from alembert_compiler.calibrate import Calibration, calibrate
from alembert_compiler.image import Image
from alembert_compiler.model import Model
from alembert_compiler.model_config import ModelConfig
from alembert_compiler.tensor_names import PARTS, tensor_shapes
from alembert_golden.machine import Machine, RunResult
from numpy.typing import ArrayLike, NDArray

__all__ = ["BERT", "CONFIG", "MACHINES", "TOKENS", "calibration_of", "random_model", "run"]

CONFIG = ModelConfig(
    model_type="albert",
    vocab_size=23,
    embedding_size=12,
    hidden_size=32,
    num_hidden_layers=3,
    num_attention_heads=2,
    intermediate_size=52,
    max_position_embeddings=21,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
    hidden_act="gelu",
)
BERT = replace(CONFIG, model_type="bert", embedding_size=CONFIG.hidden_size)
"""A layer for each pass."""
TOKENS = np.random.default_rng(3).integers(0, CONFIG.vocab_size, (4, 13))
"""Sentences to calibrate with, and to run."""


def random_model(
    config: ModelConfig = CONFIG,
    parts: Collection[str] = PARTS[:2],
    *,
    classes: int = 2,
    seed: int = 5,
) -> Model:
    """Weights about as large as trained ones: products keep the size of what goes in."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in tensor_shapes(config, parts, classes=classes).items():
        width = shape[-1] if len(shape) == 2 and "embeddings" not in name else 9
        tensors[name] = rng.normal(size=shape) / np.sqrt(width)
        if name.endswith(("LayerNorm.weight", "layer_norm.weight")):
            tensors[name] += 1.0
        tensors[name] = tensors[name].astype(np.float32)
    return Model(config, tensors)


def calibration_of(model: Model, **options: Any) -> Calibration:
    """From the sentences above."""
    return calibrate(model, [TOKENS], **options)


def _machine(preset: str, word_width: int, words: int) -> MachineConfig:
    return MachineConfig(
        main=PRESETS[preset].main_array,
        scratchpad=ScratchpadConfig(word_width=word_width, words=words, banks=8),
        axi=AxiConfig(data_width=32 if word_width == 32 else 64),
    )


def _ternary() -> MachineConfig:
    """Lanes of four words for ternary weights, and an array of its own for activations."""
    ternary = FormatPair(activation=IntegerFormat(), weight=TernaryFormat())
    integers = FormatPair(activation=IntegerFormat(), weight=IntegerFormat())
    return replace(
        _machine("edge16_int8", 128, 8192),
        main=VmacArrayConfig(vmac=VmacConfig(pair=ternary, lanes=64), vmacs=16),
        attention=VmacArrayConfig(vmac=VmacConfig(pair=integers, lanes=16), vmacs=8),
    )


MACHINES = {
    "tiny": _machine("tiny", 32, 8192),
    "edge16": _machine("edge16", 128, 8192),
    "edge16_int8": _machine("edge16_int8", 128, 8192),
    "ternary": _ternary(),
}


def run(
    machine: MachineConfig,
    image: Image,
    token_ids: NDArray[np.int64],
    targets: ArrayLike = (),
    *,
    threshold: float = 0.0,
    **options,
) -> RunResult:
    """An image on the golden machine; ``threshold`` in nats. No sentence may fault."""
    places = np.asarray(targets)
    if places.size:
        places = np.broadcast_to(places, (len(token_ids), places.shape[-1]))
    result = Machine(machine).run(
        image.data,
        image.input_bytes(token_ids, places),
        program=image.program,
        length=token_ids.shape[1],
        targets=max(places.shape[-1], 1),
        threshold=round(threshold * 65536),
        output_bytes=image.output_words * image.word_bytes,
        scratch_bytes=image.scratch_words * image.word_bytes,
        **options,
    )
    assert not any(result.fault), result.reason
    return result
