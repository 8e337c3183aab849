"""AdaptivFloat by definition: a table of all values as exact fractions, searched for the nearest.

It shares no code and no method with the golden model.
"""

from __future__ import annotations

import bisect
import itertools
from fractions import Fraction
from functools import cache

from alembert.config import AdaptivFloatFormat

__all__ = ["FORMATS", "boundaries", "magnitudes", "nearest_code", "value_of"]

FORMATS = [
    AdaptivFloatFormat(width=n, exponent_width=e) for n in range(4, 9) for e in range(2, 5) if e < n
]
"""Every format there is."""


def value_of(code: int, fmt: AdaptivFloatFormat) -> Fraction:
    """The code's value at bias 0, from its definition."""
    n, e = fmt.width, fmt.exponent_width
    m = n - 1 - e
    sign, exponent, mantissa = code >> (n - 1), code >> m & (2**e - 1), code & (2**m - 1)
    if exponent == 0 and mantissa == 0:
        return Fraction(0)
    return (-1) ** sign * Fraction(2) ** exponent * (1 + Fraction(mantissa, 2**m))


@cache
def magnitudes(fmt: AdaptivFloatFormat) -> tuple[Fraction, ...]:
    """The values of the codes 1 … 2^(n−1) − 1 at bias 0: v_min first, v_max last."""
    return tuple(value_of(code, fmt) for code in range(1, 1 << (fmt.width - 1)))


def nearest_code(x: Fraction, fmt: AdaptivFloatFormat) -> int:
    """The code of x at bias 0: by distance, ties to the even significand, v_min/2 to v_min."""
    sign = 1 << (fmt.width - 1) if x < 0 else 0
    x = abs(x)
    table = magnitudes(fmt)
    if x < table[0] / 2:
        return 0
    above = bisect.bisect_left(table, x)
    if above == 0:
        return sign | 1
    if above == len(table):
        return sign | len(table)
    below = above - 1
    to_below, to_above = x - table[below], table[above] - x
    if to_below == to_above:
        # count in units of the lower value's last mantissa bit
        mantissa = (below + 1) & ((1 << fmt.mantissa_width) - 1)
        index = below if ((1 << fmt.mantissa_width) + mantissa) % 2 == 0 else above
    else:
        index = below if to_below < to_above else above
    return sign | (index + 1)


@cache
def boundaries(fmt: AdaptivFloatFormat) -> tuple[Fraction, ...]:
    """Every magnitude at which the code may change: values, midpoints, v_min/2, beyond v_max."""
    table = magnitudes(fmt)
    middles = [(low + high) / 2 for low, high in itertools.pairwise(table)]
    ends = [table[0] / 4, table[0] / 2, Fraction(1, 2), Fraction(1), table[-1] * 2]
    beyond = table[-1] + (table[-1] - table[-2]) / 2
    return tuple(sorted({*table, *middles, *ends, beyond}))
