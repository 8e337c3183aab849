"""What a model's tensors look like on real sequences: what quantisation is chosen by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .exact_products import gram, multiply
from .model import Model
from .spans import Spans, head_spans

__all__ = ["Calibration", "Statistics", "calibrate"]

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_MOMENTS = frozenset(
    {
        *("embeddings", "hidden", "context", "ffn_input", "ffn_intermediate"),
        *("head_input", "head_normalised", "pooler_input"),
    }
)
"""What linear layers read: their rounding is chosen by which inputs go together."""
_SQUARES = frozenset({"scores", "probabilities"})
"""[…, heads, T, T]: a head is what other tensors' channel is."""


@dataclass(kw_only=True)
class Statistics:
    """A tensor over all that was seen of it; C channels.

    Parameters
    ----------
    low, high : array [C]
        The least and the largest value of every channel.
    samples : array [n, C]
        Some of its rows.
    """

    low: Float64
    high: Float64
    samples: NDArray[np.float32]
    _rows: int = 0
    _total: Float64 = field(default_factory=lambda: np.zeros(0))
    _products: Float64 = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def largest(self) -> Float64:
        """max|x| of every channel."""
        return np.maximum(-self.low, self.high)

    @property
    def mean(self) -> Float64:
        """The mean of every channel; of inputs of linear layers alone."""
        return self._total / max(self._rows, 1)

    @property
    def covariance(self) -> Float64:
        """[C, C], the mean product of two channels' distances from their means; as ``mean``."""
        varies = self.high > self.low  # of a constant only rounding would be left
        found = self._products / max(self._rows, 1) - np.outer(self.mean, self.mean)
        return np.where(np.outer(varies, varies), found, 0.0)

    def minus(self, offset: ArrayLike) -> Statistics:
        """The statistics of the tensor less a constant row."""
        row = np.asarray(offset, dtype=np.float64)
        shifted = Statistics(
            low=self.low - row, high=self.high - row, samples=self.samples - row.astype(np.float32)
        )
        if self._rows:
            mean = self.mean - row
            shifted._rows, shifted._total = self._rows, mean * self._rows
            shifted._products = (self.covariance + np.outer(mean, mean)) * self._rows
        return shifted

    def scaled(self, factor: ArrayLike) -> Statistics:
        """The statistics of the tensor times a positive row."""
        row = np.asarray(factor, dtype=np.float64)
        scaled = Statistics(
            low=self.low * row, high=self.high * row, samples=self.samples * row.astype(np.float32)
        )
        if self._rows:
            scaled._rows, scaled._total = self._rows, self._total * row
            scaled._products = self._products * row[:, np.newaxis] * row
        return scaled


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Statistics of the tensors of a model.

    Parameters
    ----------
    tensors : mapping of str to Statistics
        By the names of ``Model.forward``'s tap; "head_input" and "pooler_input" (of token 0
        alone) beside them, behind which ".n" stands likewise, and "logits". Of "scores" and
        "probabilities" the channels are the heads.
    longest : int
        Tokens of the longest sequence seen.
    occurs : array of bool, [vocabulary]
        Which token ids were seen.
    spans : Spans
        How far heads saw.
    """

    tensors: Mapping[str, Statistics]
    longest: int
    occurs: NDArray[np.bool_]
    spans: Spans

    def __getitem__(self, name: str) -> Statistics:
        return self.tensors[name]

    def of_pass(self, index: int) -> Calibration:
        """The same by the names without numbers: "hidden" enters the pass, "output" leaves it."""
        if "hidden" in self.tensors:  # all passes share a layer
            return replace(self, tensors={**self.tensors, "output": self.tensors["hidden"]})
        own = {"output": self.tensors[f"hidden.{index + 1}"]}
        for name, seen in self.tensors.items():
            stem, _, number = name.partition(".")
            if number in ("", str(index)):
                own[stem] = seen
        return replace(self, tensors=own)


class _Recorder:
    """A tap that changes nothing."""

    def __init__(self, rows_kept: int) -> None:
        self._rows_kept = rows_kept
        self._samples: dict[str, list[NDArray[np.float32]]] = {}
        self._seen: dict[str, Statistics] = {}

    def __call__(self, name: str, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        rows, stem = tensor, name.partition(".")[0]
        if stem in _SQUARES:
            rows = np.moveaxis(rows, -3, -1)
        rows = rows.reshape(-1, rows.shape[-1])
        if not np.isfinite(rows).all():
            raise ValueError(f"{name} of a calibration sequence holds NaN or infinity")
        # rows at equal distances, which are no multiple of anything in particular
        some = (np.arange(self._rows_kept) * 0.6180339887 % 1 * len(rows)).astype(np.int64)
        self._samples.setdefault(name, []).append(rows[np.unique(some)])
        low, high = rows.min(axis=0).astype(np.float64), rows.max(axis=0).astype(np.float64)
        known = self._seen.get(name)
        if known is None:
            known = Statistics(low=low, high=high, samples=rows[:0])
            if stem in _MOMENTS:
                width = rows.shape[1]
                known._total, known._products = np.zeros(width), np.zeros((width, width))
            self._seen[name] = known
        known.low, known.high = np.minimum(known.low, low), np.maximum(known.high, high)
        if stem in _MOMENTS:
            known._rows += len(rows)
            known._total += rows.sum(axis=0, dtype=np.float64)
            known._products += gram(rows)
        return tensor

    def finish(self) -> Mapping[str, Statistics]:
        for name, statistics in self._seen.items():
            statistics.samples = np.concatenate(self._samples[name])
        return MappingProxyType(self._seen)


def calibrate(
    model: Model,
    sequences: Iterable[ArrayLike],
    *,
    targets: Sequence[ArrayLike] | None = None,
    spans: ArrayLike | None = None,
    rows_kept: int = 64,
) -> Calibration:
    """Statistics of every tensor of a model on token sequences.

    Parameters
    ----------
    model : Model
    sequences : iterable of array of int, [T] or [B, T]
        Token ids.
    targets : sequence of array of bool, optional
        For every sequence, of the same shape: the tokens that the masked-language head is asked
        about; all of them otherwise.
    spans : array of int, optional
        How far heads see; see :func:`alembert_compiler.spans.head_spans`.
    rows_kept : int
        Rows of a tensor that are kept each time it is seen.

    Raises
    ------
    ValueError
        There are no sequences, the model refuses one (too long, unknown tokens), a mask of
        targets has another shape or is empty, spans do not suit the heads, or a tensor holds NaN
        or infinity.
    """
    recorder = _Recorder(rows_kept)
    longest, occurs = 0, np.zeros(len(model.word_embeddings), dtype=bool)
    for index, sequence in enumerate(sequences):
        ids = np.asarray(sequence)
        hidden = model.forward(ids, spans=spans, tap=recorder, multiply=multiply).hidden[1:]
        longest = max(longest, ids.shape[-1])
        occurs[ids] = True
        asked = np.ones(ids.shape, dtype=bool)
        if targets is not None:
            asked = np.asarray(targets[index] if index < len(targets) else False, dtype=bool)
            if asked.shape != ids.shape or not asked.any():
                raise ValueError(
                    f"targets of calibration sequence {index} must be some of its tokens, "
                    f"a mask of shape {ids.shape}, not {asked.shape}"
                )
        _record_heads(model, hidden, asked, recorder)
    if not longest:
        raise ValueError("calibration needs at least one sequence")
    return Calibration(
        tensors=recorder.finish(),
        longest=longest,
        occurs=occurs,
        spans=head_spans(model.config, spans),
    )


def _record_heads(
    model: Model, hidden: Sequence[Float32], asked: NDArray[np.bool_], recorder: _Recorder
) -> None:
    """What heads read: of all passes together where they share a layer, otherwise of each."""
    states = np.stack([state[asked] for state in hidden])
    first = np.stack([state[..., 0, :] for state in hidden])
    for name, rows in (("head_input", states), ("pooler_input", first)):
        if len(model.layers) == 1:
            recorder(name, rows)
            continue
        for index, of_pass in enumerate(rows):
            recorder(f"{name}.{index}", of_pass)
    if model.decoder is not None:
        recorder("logits", model.logits(states, tap=recorder, multiply=multiply))
