"""How far every head of every pass sees: keys at a distance of at least its span are masked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import CompileError
from .model_config import ModelConfig

__all__ = ["Spans", "head_spans", "visible_keys"]

Spans = tuple[tuple[int, ...], ...]
"""By layer, then by head; 0: the head sees all tokens."""


def head_spans(config: ModelConfig, spans: ArrayLike | None) -> Spans:
    """The span of every head of every layer with weights of its own.

    Parameters
    ----------
    config : ModelConfig
    spans : array of int, [heads] or [layers, heads], optional
        Tokens; a head of span n sees n − 1 of them on either side of its own, one of span 0 all.
        Those of one layer count for all.

    Raises
    ------
    CompileError
        There are too many or too few, or one is out of its range.
    """
    layers, heads = config.num_layers, config.num_attention_heads
    if spans is None:
        return ((0,) * heads,) * layers
    given: NDArray[Any] = np.asarray(spans)
    if given.shape not in ((heads,), (layers, heads)):
        raise CompileError(
            f"spans must be of shape ({heads},) or ({layers}, {heads}), not {given.shape}"
        )
    longest = config.max_position_embeddings
    if given.dtype.kind not in "iu":
        raise CompileError(f"spans must be ints, not {given.dtype}")
    if given.min() < 0 or given.max() > longest:
        raise CompileError(
            f"spans must be between 0 and {longest}, not {given.min()}…{given.max()}"
        )
    rows = np.broadcast_to(given, (layers, heads))
    return tuple(tuple(int(span) for span in row) for row in rows)


def visible_keys(spans: tuple[int, ...], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which keys every query of every head sees.

    Parameters
    ----------
    spans : tuple of int
        By head.
    mask : array of bool, [..., T]
        Tokens that are no padding.

    Returns
    -------
    array of bool, broadcast against [..., heads, T, T]
    """
    visible = mask[..., None, None, :]
    if not any(spans):
        return visible
    length = mask.shape[-1]
    distance = np.abs(np.arange(length)[:, None] - np.arange(length))
    reach = np.array([span or length for span in spans])[:, None, None]
    # padding sees itself, so that there is something to see
    return visible & (distance < reach) | (distance == 0)
