"""Golden ternary weights: absmean and sign against their definitions, packings byte by byte."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from alembert.config.ternary import Packing
from alembert_golden import ternary
from hypothesis import given, settings
from hypothesis import strategies as st

PACKERS = {
    Packing.TWO_BIT: (ternary.pack2, ternary.unpack2),
    Packing.FIVE_TRITS: (ternary.pack5, ternary.unpack5),
}


def _absmean_by_definition(weights: list[float]) -> list[int]:
    """round(W / mean|W|), half even, clipped, in exact fractions."""
    exact = [Fraction(w) for w in weights]
    mean = sum(abs(w) for w in exact) / len(exact)
    return [max(-1, min(1, round(w / mean))) for w in exact]


# integers / 16 have an exact sum, so the float64 mean can err only in its division
@settings(max_examples=200)
@given(st.lists(st.integers(-500, 500), min_size=1, max_size=64).filter(any))
def test_absmean_is_its_definition(integers: list[int]) -> None:
    weights = [i / 16 for i in integers]
    codes, scale = ternary.absmean(weights)
    assert codes.dtype == np.int8
    assert codes.tolist() == _absmean_by_definition(weights)
    assert scale == pytest.approx(sum(map(abs, weights)) / len(weights), rel=1e-15)


def test_absmean_ties_go_to_even() -> None:
    # mean|W| = 1: ±0.5 are ties and give 0, ±1.5 would round to ±2 and are clipped
    codes, scale = ternary.absmean([0.5, -0.5, 1.5, -1.5])
    assert (codes.tolist(), scale) == ([0, 0, 1, -1], 1.0)


def test_absmean_is_not_idempotent() -> None:
    """Why codes and scale are stored: deriving them again from codes · scale changes the scale."""
    weights = np.random.default_rng(1).normal(0.0, 0.05, 4096)
    codes, scale = ternary.absmean(weights)
    again, scale_again = ternary.absmean(codes * scale)
    assert again.tolist() == codes.tolist()
    assert scale_again == pytest.approx(scale * np.count_nonzero(codes) / codes.size)
    assert scale_again < 0.8 * scale


@pytest.mark.parametrize("shape", [(0,), (3,), (2, 2)])
def test_zeros_have_scale_one(shape: tuple[int, ...]) -> None:
    codes, scale = ternary.absmean(np.zeros(shape))
    assert (codes.shape, codes.any(), scale) == (shape, False, 1.0)
    codes, scale = ternary.sign_weights(np.zeros(shape), centre=True)
    assert (codes.shape, (codes == 1).all(), scale) == (shape, True, 1.0)


def test_sign_weights() -> None:
    codes, scale = ternary.sign_weights([[0.0, -0.0], [3.0, -1.0]])
    assert (codes.tolist(), scale) == ([[1, 1], [1, -1]], 1.0)
    # the mean is 0.5
    codes, scale = ternary.sign_weights([[0.0, 0.0], [3.0, -1.0]], centre=True)
    assert (codes.tolist(), scale) == ([[-1, -1], [1, -1]], 1.0)


@pytest.mark.parametrize("derive", [ternary.absmean, ternary.sign_weights])
def test_tensors_without_a_scale_are_refused(derive) -> None:
    with pytest.raises(ValueError, match=r"^tensor holds NaN at \[1, 0\]$"):
        derive([[0.0, 1.0], [np.nan, 1.0]])
    for worst, mean in (([np.inf, 1.0], "inf"), ([1.7e308, 1.7e308], "inf"), ([5e-324, 0], "0.0")):
        with pytest.raises(
            ValueError,
            match=rf"^mean magnitude of the tensor must be positive and finite, not {mean}$",
        ):
            derive(worst)


def test_pack2_every_byte() -> None:
    value_of = {0b00: 0, 0b01: 1, 0b11: -1}
    for byte in range(256):
        fields = [byte >> 2 * k & 3 for k in range(4)]
        if 0b10 in fields:
            with pytest.raises(
                ValueError,
                match=rf"^byte {byte:#04x} at \[1\] holds the illegal ternary code 10$",
            ):
                ternary.unpack2([0, byte], 8)
        else:
            weights = [value_of[f] for f in fields]
            assert ternary.unpack2([byte], 4).tolist() == weights
            assert ternary.pack2(weights).tolist() == [byte]


def test_pack5_every_byte() -> None:
    for byte in range(243):
        weights = ternary.unpack5([byte], 5)
        assert sum((int(w) + 1) * 3**k for k, w in enumerate(weights)) == byte
        assert ternary.pack5(weights).tolist() == [byte]
    for byte in range(243, 256):
        with pytest.raises(
            ValueError,
            match=rf"^byte {byte:#04x} at \[0, 1\] is not five trits: the largest is 0xf2$",
        ):
            ternary.unpack5([[0, byte]], 10)


@settings(max_examples=100)
@given(
    st.sampled_from(Packing),
    st.integers(1, 3).flatmap(
        lambda rows: st.integers(0, 23).flatmap(
            lambda n: st.lists(
                st.lists(st.sampled_from([-1, 0, 1]), min_size=n, max_size=n),
                min_size=rows,
                max_size=rows,
            )
        )
    ),
)
def test_packing_roundtrip(packing: Packing, weights: list[list[int]]) -> None:
    pack, unpack = PACKERS[packing]
    codes = np.array(weights, dtype=np.int8)
    count = codes.shape[-1]
    packed = pack(codes)
    assert packed.dtype == np.uint8
    assert packed.shape == (len(weights), -(-count // packing.codes_per_byte))
    unpacked = unpack(packed, count)
    assert (unpacked.dtype, unpacked.tolist()) == (np.int8, codes.tolist())
    assert pack(unpacked).tobytes() == packed.tobytes()


def test_padding_is_zero_weights() -> None:
    assert ternary.pack2([1]).tolist() == [0b00_00_00_01]
    assert ternary.pack5([1]).tolist() == [2 + 3 + 9 + 27 + 81]


def test_wrong_weights_and_counts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^ternary weights must be -1, 0 or \+1, not 2 at \[1\]$"):
        ternary.pack2([0, 2])
    with pytest.raises(
        ValueError, match=r"^ternary weights must be -1, 0 or \+1, not 0\.5 at \[0\]$"
    ):
        ternary.pack5([0.5])
    with pytest.raises(ValueError, match=r"^9 weights need 3 bytes, not 2$"):
        ternary.unpack2([0, 0], 9)
    with pytest.raises(ValueError, match=r"^11 weights need 3 bytes, not 2$"):
        ternary.unpack5([0, 0], 11)
