"""A linear layer in memory: weights and the parameters of its channels, in streaming order.

For each tile of C columns, C the main array's VMACs: for each pass of V terms, for each channel of
the tile, a *weight beat* of ``MachineConfig.weight_beat_words`` words: code j of w bits in bits
[j·w, (j+1)·w), two's complement, the rest 0; then for each channel of the tile its parameters,
``MachineConfig.channel_words`` words. The last tile has as many channels as are left; a pass's
codes beyond the depth are 0.

====== ================= =====================================================
bits   field
====== ================= =====================================================
0–63   bias              signed
64–95  multiplier        unsigned
96–101 shift
102–111 exponent         signed; for a wide result the right shift
112    relu
113    wide
====== ================= =====================================================
"""

from __future__ import annotations

import numpy as np
from alembert.config import AdaptivFloatFormat, TernaryFormat, VmacArrayConfig
from alembert.config.machine import MachineConfig
from numpy.typing import ArrayLike, NDArray

from .postprocess import ChannelParameters
from .vmac import integers

__all__ = ["linear_words", "pack_linear", "unpack_linear"]

_CHANNEL = np.dtype([("bias", "<i8"), ("multiplier", "<u4"), ("rest", "<u4")])
_EXPONENT_AT, _RELU_AT, _WIDE_AT = 6, 16, 17
_EXPONENT_MASK, _SHIFT_MASK = (1 << VmacArrayConfig.EXPONENT_WIDTH) - 1, 0x3F


