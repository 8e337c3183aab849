"""A trained model as a folder that needs no torch: config.json, model.safetensors."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from alembert.files import write_files
from alembert_compiler.coded_weight import SCALE
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor, nn

from .albert import Albert

__all__ = ["CODED_SCHEMES", "save_model"]

CODED_SCHEMES = ("ternary", "binary")
"""Whose weights are codes times one scale: deriving the scale again would give another."""
_LEAST = 1e-5
"""Scale of a matrix of zeros; as of :mod:`alembert_train.schemes`."""


def save_model(model: Albert, folder: Path) -> None:
    """Write what :func:`alembert_compiler.load_model.load_model` reads.

    Weights of linear layers trained in one of :data:`CODED_SCHEMES` are written as the forward
    pass used them: codes −1, 0, 1 in int8, and their one scale in float32 behind the name's
    ``_scale``. All else is float32 as training holds it, before a scheme rounds it.

    Raises
    ------
    ValueError
        A weight is not finite, or what the scheme makes of one is not −1, 0, 1 times a scale.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {name: value for name, value in asdict(model.config).items() if value is not None}
    config |= {"architectures": ["AlbertForSequenceClassification"]}
    tensors: dict[str, NDArray[Any]] = {
        name: np.ascontiguousarray(values.detach().numpy())
        for name, values in model.tensors().items()
    }
    if model.scheme.name in CODED_SCHEMES:
        for name, rounded in _rounded_weights(model).items():
            tensors |= _coded(name, rounded)
    write_files(
        {
            folder / "config.json": json.dumps(config, indent=2) + "\n",
            folder / "model.safetensors": save(tensors),
        }
    )


def _rounded_weights(model: Albert) -> dict[str, Tensor]:
    """Weights of linear layers as the forward pass uses them, by their names in the checkpoint."""
    names = {id(values): name for name, values in _parameters(model).items()}
    with torch.no_grad():
        return {
            names[id(part.weight)]: model.scheme.weight(model.changed(part, "weight"))
            for part in model.modules()
            if isinstance(part, nn.Linear)
        }


def _parameters(model: Albert) -> dict[str, Tensor]:
    """The parameters themselves, by the names that :meth:`Albert.tensors` gives their values."""
    own = dict(model.named_parameters())
    return dict(zip(model.tensors(), (own[name] for name in model.state_dict()), strict=True))


def _coded(name: str, rounded: Tensor) -> dict[str, NDArray[Any]]:
    largest = rounded.abs().max()
    scale = torch.where(largest > 0, largest, torch.tensor(_LEAST))
    codes = rounded.sign()
    if not torch.equal(codes * scale, rounded):
        raise ValueError(f"{name} must be −1, 0 and 1 times one scale to be written as codes")
    return {
        name: codes.to(torch.int8).numpy(),
        f"{name}{SCALE}": np.asarray(scale.numpy(), dtype=np.float32),
    }
