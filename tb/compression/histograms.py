"""The same batches through an observer and through ONNX Runtime's collector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from alembert_compression.histogram import Histogram, Observer
from onnxruntime.quantization.calibrate import HistogramCollector

__all__ = ["collected", "draws", "observed"]


def observed(*batches: Any, bins: int = 2048) -> Histogram:
    observer = Observer(bins=bins)
    for batch in batches:
        observer.observe(batch)
    return observer.histogram


def collected(*batches: Any, bins: int = 2048) -> tuple[Any, HistogramCollector]:
    """ONNX Runtime's histogram: counts, edges, least, largest, reach."""
    collector = HistogramCollector("entropy", False, bins, 128, 99.99, "same")
    for batch in batches:
        collector.collect_value({"x": np.asarray(batch, dtype=np.float64)})
    return collector.get_histogram_dict()["x"], collector


def draws(seed: int) -> list[np.ndarray]:
    """Batches of growing reach, of the shapes that activations have."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 400, 4)
    kinds: list[Callable[[int], np.ndarray]] = [
        lambda n: rng.normal(size=n),
        lambda n: rng.standard_t(3, size=n),
        lambda n: np.abs(rng.normal(size=n)),
        lambda n: rng.normal(size=n) * (rng.random(n) < 0.2),
        lambda n: -rng.exponential(size=n),
        lambda n: np.append(rng.normal(size=n), 40.0),
        lambda n: rng.integers(-3, 9, n) / 4,
        np.zeros,
    ]
    kind = kinds[seed % len(kinds)]
    return [kind(int(size)) * scale for size, scale in zip(sizes, (1.0, 0.5, 1.7, 2.2))]
