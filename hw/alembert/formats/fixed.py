"""Rounding right shift and overflow of signed integers, as combinational functions."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, ValueLike, signed

from ..config import Overflow, Rounding

__all__ = ["fits", "narrowing_shift_right", "overflow", "rounding_shift_right"]


def rounding_shift_right(
    m: Module, value: ValueLike, shift: int | Value, rounding: Rounding, *, name: str
) -> Signal:
    """value / 2^shift, rounded to an integer as ``rounding`` says; one bit wider than ``value``.

    A shift by a signal is one barrel shifter: the value moves down into a field of guard bits as
    wide as the largest shift, so that what fell out is still there to be rounded by.

    Parameters
    ----------
    m : Module
        Where the combinational logic goes.
    value : Value
        Signed, n bits.
    shift : int or Value
        Constant, or an unsigned signal.
    rounding : Rounding
        See :class:`alembert.config.Rounding`.
    name : str
        Prefix of the signals' names.
    """
    value = Value.cast(value)
    width = len(value)
    max_shift = shift if isinstance(shift, int) else (1 << len(shift)) - 1
    wide = Signal(signed(width + max_shift), name=f"{name}_wide")
    m.d.comb += wide.eq(Cat(Const(0, max_shift), value).as_signed() >> shift)
    floor = wide[max_shift:].as_signed()
    rest = wide[:max_shift]
    negative = value[-1]
    result = Signal(signed(width + 1), name=f"{name}_rounded")
    if max_shift == 0:
        m.d.comb += result.eq(value)
        return result
    half = rest[-1]
    sticky = rest[:-1].any() if max_shift > 1 else Const(0, 1)
    match rounding:
        case Rounding.FLOOR:
            up = Const(0, 1)
        case Rounding.TOWARD_ZERO:
            up = negative & (half | sticky)
        case Rounding.HALF_UP:
            up = half
        case Rounding.HALF_AWAY:
            up = half & (sticky | ~negative)
        case Rounding.HALF_EVEN:
            up = half & (sticky | floor[0])
    m.d.comb += result.eq(floor + up)
    return result


def narrowing_shift_right(
    m: Module, value: ValueLike, shift: Value, width: int, *, name: str
) -> tuple[Value, Signal]:
    """``value`` >> ``shift`` in ``width`` signed bits; the lowest is the OR of all at and below it.

    Two guard bits below the last bit that is wanted are then enough to round by, whatever the
    shift. The shifter works from its largest step to its smallest and drops at each what no later
    step can bring into the result: it is a triangle, where :func:`rounding_shift_right` needs a
    square that keeps all that falls out.

    Parameters
    ----------
    m : Module
        Where the combinational logic goes.
    value : Value
        Read as signed, n bits.
    shift : Value
        Unsigned, at least one bit.
    width : int
        Bits of the result.
    name : str
        Prefix of the signals' names.

    Returns
    -------
    window : Value
        Signed; meaningless if the result does not fit.
    spilled : Signal
        The result does not fit into ``width`` bits.
    """
    value = Value.cast(value)
    spilled: Value = Const(0, 1)
    for bit in reversed(range(len(shift))):
        step = min(1 << bit, len(value) - 1)
        jammed = Cat(value[: step + 1].any(), value[step + 1 :], value[-1].replicate(step))
        keep = min(width + (1 << bit) - 1, len(value))
        stage = Signal(keep, name=f"{name}_shifted_by_{1 << bit}")
        m.d.comb += stage.eq(Mux(shift[bit], jammed, value))
        spilled |= Mux(shift[bit], _differ(jammed[keep - 1 :]), _differ(value[keep - 1 :]))
        value = stage
    flag = Signal(name=f"{name}_spilled")
    m.d.comb += flag.eq(spilled)
    return value.as_signed(), flag


def _differ(bits: Value) -> Value:
    """Whether the bits are not all equal."""
    return bits.any() & ~bits.all()


def fits(value: Value, width: int) -> Value:
    """Whether ``value`` (signed) is a number of ``width`` signed bits."""
    return value[width - 1 :].all() | ~value[width - 1 :].any()


def overflow(value: Value, width: int, mode: Overflow) -> Value:
    """``value`` (signed) brought into ``width`` signed bits."""
    if mode is Overflow.WRAP or len(value) <= width:
        return value[:width].as_signed() if len(value) > width else value
    sign = value[-1]
    limit = Cat((~sign).replicate(width - 1), sign)
    return Mux(fits(value, width), value[:width], limit).as_signed()
