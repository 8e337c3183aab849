"""What an array asks of a pair of formats: the plug between number formats and systolic chain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from amaranth.hdl import Module, ShapeLike, Signal, Value, ValueLike, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import FormatPair

__all__ = ["Arithmetic", "DotProduct"]


class DotProduct(wiring.Component):
    """o + carry = Σ activations · weights, exact, over V lanes; a new sum every cycle.

    The last carry is left to the accumulator, whose adder has a carry input to spare. A subclass
    sets ``latency`` and ``has_carry``. There is no handshake and no enable: what enters leaves
    ``latency`` cycles later, and lanes that are zero add nothing.

    Parameters
    ----------
    lanes : int
        V.
    activation_lane, weight_lane : ShapeLike
        One operand as :class:`Arithmetic` prepares it.
    correction_width : int
        Bits of ``correction``.
    width : int
        Bits of the signed result.

    Members
    -------
    activations : In, V lanes
    weights : In, V lanes, stationary
    correction : In, unsigned, stationary, if it has bits
        A sum over the weights alone that the lanes leave out.
    o : Out, signed
    carry : Out, if ``has_carry``
    """

    activations: data.View
    weights: data.View
    correction: Signal
    o: Signal
    carry: Signal

    latency: int
    has_carry = False

    def __init__(
        self,
        *,
        lanes: int,
        activation_lane: ShapeLike,
        weight_lane: ShapeLike,
        correction_width: int,
        width: int,
    ):
        members = {
            "activations": In(data.ArrayLayout(activation_lane, lanes)),
            "weights": In(data.ArrayLayout(weight_lane, lanes)),
            "o": Out(signed(width)),
        }
        if correction_width:
            members["correction"] = In(correction_width)
        if self.has_carry:
            members["carry"] = Out(1)
        super().__init__(members)

    def elaborate(self, platform) -> Module:
        raise NotImplementedError


class Arithmetic(ABC):
    """How to multiply one pair of formats in an array.

    Work that depends on an activation alone is done once an array, before the vector enters the
    chain (:meth:`prepare_activation`); work that depends on a weight alone is done once a load
    (:meth:`prepare_weight`). What is left for each of the C · V lanes is the least it can be.

    Parameters
    ----------
    pair : FormatPair
        The two formats.
    lanes : int
        V.
    levels_per_stage : int
        Adder levels between two pipeline registers.
    """

    activation_lane: data.StructLayout
    """A prepared activation; all bits zero is the value zero."""
    weight_lane: data.StructLayout
    """A prepared weight."""
    correction_width: int

    def __init__(self, pair: FormatPair, *, lanes: int, levels_per_stage: int):
        self.pair = pair
        self.lanes = lanes
        self.levels_per_stage = levels_per_stage

    @abstractmethod
    def prepare_activation(self, m: Module, code: ValueLike, name: str) -> Value:
        """The lane of an activation code."""

    @abstractmethod
    def prepare_weight(self, m: Module, code: ValueLike, name: str) -> Value:
        """The lane of a weight code."""

    @abstractmethod
    def correction(self, m: Module, lanes: Sequence[data.View]) -> Value:
        """The correction of a vector of prepared weights."""

    @abstractmethod
    def dot_product(self) -> DotProduct:
        """A new dot-product component."""

    @property
    def dot_width(self) -> int:
        """Bits of the signed sum of V products."""
        return self.pair.accumulator_width(self.lanes)
