"""Addresses: nothing alive shares a word, and little is wasted."""

from __future__ import annotations

from alembert_compiler.allocate import Lifetime, allocate, words_needed
from hypothesis import given, settings
from hypothesis import strategies as st


@st.composite
def lifetimes(draw: st.DrawFn) -> list[Lifetime]:
    count = draw(st.integers(1, 12))
    made = []
    for index in range(count):
        first = draw(st.integers(0, 10))
        made.append(
            Lifetime(
                name=str(index),
                words=draw(st.integers(1, 9)),
                first=first,
                last=first + draw(st.integers(0, 6)),
                alignment=draw(st.sampled_from([1, 2, 4])),
            )
        )
    return made


@settings(max_examples=300)
@given(lifetimes(), st.integers(0, 3))
def test_tensors_alive_together_do_not_meet(tensors: list[Lifetime], linger: int) -> None:
    addresses = allocate(tensors, linger=linger)
    for index, (tensor, address) in enumerate(zip(tensors, addresses)):
        assert address >= 0 and address % tensor.alignment == 0
        for other, start in zip(tensors[:index], addresses):
            times = set(range(tensor.first, tensor.last + linger + 1))
            others = set(range(other.first, other.last + linger + 1))
            if times & others:
                assert address + tensor.words <= start or start + other.words <= address
    ends = [address + tensor.words for tensor, address in zip(tensors, addresses)]
    assert words_needed(tensors, addresses) == max(ends)
    # never worse than one after the other, with room for alignment
    assert max(ends) <= sum(tensor.words + tensor.alignment - 1 for tensor in tensors)


def test_words_are_used_again() -> None:
    chain = [Lifetime(name=str(i), words=10, first=i, last=i + 1) for i in range(20)]
    addresses = allocate(chain)
    assert words_needed(chain, addresses) == 20
    assert words_needed(chain, allocate(chain, linger=1)) == 30
    assert words_needed([], []) == 0


def test_gaps_are_filled() -> None:
    tensors = [
        Lifetime(name="long", words=8, first=0, last=9),
        Lifetime(name="early", words=6, first=0, last=4),
        Lifetime(name="late", words=4, first=5, last=9),
        Lifetime(name="small", words=2, first=5, last=9),
    ]
    assert allocate(tensors) == [0, 8, 8, 12]
