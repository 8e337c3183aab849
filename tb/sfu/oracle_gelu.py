"""GELU in float64 and the worst error of golden over every input."""

from __future__ import annotations

import math

import numpy as np
from alembert.config.gelu import GeluConfig, GeluForm
from alembert_golden.gelu import gelu
from numpy.typing import NDArray

__all__ = ["all_inputs", "exact_gelu", "max_gelu_error"]


def all_inputs(config: GeluConfig) -> NDArray[np.int64]:
    """Every value of the format."""
    return np.arange(config.min_value, config.max_value + 1)


def exact_gelu(x: NDArray[np.float64], form: GeluForm) -> NDArray[np.float64]:
    """The definition, in float64."""
    if form is GeluForm.ERF:
        return np.array([t / 2 * math.erfc(-t / math.sqrt(2)) for t in x.tolist()])
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def max_gelu_error() -> float:
    """The largest |y − gelu(x)| / max(1, |x|) of the default format, in either form."""
    worst = 0.0
    for form in GeluForm:
        config = GeluConfig(form=form)
        values, unit = all_inputs(config), 2.0**-config.fraction
        x = values.astype(np.float64) * unit
        error = np.abs(gelu(values, config) * unit - exact_gelu(x, form))
        worst = max(worst, float((error / np.maximum(1, np.abs(x))).max()))
    return worst
