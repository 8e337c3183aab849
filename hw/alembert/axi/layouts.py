"""What the AXI manager's parts hand one another: commands, bursts, and buses as streams."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.axi import AxiConfig, AxiFault

__all__ = [
    "ReadBus",
    "ReadSignature",
    "WriteBus",
    "WriteSignature",
    "burst_layout",
    "command_layout",
    "hold_first",
    "response_fault",
    "word_layout",
]

Path = tuple[str | int, ...]

LENGTH_WIDTH = 8
"""Bits of a burst's length: its beats less one, as AXI counts them."""


def command_layout(config: AxiConfig) -> data.StructLayout:
    """{address: byte address of the first word, words: how many, at least 1}."""
    return data.StructLayout({"address": config.address_width, "words": config.WORDS_WIDTH})


def burst_layout(config: AxiConfig) -> data.StructLayout:
    """{address: byte address, length: beats less one, last: the command's last burst}."""
    return data.StructLayout({"address": config.address_width, "length": LENGTH_WIDTH, "last": 1})


def word_layout(word_width: int) -> data.StructLayout:
    """{data: a word, its first beat lowest, last: the command's, error: a beat was refused}."""
    return data.StructLayout({"data": word_width, "last": 1, "error": 1})


def _address_layout(config: AxiConfig, ids: dict[str, int]) -> data.StructLayout:
    return data.StructLayout(ids | {"address": config.address_width, "length": LENGTH_WIDTH})


class ReadBus(wiring.PureInterface):
    """What a :class:`ReadSignature` makes."""

    ar: stream.Interface
    r: stream.Interface


class WriteBus(wiring.PureInterface):
    """What a :class:`WriteSignature` makes."""

    aw: stream.Interface
    w: stream.Interface
    b: stream.Interface


class ReadSignature(wiring.Signature):
    """A read bus as its manager sees it: ``ar`` and ``r``, bursts of type INCR and full width.

    Parameters
    ----------
    config : AxiConfig
        Widths.
    with_id : bool
        Whether bursts carry an ID; those of a client do not, its arbiter gives it.

    Members
    -------
    ar : Out, stream of {[id,] address, length}
        ``length`` is beats less one.
    r : In, stream of {[id,] data, resp, last}, always ready
        Room is reserved before a burst is asked for.
    """

    def __init__(self, config: AxiConfig, *, with_id: bool) -> None:
        ids = {"id": config.id_width} if with_id else {}
        beat = data.StructLayout(ids | {"data": config.data_width, "resp": 2, "last": 1})
        super().__init__(
            {
                "ar": Out(stream.Signature(_address_layout(config, ids))),
                "r": In(stream.Signature(beat, always_ready=True)),
            }
        )

    def create(self, *, path: Path = (), src_loc_at: int = 0) -> ReadBus:
        """An interface of this signature."""
        return ReadBus(self, path=path, src_loc_at=1 + src_loc_at)


class WriteSignature(wiring.Signature):
    """A write bus as its manager sees it: ``aw``, ``w`` and ``b``; one ID, 0, for all.

    Members
    -------
    aw : Out, stream of {address, length}
    w : Out, stream of {data, strobe, last}
    b : In, stream of {resp}, always ready
    """

    def __init__(self, config: AxiConfig) -> None:
        beat = data.StructLayout(
            {"data": config.data_width, "strobe": config.beat_bytes, "last": 1}
        )
        response = data.StructLayout({"resp": 2})
        super().__init__(
            {
                "aw": Out(stream.Signature(_address_layout(config, {}))),
                "w": Out(stream.Signature(beat)),
                "b": In(stream.Signature(response, always_ready=True)),
            }
        )

    def create(self, *, path: Path = (), src_loc_at: int = 0) -> WriteBus:
        """An interface of this signature."""
        return WriteBus(self, path=path, src_loc_at=1 + src_loc_at)


def response_fault(resp: Value) -> Value:
    """RRESP or BRESP as an :class:`AxiFault`: 0b10 is SLVERR, 0b11 DECERR, the others are fine."""
    return Mux(resp[1], Mux(resp[0], AxiFault.DECERR, AxiFault.SLVERR), AxiFault.NONE)


def hold_first(
    m: Module, fault: Signal, address: Signal, causes: Sequence[tuple[Value, Value]]
) -> None:
    """Keep the first fault and its address; of those of one cycle, the first in ``causes``."""
    with m.If(fault == AxiFault.NONE):
        for kind, where in reversed(causes):
            with m.If(kind != AxiFault.NONE):
                m.d.sync += [fault.eq(kind), address.eq(where)]
