"""A trained model as a folder that needs no torch: config.json, model.safetensors."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from .albert import Albert

__all__ = ["save_model"]


def save_model(model: Albert, folder: Path) -> None:
    """Write what :func:`alembert_compiler.load_model.load_model` reads; float32 as trained.

    Weights are those that training holds, before a scheme rounds them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = asdict(model.config) | {"architectures": ["AlbertForSequenceClassification"]}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tensors = {
        name: np.ascontiguousarray(values.detach().numpy())
        for name, values in model.tensors().items()
    }
    save_file(tensors, folder / "model.safetensors")
