"""Matrix unit: a product of any M, K, N, and the beats in which it crosses the streams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from alembert.config import VmacArrayConfig
from numpy.typing import ArrayLike, NDArray

from .postprocess import ChannelParameters, postprocess
from .vmac import accumulate

__all__ = ["MatmulBeats", "matmul", "matmul_beats", "pass_cycles"]


@dataclass(frozen=True, kw_only=True)
class MatmulBeats:
    """What crosses each stream of the matrix unit for one product, beat by beat.

    Parameters
    ----------
    command : tuple of int
        M, K, N.
    weights : array [beats, V]
        Weight codes.
    activations : array [beats, V]
        Activation codes.
    channels : array [beats]
        Which channel's parameters.
    results : array [beats, C]
        The bits of results, unsigned: a wide number's 16, or a code's with zeros above them.
        Channels beyond N are 0.
    """

    command: tuple[int, int, int]
    weights: NDArray[np.int64]
    activations: NDArray[np.int64]
    channels: NDArray[np.int64]
    results: NDArray[np.int64]


def matmul(
    activations: ArrayLike,
    weights: ArrayLike,
    parameters: ChannelParameters,
    config: VmacArrayConfig,
) -> NDArray[np.int64]:
    """Results [M, N] of activation codes [M, K] and weight codes [K, N].

    Raises
    ------
    ValueError
        Shapes, codes or parameters are not what the unit takes.
    """
    sums = accumulate(activations, weights, config.vmac.pair, max_depth=config.vmac.max_depth)
    return postprocess(sums, parameters, config)


def matmul_beats(
    activations: ArrayLike,
    weights: ArrayLike,
    parameters: ChannelParameters,
    config: VmacArrayConfig,
) -> MatmulBeats:
    """A product as the streams see it: blocks of R rows, tiles of C channels, passes of V terms."""
    a = np.asarray(activations, dtype=np.int64)
    w = np.asarray(weights, dtype=np.int64)
    widths = np.where(parameters.wide, config.RESULT_WIDTH, config.vmac.pair.activation.width)
    result = matmul(a, w, parameters, config) & ((1 << widths) - 1)
    (M, K), N = a.shape, w.shape[1]
    V, C, R = config.vmac.lanes, config.vmacs, config.vmac.rows
    a = np.pad(a, ((0, 0), (0, -K % V)))
    w = np.pad(w, ((0, -K % V), (0, 0)))
    padded_result = np.pad(result, ((0, 0), (0, -N % C)))
    passes = range(0, K, V)
    weight_beats, activation_beats, channel_beats, result_beats = [], [], [], []
    for m in range(0, M, R):
        for n in range(0, N, C):
            weight_beats += [w[k : k + V, n : min(n + C, N)].T for k in passes]
            activation_beats += [a[m : m + R, k : k + V] for k in passes]
            channel_beats.append(np.arange(n, min(n + C, N)))
            result_beats.append(padded_result[m : m + R, n : n + C])
    return MatmulBeats(
        command=(M, K, N),
        weights=np.concatenate(weight_beats),
        activations=np.concatenate(activation_beats),
        channels=np.concatenate(channel_beats),
        results=np.concatenate(result_beats),
    )


def pass_cycles(rows: int, depth: int, columns: int, config: VmacArrayConfig) -> int:
    """Cycles in which a vector enters the array: what a product takes if nothing ever waits."""
    passes = -(-depth // config.vmac.lanes) * -(-columns // config.vmacs)
    return rows * passes