def linear_words(depth: int, columns: int, array: VmacArrayConfig, machine: MachineConfig) -> int:
    """Words in memory of weights [depth, columns] and their channels' parameters."""
    passes = -(-depth // array.vmac.lanes)
    return columns * (passes * machine.weight_beat_words(array) + machine.channel_words)


def pack_linear(
    weights: ArrayLike,
    parameters: ChannelParameters,
    array: VmacArrayConfig,
    machine: MachineConfig,
) -> bytes:
    """The words of a linear layer; the inverse of :func:`unpack_linear`.

    Parameters
    ----------
    weights : array of int, [K, N]
        Codes: bit patterns of AdaptivFloat, else signed numbers.
    parameters : ChannelParameters
        Of the N channels.
    array : VmacArrayConfig
        The machine's main array.
    machine : MachineConfig
        Its words.

    Raises
    ------
    ValueError
        The weights are no matrix, there are not N channels, or a code or parameter does not fit.
    """
    codes = np.asarray(weights, dtype=np.int64)
    if codes.ndim != 2 or 0 in codes.shape:
        raise ValueError(f"weights must be [K, N] with K and N positive, not {list(codes.shape)}")
    if parameters.bias.shape != codes.shape[1:]:
        raise ValueError(
            f"parameters must be those of the {codes.shape[1]} channels, "
            f"not of {len(parameters.bias)}"
        )
    fmt = array.vmac.pair.weight
    integers(codes, fmt)  # refuses codes that the format does not have
    parameters.check(array)
    (depth, columns), lanes = codes.shape, array.vmac.lanes
    passes = -(-depth // lanes)
    # [N, passes, V, bits of a code]
    padded = np.zeros((columns, passes, lanes), dtype=np.uint8)
    padded.reshape(columns, -1)[:, :depth] = (codes & ((1 << fmt.width) - 1)).T
    bits = np.unpackbits(padded[..., np.newaxis], axis=3, count=fmt.width, bitorder="little")
    beats = np.zeros(
        (columns, passes, machine.weight_beat_words(array) * machine.word_bytes), dtype=np.uint8
    )
    packed = np.packbits(bits.reshape(columns, passes, -1), axis=2, bitorder="little")
    beats[..., : packed.shape[2]] = packed
    channels = _pack_channels(parameters, machine)
    pieces = []
    for start in range(0, columns, array.vmacs):
        tile = slice(start, start + array.vmacs)
        pieces += [beats[tile].swapaxes(0, 1).tobytes(), channels[tile].tobytes()]
    return b"".join(pieces)


def unpack_linear(
    words: bytes | NDArray[np.uint8],
    depth: int,
    columns: int,
    array: VmacArrayConfig,
    machine: MachineConfig,
) -> tuple[NDArray[np.int64], ChannelParameters]:
    """Weights [depth, columns] and parameters, as the machine reads them.

    A bias is cut to the accumulator's width, the exponent of a wide channel to its lower 6 bits;
    what :func:`pack_linear` makes is not changed by that.

    Raises
    ------
    ValueError
        There are not as many bytes as :func:`linear_words` says, or a weight is the illegal
        ternary code 10.
    """
    raw = np.frombuffer(words, dtype=np.uint8)
    passes, lanes = -(-depth // array.vmac.lanes), array.vmac.lanes
    beat = machine.weight_beat_words(array) * machine.word_bytes
    channel = machine.channel_words * machine.word_bytes
    expected = linear_words(depth, columns, array, machine) * machine.word_bytes
    if len(raw) != expected:
        raise ValueError(
            f"weights [{depth}, {columns}] must be {expected} bytes in memory, not {len(raw)}"
        )
    beats = np.empty((columns, passes, beat), dtype=np.uint8)
    channels = np.empty((columns, channel), dtype=np.uint8)
    place = 0
    for start in range(0, columns, array.vmacs):
        num = min(array.vmacs, columns - start)
        tile = slice(start, start + num)
        middle, end = place + num * passes * beat, place + num * (passes * beat + channel)
        beats[tile] = raw[place:middle].reshape(passes, num, beat).swapaxes(0, 1)
        channels[tile] = raw[middle:end].reshape(num, channel)
        place = end
    fmt = array.vmac.pair.weight
    bits = np.unpackbits(beats, axis=2, count=lanes * fmt.width, bitorder="little")
    bits = bits.reshape(columns, passes * lanes, fmt.width)[:, :depth]
    codes = (bits.astype(np.int64) << np.arange(fmt.width)).sum(axis=2).T
    if not isinstance(fmt, AdaptivFloatFormat):
        half = 1 << (fmt.width - 1)
        codes = (codes ^ half) - half
    if isinstance(fmt, TernaryFormat) and (codes < fmt.min_value).any():
        raise ValueError("ternary weights in memory must be 00, 01 or 11, not 10")
    return np.ascontiguousarray(codes), _unpack_channels(channels, array)


def _pack_channels(parameters: ChannelParameters, machine: MachineConfig) -> NDArray[np.uint8]:
    fields = np.zeros(len(parameters.bias), dtype=_CHANNEL)
    fields["bias"], fields["multiplier"] = parameters.bias, parameters.multiplier
    fields["rest"] = (
        parameters.shift
        | (parameters.exponent & _EXPONENT_MASK) << _EXPONENT_AT
        | parameters.relu.astype(np.int64) << _RELU_AT
        | parameters.wide.astype(np.int64) << _WIDE_AT
    )
    words = np.zeros((len(fields), machine.channel_words * machine.word_bytes), dtype=np.uint8)
    words[:, : _CHANNEL.itemsize] = fields.view(np.uint8).reshape(len(fields), -1)
    return words


def _unpack_channels(words: NDArray[np.uint8], array: VmacArrayConfig) -> ChannelParameters:
    fields = np.ascontiguousarray(words[:, : _CHANNEL.itemsize]).view(_CHANNEL)[:, 0]
    rest = fields["rest"].astype(np.int64)
    wide = (rest >> _WIDE_AT & 1).astype(bool)
    exponent = _signed(rest >> _EXPONENT_AT, array.EXPONENT_WIDTH)
    return ChannelParameters.of(
        len(fields),
        bias=_signed(fields["bias"].astype(np.int64), array.vmac.accumulator_width),
        relu=(rest >> _RELU_AT & 1).astype(bool),
        wide=wide,
        multiplier=fields["multiplier"].astype(np.int64),
        shift=rest & _SHIFT_MASK,
        exponent=np.where(wide, exponent & _SHIFT_MASK, exponent),
    )


def _signed(value: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """The lower ``width`` bits as a signed number."""
    half = np.int64(1) << np.int64(width - 1)
    return ((value & (2 * half - 1)) ^ half) - half
