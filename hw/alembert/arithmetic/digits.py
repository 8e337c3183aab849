"""Signed radix-4 digits: how an integer weight becomes a few multiplier-free partial products.

A weight is recoded into digits d_i ∈ {−1, 0, 1, 2}, lowest first, w = Σ d_i · 4^i. A digit times x
is then 0, x, 2x or −x: four choices of the two bits x_j and x_{j−1}, hence one four-input look-up
table a bit, where Booth's digits {−2…2} need five inputs. The uppermost digit takes what is left,
−2…2 for an even width. Recoding happens once, when a weight is loaded.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data

__all__ = ["MINUS_ONE", "FactorDigits", "recode", "recode_factor", "select"]

MINUS_ONE = 3
"""Code of the digit −1; 0, 1 and 2 are their own codes."""


def recode(m: Module, value: Value, num_digits: int, name: str) -> tuple[list[Value], Signal]:
    """The lower ``num_digits`` digit codes of ``value``, and what is left above them.

    Parameters
    ----------
    value : Value
        Signed or unsigned; read as it is.
    num_digits : int
        Digits to take off, two bits each.

    Returns
    -------
    digits : list of Value
        Two-bit codes, lowest first.
    rest : Signal
        Signed; value = Σ digit_i · 4^i + rest · 4^num_digits.
    """
    digits: list[Value] = []
    carry: Value = Const(0, 1)
    for index in range(num_digits):
        total = Signal(range(5), name=f"{name}_total_{index}")
        m.d.comb += total.eq(value[2 * index : 2 * index + 2] + carry)
        digits.append(total[:2])  # 3 is −1 and 4 is 0, each with a carry to the next digit
        carry = total >= 3
    upper = value >> (2 * num_digits)
    rest = Signal(signed(len(upper) + 2), name=f"{name}_rest")
    m.d.comb += rest.eq(upper + carry)
    return digits, rest


class FactorDigits(data.StructLayout):
    """An unsigned number of ``width`` bits as digits, lowest first.

    An even width has a ``carry`` above its digits, worth 4^(width/2); an odd one needs none, as
    its uppermost digit has one bit of its own.
    """

    def __init__(self, width: int):
        members: dict = {"digits": data.ArrayLayout(2, (width + 1) // 2)}
        if width % 2 == 0:
            members["carry"] = 1
        super().__init__(members)


def recode_factor(m: Module, value: Value, name: str) -> data.View:
    """``value``, read as unsigned, as a signal of :class:`FactorDigits`."""
    factor = Signal(FactorDigits(len(value)), name=name)
    digits, rest = recode(m, value, len(factor.digits), name)
    m.d.comb += [factor.digits[i].eq(digit) for i, digit in enumerate(digits)]
    if len(value) % 2 == 0:
        m.d.comb += factor.carry.eq(rest[0])
    return factor


def select(x: Value, digit: Value) -> Value:
    """digit · x in two's complement, one bit wider than ``x``; −x comes as −x − 1 (inverted bits).

    Parameters
    ----------
    x : Value
        Signed or unsigned.
    digit : Value
        A two-bit code.
    """
    top = x[-1] if x.shape().signed else Const(0, 1)
    once, twice = Cat(x, top), Cat(Const(0, 1), x)
    return Mux(digit[1], Mux(digit[0], ~once, twice), Mux(digit[0], once, 0))[: len(x) + 1]
