"""A machine, and images for it, that are simulated in a moment."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from alembert.config.isa import INSTRUCTION_BYTES, Instruction, Opcode
from alembert.config.machine import MachineConfig
from alembert.config.presets import PRESETS
from alembert_compiler.assembler import to_bytes
from alembert_compiler.classifier import Classifier
from alembert_compiler.compile import compile_model
from alembert_compiler.image import Image
from alembert_compiler.model import Model
from alembert_compiler.tensor_names import PARTS
from alembert_runtime import MemoryRange
from compiler.compiled_models import BERT, CONFIG, TOKENS, calibration_of, random_model
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "MACHINE",
    "MEMORY",
    "TOKENS",
    "classifier_image",
    "far_reaching_image",
    "image_with_spans",
    "masked_image",
    "patched",
    "pooled_image",
    "value_image",
]

MACHINE: MachineConfig = PRESETS["tiny"].machine
MEMORY = MemoryRange(0x2_1000, 1 << 18)
"""Not from 0 on, and no more than is needed."""


@cache
def masked_image(max_length: int = 16) -> Image:
    """Off-ramps that tell which token is hidden; states are kept."""
    model = random_model()
    return compile_model(
        model,
        MACHINE,
        calibration_of(model),
        max_length=max_length,
        max_targets=5,
        keep_hidden=True,
    )


@cache
def classifier_image() -> Image:
    """Off-ramps that classify the sentence, one for each pass."""
    model = random_model()
    rng = np.random.default_rng(8)
    layers = [
        (rng.normal(size=(CONFIG.hidden_size, 5)), rng.normal(size=5))
        for _ in range(CONFIG.num_hidden_layers)
    ]
    return compile_model(
        model, MACHINE, calibration_of(model), max_length=16, head=Classifier(layers)
    )


@cache
def pooled_image() -> Image:
    """A layer for each pass, heads that see only some tokens, and a classifier behind a pooler."""
    return image_with_spans(random_model(BERT, PARTS[:4], classes=5), [[3, 0], [0, 2], [5, 9]])


@cache
def far_reaching_image() -> Image:
    """Scores beyond 64, inputs of GELU beyond 16 and logits beyond 32: all are read shifted."""

    def enlarge(name: str, tensor: NDArray) -> NDArray:
        factors = {"attention.self.query.weight": 40, "intermediate.dense.weight": 10}
        factors |= {"classifier.weight": 60}
        return tensor * next((by for part, by in factors.items() if part in name), 1)

    model = random_model(BERT, PARTS[:4], classes=5).map_tensors(enlarge)
    image = compile_model(model, MACHINE, calibration_of(model), max_length=16, head="classifier")
    code = image.program_code
    for opcode in (Opcode.SOFTMAX, Opcode.GELU, Opcode.ENTROPY):
        assert max(each["a_shift"] for each in code if each.opcode is opcode) > 0
    return image


@cache
def value_image() -> Image:
    """One output behind a pooler: a value, not a class."""
    model = random_model(BERT, (PARTS[0], *PARTS[2:4]), classes=1)
    return compile_model(model, MACHINE, calibration_of(model), max_length=16, head="classifier")


def image_with_spans(model: Model, spans: ArrayLike) -> Image:
    """Of a classifier, with the hidden states kept."""
    return compile_model(
        model,
        MACHINE,
        calibration_of(model, spans=spans),
        max_length=16,
        head="classifier",
        spans=spans,
        keep_hidden=True,
    )


def patched(image: Image, opcode: Opcode, **operands: int) -> tuple[Image, int]:
    """The image with other operands in its first instruction of a kind, and that one's number."""
    code = image.program_code
    number = next(k for k, each in enumerate(code) if each.opcode is opcode)
    changed = to_bytes([Instruction(opcode, {**code[number].operands, **operands})])
    start = image.program * image.word_bytes + number * INSTRUCTION_BYTES
    data = bytes(image.data)
    data = data[:start] + changed + data[start + len(changed) :]
    return replace(image, data=data), number
