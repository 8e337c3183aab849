"""Small models whose linear layers are given as codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from alembert_compiler.model import Model
from alembert_compiler.model_config import ModelConfig
from alembert_compiler.tensor_names import PARTS
from compiler.compiled_models import CONFIG, random_model
from numpy.typing import NDArray

__all__ = ["OFF_RAMPS", "coded_tensors", "float_tensors"]

OFF_RAMPS = (PARTS[0], PARTS[4])


def float_tensors(model: Model) -> dict[str, NDArray[Any]]:
    """All of a model's, as a checkpoint has them."""
    found: dict[str, NDArray[Any]] = {}
    model.map_tensors(found.setdefault)
    return found


def coded_tensors(
    config: ModelConfig = CONFIG,
    *,
    largest: int = 1,
    per_channel: bool = False,
    parts: tuple[str, ...] = OFF_RAMPS,
) -> dict[str, NDArray[Any]]:
    """A checkpoint whose linear layers are codes −largest…largest with scales that no rule would
    derive from them."""
    rng = np.random.default_rng(9)
    tensors = float_tensors(random_model(config, parts, classes=3))
    for name, values in list(tensors.items()):
        is_linear = values.ndim == 2 and name.replace(".weight", ".bias") in tensors
        if not is_linear:
            continue
        codes = np.clip(np.rint(rng.normal(size=values.shape) * 0.6 * largest), -largest, largest)
        size = float(np.abs(values).mean() / np.abs(codes).mean())
        shape = values.shape[:1] if per_channel else ()
        tensors[name] = codes.astype(np.int8)
        # few bits, so that codes times scale are exact in float32, too
        scale = np.rint(size * rng.uniform(0.7, 1.3, shape) * 4096) / 4096
        tensors[f"{name}_scale"] = np.asarray(scale, dtype=np.float32)
    return tensors
