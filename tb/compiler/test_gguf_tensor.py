"""Blocks of GGUF's types against C code written apart, and their codes and scales."""

from __future__ import annotations

import struct
from typing import Any

import gguf
import ml_dtypes
import numpy as np
import pytest
from alembert_compiler.coded_weight import CodedWeight
from alembert_compiler.gguf_blocks import CODED_TYPES, unpack_blocks
from alembert_compiler.gguf_library import TYPES, block_of
from alembert_compiler.gguf_tensor import GgufTensor
from alembert_golden.ternary import absmean
from compiler.gguf_files import dequantised, quantised
from numpy.typing import NDArray

QUANTISED = TYPES[3:]
TERNARY = ("TQ1_0", "TQ2_0")
SCALES = {
    **dict.fromkeys(("Q4_0", "Q5_0", "Q8_0", "IQ4_NL", "IQ4_XS", "IQ1_S"), (0,)),
    **dict.fromkeys(("IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S"), (0,)),
    **dict.fromkeys(("IQ1_M", "MXFP4"), ()),  # four nibbles apart; an exponent in a byte
    **dict.fromkeys(("Q4_1", "Q5_1", "Q4_K", "Q5_K"), (0, 2)),
    "Q2_K": (80, 82),
    "Q3_K": (108,),
    "Q6_K": (208,),
    "TQ1_0": (52,),
    "TQ2_0": (64,),
}
"""Where a block has its float16, if it has one."""
EXTREME = [0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00]
"""±0, subnormal numbers, the least normal one, the largest, infinities, NaN."""


def tensor_of(kind: str, blocks: NDArray[np.uint8]) -> GgufTensor:
    row = blocks.shape[-2] * block_of(kind)[0]
    return GgufTensor(name="x", kind=kind, shape=(*blocks.shape[:-2], row), blocks=blocks)


def random_blocks(kind: str, rows: int = 40, columns: int = 3, *, seed: int = 1) -> Any:
    size = block_of(kind)[1]
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, size), dtype=np.uint8)


