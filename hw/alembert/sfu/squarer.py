"""x² from radix-4 digits, with half of the partial products a multiplier needs."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..arithmetic.digits import MINUS_ONE, select

__all__ = ["Squarer"]


@dataclass(frozen=True)
class _Term:
    """A signed number and the place of its lowest bit."""

    value: Value
    place: int


class Squarer(wiring.Component):
    """o = i².

    i = Σ d_i·4^i with digits −1, 0, 1, 2 (the uppermost −2…2). With L_i = Σ_{j<i} d_j·4^j,
    i² = Σ d_i²·16^i + 2·Σ d_i·L_i·4^i. L_i is a slice of i with the carry into digit i as its
    sign, so that the partial products grow from 4 bits to the whole width. The digits' squares
    are 0, 1 or 4 and lie side by side in one word, in whose odd bits nothing else is: there the
    +1 of the negated partial products go.

    Parameters
    ----------
    width : int
        Bits of the signed input, at least 5.

    Members
    -------
    i : In, signed(width)
    o : Out, unsigned(2·width − 1)

    Latency: ``latency`` cycles. Throughput: one square a cycle. Reset: none needed, nothing
    outlives the latency.
    """

    i: Signal
    o: Signal

    latency = 2

    def __init__(self, width: int):
        if width < 5:
            raise ValueError(f"squarer width must be at least 5, not {width}")
        self.key = width
        self._top = (width - 1) // 2
        super().__init__({"i": In(signed(width)), "o": Out(2 * width - 1)})

    def elaborate(self, platform) -> Module:
        m = Module()
        top = self._top
        x = Signal(signed(2 * top + 2))  # an even number of bits
        m.d.comb += x.eq(self.i)
        squares = Signal(4 * top + 4)  # of the digits, and the +1 of the partial products
        terms: list[_Term] = []
        carry: Value = Const(0, 1)
        for index in range(top + 1):
            place = 2 * index + 1
            pair = x[2 * index : 2 * index + 2]
            total = Signal(range(5), name=f"total_{index}")
            m.d.comb += total.eq(pair + carry)
            digit = total[:2]
            m.d.comb += [squares[4 * index].eq(digit[0]), squares[4 * index + 2].eq(digit == 2)]
            if index:
                lower = Cat(x[: 2 * index], carry).as_signed()
                # of the uppermost pair, only 10 without a carry is −2, not 2
                is_minus_two = pair[1] & (digit == 2) if index == top else Const(0, 1)
                partial = Mux(is_minus_two, ~Cat(Const(0, 1), lower), select(lower, digit))
                minus = is_minus_two | (digit == MINUS_ONE)
                m.d.comb += squares[place].eq(minus)
                terms.append(_Term(partial.as_signed(), place))
            carry = total >= 3
        halves = self._pairs(m, terms, level=0, registered=True)
        late_squares = Signal.like(squares, reset_less=True)
        m.d.sync += late_squares.eq(squares)
        level = 1
        while len(halves) > 1:
            halves = self._pairs(m, halves, level=level, registered=False)
            level += 1
        place = halves[0].place
        upper = late_squares[place:] + halves[0].value
        result = Signal(len(self.o), reset_less=True)
        m.d.sync += result.eq(Cat(late_squares[:place], upper))
        m.d.comb += self.o.eq(result)
        return m

    @staticmethod
    def _pairs(m: Module, terms: list[_Term], *, level: int, registered: bool) -> list[_Term]:
        """Neighbours added, the lower one's lowest bits passing by the adder."""
        domain = m.d.sync if registered else m.d.comb
        sums: list[_Term] = []
        for index in range(0, len(terms), 2):
            low = terms[index]
            total: Value = low.value
            if index + 1 < len(terms):
                high = terms[index + 1]
                passing = high.place - low.place
                upper = (low.value >> passing) + high.value
                total = Cat(low.value[:passing], upper)
            named = Signal(signed(len(total)), name=f"sum_{level}_{index // 2}", reset_less=True)
            domain += named.eq(total)
            sums.append(_Term(named, low.place))
        return sums
