"""Entropies in nats, and as registers hold them."""

from __future__ import annotations

import math

from alembert.config.early_exit import EntropyConfig

__all__ = ["from_register", "to_register"]

_ONE = 1 << EntropyConfig.ENTROPY_FRACTION
_LARGEST = (1 << EntropyConfig.ENTROPY_WIDTH) - 1


def from_register(value: int) -> float:
    """Nats of a register's number."""
    return value / _ONE


def to_register(threshold: float) -> int:
    """The register's number of a threshold in nats.

    Raises
    ------
    ValueError
        It is not finite, negative, or more than the register holds.
    """
    if not (math.isfinite(threshold) and 0 <= round(threshold * _ONE) <= _LARGEST):
        raise ValueError(
            f"threshold must be between 0 and {from_register(_LARGEST):g} nats, not {threshold}"
        )
    return round(threshold * _ONE)
