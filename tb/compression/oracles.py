"""GPTQ as llmcompressor has it, in float64 unless asked for its own float32.

Of that package two files are wanted, which need torch and compressed-tensors; what the packages
around them import when they are imported themselves (data sets, trainers) is not, so that those
stand in as bare folders.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["oracle_gptq", "oracle_hessian"]

os.environ["TORCHDYNAMO_DISABLE"] = "1"


def _load(*names: str) -> list[Any]:
    if (spec := find_spec("llmcompressor")) is None or spec.origin is None:
        raise ModuleNotFoundError("llmcompressor is not installed", name="llmcompressor")
    packages = ("llmcompressor", "llmcompressor.modifiers", "llmcompressor.modifiers.gptq")
    for package in packages:
        sys.modules[package] = shell = ModuleType(package)
        shell.__path__ = [str(Path(spec.origin).parent.joinpath(*package.split(".")[1:]))]
    try:
        return [importlib.import_module(f"{packages[-1]}.{name}") for name in names]
    finally:  # whoever else looks for the package must not find a bare folder
        for package in packages:
            del sys.modules[package]


torch: Any = importlib.import_module("torch")
_QUANTIZATION: Any = importlib.import_module("compressed_tensors.quantization")
_HELPERS, _GPTQ = _load("helpers", "gptq_quantize")


def _set_precision(precision: str) -> None:
    _HELPERS.GPTQ_PRECISION = _GPTQ.GPTQ_PRECISION = getattr(torch, precision)


def oracle_gptq(
    weights: NDArray[np.float64],
    hessian: NDArray[np.float64],
    scale: NDArray[np.float64],
    zero: NDArray[np.int64],
    *,
    width: int,
    symmetric: bool,
    group_size: int | None = None,
    act_order: bool = False,
    damping: float = 0.01,
    block_size: int = 128,
    precision: str = "float64",
) -> NDArray[np.float64]:
    """Rounded weights [K, N] at scales and zero points [1 or groups, N]."""
    _set_precision(precision)
    arguments = _QUANTIZATION.QuantizationArgs(
        num_bits=width,
        symmetric=symmetric,
        strategy="channel" if group_size is None else "group",
        group_size=group_size,
        actorder="weight" if act_order else None,
    )
    rounded, _, fallback = _GPTQ.quantize_weight(
        torch.tensor(weights.T[np.newaxis].astype(precision)),
        torch.tensor(hessian[np.newaxis].astype(precision)),
        torch.tensor(scale.T[np.newaxis].astype(precision)),
        torch.tensor(zero.T[np.newaxis].copy()),
        None,
        arguments,
        blocksize=block_size,
        percdamp=damping,
    )
    assert not fallback.any()
    return rounded[0].numpy().T


def oracle_hessian(batches: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Σ 2·x·xᵀ over all rows."""
    _set_precision("float64")
    K = batches[0].shape[-1]
    layer = torch.nn.Linear(K, 1)
    hessian, count = torch.zeros((K, K), dtype=torch.float64), torch.zeros(())
    for batch in map(np.atleast_2d, batches):
        hessian, count = _HELPERS.accumulate_hessian(torch.tensor(batch), layer, hessian, count)
    return hessian.numpy()
