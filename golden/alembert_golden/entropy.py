"""The early-exit comparator: entropy of logits against a threshold, exact in integers.

With m = max x, d = x − m ≤ 0, S = Σ e^d and W = Σ d·e^d the entropy is H = ln S − W/S, and
H < T exactly where S·(ln S − T) < W: the decision needs no division.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from alembert.config.checks import require_between
from alembert.config.early_exit import EntropyConfig, EntropyFault
from numpy.typing import ArrayLike, NDArray

from .exponential import exponential_table
from .logarithm import logarithm

__all__ = ["EntropyResult", "entropy"]

_DEFAULT = EntropyConfig()


@dataclass(frozen=True, kw_only=True)
class EntropyResult:
    """What the comparator makes of each row; all arrays are [rows].

    Where ``fault`` is set everything else but ``num_classes`` is 0.

    Parameters
    ----------
    exit : array of bool
        H < T, strictly.
    argmax : array of int64
        Class of the largest logit, the first of equals.
    max_logit : array of int64
        The largest logit, not shifted.
    entropy : array of int64
        ln S + floor(−W/S) with ``ENTROPY_FRACTION`` fraction bits, in nats. The floor makes
        ``entropy < threshold`` the decision itself.
    S : array of int64
        Σ e^d with ``EXP_FRACTION`` fraction bits.
    W : array of int64
        Σ d·e^d ≤ 0 with ``logit_fraction`` + ``EXP_FRACTION`` fraction bits.
    num_classes : int
        Logits of a row, at most ``max_classes`` + 1, which stands for any number too many.
    fault : EntropyFault
        Of all the rows, for they have the same number of logits.
    """

    exit: NDArray[np.bool_]
    argmax: NDArray[np.int64]
    max_logit: NDArray[np.int64]
    entropy: NDArray[np.int64]
    S: NDArray[np.int64]
    W: NDArray[np.int64]
    num_classes: int
    fault: EntropyFault


def entropy(
    logits: ArrayLike,
    threshold: ArrayLike = 0,
    config: EntropyConfig = _DEFAULT,
    *,
    shift: int = 0,
) -> EntropyResult:
    """Evaluate rows of logits.

    Parameters
    ----------
    logits : array of int64, [rows, classes]
        Signed, ``config.logit_fraction`` fraction bits; any number of classes, one or more.
    threshold : int or array of int64, [rows]
        T in nats with ``config.ENTROPY_FRACTION`` fraction bits, unsigned.
    shift : int
        0…7: the logits are x / 2^``shift``, for those that reach further than
        ``config.logit_width`` bits do; d is shifted back, exactly.

    Raises
    ------
    ValueError
        The logits are not two-dimensional, a row is empty, or a logit, a threshold or the shift
        lies outside its range.
    """
    require_between("shift of logits", shift, 0, (1 << config.SHIFT_WIDTH) - 1)
    logits = np.asarray(logits, dtype=np.int64)
    _check(logits, config)
    rows, num_classes = logits.shape
    threshold = np.broadcast_to(np.asarray(threshold, dtype=np.int64), (rows,))
    if rows and (threshold.min() < 0 or threshold.max() > config.threshold_max):
        raise ValueError(
            f"threshold must be between 0 and {config.threshold_max}, "
            f"not {threshold.min()}…{threshold.max()}"
        )
    if num_classes < 2:
        return _faulted(rows, num_classes, EntropyFault.TOO_FEW_CLASSES)
    if num_classes > config.max_classes:
        return _faulted(rows, config.max_classes + 1, EntropyFault.TOO_MANY_CLASSES)
    argmax = logits.argmax(axis=1)
    max_logit = logits.max(axis=1)
    table = exponential_table(config)
    distance = np.minimum((max_logit[:, None] - logits) << shift, len(table) - 1)
    exp = table[distance]
    total = exp.sum(axis=1)
    weighted = np.einsum("rc,rc->r", distance, exp)
    log = logarithm(total, config)
    scaled = weighted << config.weighted_shift
    return EntropyResult(
        exit=total * (log - threshold) < -scaled,
        argmax=argmax,
        max_logit=max_logit,
        entropy=log + scaled // total,
        S=total,
        W=-weighted,
        num_classes=num_classes,
        fault=EntropyFault.NONE,
    )


def _check(logits: NDArray[np.int64], config: EntropyConfig) -> None:
    if logits.ndim != 2 or logits.shape[1] == 0:
        raise ValueError(f"logits must be [rows, classes], not of shape {logits.shape}")
    if logits.size and (logits.min() < config.logit_min or logits.max() > config.logit_max):
        raise ValueError(
            f"logits must be between {config.logit_min} and {config.logit_max}, "
            f"not {logits.min()}…{logits.max()}"
        )


def _faulted(rows: int, num_classes: int, fault: EntropyFault) -> EntropyResult:
    zeros = np.zeros(rows, dtype=np.int64)
    return EntropyResult(
        exit=np.zeros(rows, dtype=np.bool_),
        argmax=zeros,
        max_logit=zeros,
        entropy=zeros,
        S=zeros,
        W=zeros,
        num_classes=num_classes,
        fault=fault,
    )