def assert_same_bits(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> None:
    """Of NaN, that both are."""
    assert found.dtype == wanted.dtype == np.float32 and found.shape == wanted.shape
    is_nan = np.isnan(wanted)
    np.testing.assert_array_equal(np.isnan(found), is_nan)
    np.testing.assert_array_equal(found.view("<u4")[~is_nan], wanted.view("<u4")[~is_nan])


@pytest.mark.parametrize("kind", QUANTISED)
def test_values_are_those_of_c(kind: str) -> None:
    """Random bytes; then every pair of extreme scales, with random codes."""
    blocks = random_blocks(kind)
    extreme = random_blocks(kind, len(EXTREME) ** 2, 1)
    for index, place in enumerate(SCALES[kind]):
        chosen = np.repeat(EXTREME, len(EXTREME)) if index else np.tile(EXTREME, len(EXTREME))
        extreme[:, 0, place : place + 2] = chosen.astype("<u2").view(np.uint8).reshape(-1, 2)
    for each in (blocks, extreme):
        tensor = tensor_of(kind, each)
        wanted = dequantised(each.reshape(len(each), -1), kind)
        assert_same_bits(tensor.values, wanted)
        assert not tensor.values.flags.writeable
    assert np.isinf(tensor_of(kind, extreme).values).any() or not SCALES[kind]


def test_plain_floats() -> None:
    """Every float16 and bfloat16."""
    every = np.arange(1 << 16, dtype="<u2").view(np.uint8).reshape(64, 1024, 2)
    halves = np.array(struct.unpack(f"<{1 << 16}e", every.tobytes()), np.float32).reshape(64, -1)
    assert_same_bits(tensor_of("F16", every).values, halves)
    brains = every.view(ml_dtypes.bfloat16)[..., 0].astype(np.float32)
    assert_same_bits(tensor_of("BF16", every).values, brains)
    bits = random_blocks("F32", 9, 50)
    wanted = np.array(struct.unpack("<450f", bits.tobytes()), np.float32).reshape(9, 50)
    assert_same_bits(tensor_of("F32", bits).values, wanted)


@pytest.mark.parametrize("kind", CODED_TYPES)
def test_codes_times_scales_are_the_values(kind: str) -> None:
    blocks = random_blocks(kind, 60, 4, seed=3)
    place = SCALES[kind][0]
    extreme = np.resize(EXTREME[:7], 240).astype("<u2").view(np.uint8)
    blocks[..., place : place + 2] = extreme.reshape(60, 4, 2)
    tensor = tensor_of(kind, blocks)
    codes, scales = tensor.codes, tensor.scales
    weights = block_of(kind)[0]
    assert codes.dtype == np.int8 and codes.shape == tensor.shape
    assert scales.dtype == np.float32 and scales.shape == (60, 4)
    found = codes.reshape(60, 4, weights).astype(np.float32) * scales[..., np.newaxis]
    assert_same_bits(found.reshape(tensor.shape), tensor.values)
    stored = blocks[..., place : place + 2].tobytes()
    np.testing.assert_array_equal(scales.ravel(), struct.unpack("<240e", stored))
    least = {"Q8_0": (-128, 127), "TQ1_0": (-1, 1), "TQ2_0": (-1, 2)}[kind]
    assert (codes.min(), codes.max()) == least


def test_a_vector_has_blocks_too() -> None:
    tensor = tensor_of("Q8_0", random_blocks("Q8_0", 1, 5)[0])
    assert tensor.shape == tensor.codes.shape == tensor.values.shape == (160,)
    assert tensor.scales.shape == (5,)


@pytest.mark.parametrize("kind", TERNARY)
def test_ternary_weights_keep_codes_and_scale(kind: str) -> None:
    """A matrix of BitNet b1.58, quantised, stored, and back; one block of it is all zero."""
    weights = np.random.default_rng(6).normal(size=(8, 1024))
    codes, scale = absmean(weights)
    codes[3, 256:512] = 0
    scale = float(np.float16(scale))
    stored = quantised((codes * scale).astype(np.float32), kind)
    tensor = tensor_of(kind, stored.reshape(8, 4, -1))
    assert tensor.scales[3, 1] == 0
    found, found_scale = tensor.ternary_codes()
    np.testing.assert_array_equal(found, codes)
    assert found.dtype == codes.dtype and isinstance(found_scale, float) and found_scale == scale
    np.testing.assert_array_equal(tensor.values, (codes * scale).astype(np.float32))
    nothing = tensor_of(kind, quantised(np.zeros((2, 256), np.float32), kind)[:, np.newaxis])
    zeros, one = nothing.ternary_codes()
    np.testing.assert_array_equal(zeros, absmean(np.zeros((2, 256)))[0])
    assert one == absmean(np.zeros(1))[1] == 1.0


def _ternary(scales: list[float], code: int = 1) -> GgufTensor:
    """TQ2_0, every weight one code."""
    blocks = np.full((1, len(scales), 66), (code + 1) * 0b01010101, np.uint8)
    blocks[0, :, 64:] = np.array(scales, "<f2").view(np.uint8).reshape(-1, 2)
    return tensor_of("TQ2_0", blocks)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (_ternary([0.5, 0.25, 0.5]), "x must have one scale, not 2 from 0.25 to 0.5"),
        (_ternary([0.5, -0.5]), "x must have a positive finite scale, not -0.5"),
        (_ternary([0.5, 0.0]), "x must have a positive finite scale, not 0.0"),
        (_ternary([0.5, np.inf]), "x must have a positive finite scale, not inf"),
        (_ternary([0.5, np.nan]), "x must have a positive finite scale, not nan"),
        (_ternary([0.5], code=2), "x must hold weights -1, 0 and +1, not 2 at [0, 0]"),
        (tensor_of("Q8_0", random_blocks("Q8_0")), "x must be of type TQ1_0 or TQ2_0, not Q8_0"),
    ],
)
def test_what_has_no_ternary_codes(tensor: GgufTensor, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        tensor.ternary_codes()
    assert str(caught.value) == message


def _rows(scales: list[list[float]], kind: str = "Q8_0") -> GgufTensor:
    """A block for each scale, of random codes; a scale of 0 has codes of 0."""
    given = np.array(scales, "<f2")
    blocks = random_blocks(kind, *given.shape)
    place = SCALES[kind][0]
    blocks[..., place : place + 2] = given[..., np.newaxis].view(np.uint8)
    blocks[..., 2:][given == 0] = 0
    return tensor_of(kind, blocks)


@pytest.mark.parametrize(
    ("scales", "wanted"),
    [
        ([[0.5, 0.5], [0.5, 0.5]], np.float32(0.5)),
        ([[0.5, 0.0], [0.0, 0.5], [0.0, 0.0]], np.float32(0.5)),
        ([[0.5], [0.25], [2.0]], [0.5, 0.25, 2]),
        ([[0.5, 0.0], [0.25, 0.25], [0.0, 0.0]], [0.5, 0.25, 0.5]),
    ],
)
def test_a_scale_for_each_channel(scales: list[list[float]], wanted: list[float]) -> None:
    tensor = _rows(scales)
    coded = tensor.channel_codes()
    assert coded is not None
    codes, scale = coded
    np.testing.assert_array_equal(codes, tensor.codes)
    assert scale.dtype == np.float32 and scale.shape == np.shape(wanted)
    np.testing.assert_array_equal(scale, wanted)
    found = CodedWeight(name="x", codes=codes, scale=scale)
    np.testing.assert_array_equal(found.values, tensor.values)


def test_what_has_no_scale_for_each_channel() -> None:
    zeros = _rows([[0.5, 0.5]])
    zeros.blocks[..., 2:] = 0
    unused = _rows([[0.5, 0.0]])  # values of 0 · infinity are NaN, which a model refuses
    unused.blocks[0, 1, :2] = np.array([np.inf], "<f2").view(np.uint8)
    for tensor in (
        *(_rows([[0.5, 0.5], scales]) for scales in ([0.5, 0.25], [-0.5, -0.5], [0.5, np.inf])),
        *(_rows([[0.5, 0.5], scales]) for scales in ([np.nan, 0.5], [np.nan, np.nan])),
        *(zeros, unused, tensor_of("Q8_0", random_blocks("Q8_0", 1, 5)[0])),
        *(tensor_of(kind, random_blocks(kind, 1, 1)) for kind in set(TYPES) - set(CODED_TYPES)),
    ):
        assert tensor.channel_codes() is None


def test_types_without_codes() -> None:
    for kind in set(TYPES) - set(CODED_TYPES):
        tensor = tensor_of(kind, random_blocks(kind, 1, 1))
        for name in ("codes", "scales"):
            with pytest.raises(ValueError) as caught:
                getattr(tensor, name)
            wanted = f"x must be of type Q8_0, TQ1_0, TQ2_0 to have codes, not {kind}"
            assert str(caught.value) == wanted
    with pytest.raises(ValueError) as caught:
        unpack_blocks("Q4_0", random_blocks("Q4_0"))
    wanted = "codes and scales are kept of types Q8_0, TQ1_0, TQ2_0, not of Q4_0"
    assert str(caught.value) == wanted


@pytest.mark.parametrize(
    ("error", "changes", "message"),
    [
        (
            ValueError,
            {"kind": "Q8_1"},
            f"GGUF type must be one of {', '.join(TYPES)}, not Q8_1",
        ),
        (
            TypeError,
            {"blocks": np.zeros((2, 1, 34), np.int8)},
            "blocks of x must be of uint8, not int8",
        ),
        (
            ValueError,
            {"shape": (2, 33)},
            "blocks of x must be those of (2, 33) in Q8_0, not (2, 1, 34)",
        ),
        (
            ValueError,
            {"shape": (2, 64)},
            "blocks of x must be those of (2, 64) in Q8_0, not (2, 1, 34)",
        ),
        (ValueError, {"shape": ()}, "blocks of x must be those of () in Q8_0, not (2, 1, 34)"),
    ],
)
def test_tensors_that_are_refused(
    error: type[Exception], changes: dict[str, Any], message: str
) -> None:
    whole = {"name": "x", "kind": "Q8_0", "shape": (2, 32), "blocks": np.zeros((2, 1, 34), "u1")}
    with pytest.raises(error) as caught:
        GgufTensor(**{**whole, **changes})
    assert str(caught.value) == message


def test_every_type_is_known_by_the_library() -> None:
    assert {gguf.GGMLQuantizationType[kind].name for kind in TYPES} == set(TYPES)
