"""A small ALBERT with off-ramps and word pieces, packed in a moment."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from alembert.config.presets import PRESETS
from alembert_compiler.calibrate import calibrate
from alembert_compiler.compile import compile_model
from alembert_compiler.image import Image
from alembert_compiler.tensor_names import PARTS
from alembert_models import PackedModel, pack
from alembert_text.word_pieces import WordPieces
from compiler.compiled_models import CONFIG, random_model

__all__ = ["CLASSES", "LENGTH", "SENTENCES", "image_for", "options", "packed", "pieces"]

CLASSES = ("acq", "crude", "earn", "grain", "ship")
LENGTH = 16
SENTENCES = (
    "oil prices rose after the meeting",
    "wheat and corn shipments fell",
    "the company said net profit rose",
    "the ship carried oil and wheat",
    "shares of the company fell after the offer",
)
_VOCABULARY = 120


@cache
def pieces() -> WordPieces:
    """No more than the model has words."""
    return WordPieces.learn(SENTENCES * 3, _VOCABULARY)


@cache
def image_for(preset: str, *, length: int = LENGTH, classes: int = len(CLASSES)) -> Image:
    """Of a model that knows nothing, for a preset's machine."""
    config = replace(CONFIG, vocab_size=_VOCABULARY)
    model = random_model(config, (PARTS[0], PARTS[4]), classes=classes)
    seen = calibrate(model, pieces().encode_all(SENTENCES, length))
    return compile_model(model, PRESETS[preset].machine, seen, max_length=length, head="classifier")


def options(preset: str = "tiny", **changes: Any) -> dict[str, Any]:
    """Arguments of ``pack``."""
    return {
        "preset": preset,
        "name": "small",
        "classes": CLASSES,
        "pieces": pieces(),
        "variant": "int8" if preset == "edge16_int8" else "adaptivfloat8_3",
        "threshold": 1.0,
        "measured": {"test_accuracy_percent": 20.5, "sentences": 5, "split": "test"},
        "card": "# small\n",
        **changes,
    }


def packed(folder: Path) -> PackedModel:
    """Of one preset."""
    return pack(folder, image_for("tiny"), **options())
