"""Reads with back-pressure: room is reserved before a word is asked for."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from ..config.checks import require_between
from ..config.memory import ScratchpadConfig
from .ports import read_signature
from .scratchpad import Scratchpad

__all__ = ["ReadPort"]


class ReadPort(wiring.Component):
    """A stream of addresses becomes a stream of words, and either may stall on any cycle.

    The scratchpad's responses cannot wait. A request is therefore made only when there is a place
    for its word, counted from the request until the word has left.

    Parameters
    ----------
    config : ScratchpadConfig
        Widths of word and address.
    tag_width : int
        Bits that accompany an address and come out beside its word, 0…64.
    depth : int
        Words that may be under way or wait, 2…256; from ``min_depth`` on a word leaves every cycle.

    Members
    -------
    i : In, stream of {address, tag}
        Which words.
    o : Out, stream of {data, tag}
        The words, in order.
    memory : Out, read_signature
        To the scratchpad.

    Latency: ``latency`` cycles from the edge that takes an address to the one that can take its
    word, if the bank is free at once. Throughput: a word a cycle; with fewer places than
    ``min_depth``, ``depth`` words in ``min_depth`` cycles. Reset: drops what is under way; the
    scratchpad is to be reset in the same cycles, or would still answer. Where it is not, hold the
    reset for ``reset_cycles`` cycles, with no address offered after the first.

    Raises
    ------
    TypeError
        ``tag_width`` or ``depth`` is not an int.
    ValueError
        One of them is out of its range.
    """

    i: stream.Interface
    o: stream.Interface
    memory: Any

    latency = Scratchpad.read_latency + 1
    min_depth = latency + 1
    """One more than the latency: a place that is left is counted in the cycle after."""
    reset_cycles = Scratchpad.read_latency + 1

    def __init__(self, config: ScratchpadConfig, *, tag_width: int = 0, depth: int = 8):
        require_between("read port tag width", tag_width, 0, 64)
        require_between("read port depth", depth, 2, 256)
        self._config = config
        self._depth = depth
        self._tag_width = tag_width
        address = data.StructLayout({"address": config.address_width, "tag": tag_width})
        word = data.StructLayout({"data": config.word_width, "tag": tag_width})
        super().__init__(
            {
                "i": In(stream.Signature(address)),
                "o": Out(stream.Signature(word)),
                "memory": Out(read_signature(config)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        depth = self._depth
        request, response = self.memory.request, self.memory.response
        m.submodules.words = words = SyncFIFO(width=self._config.word_width, depth=depth)

        reserved = Signal(range(depth + 1))
        is_room, ask, leave = Signal(), Signal(), Signal()
        m.d.comb += [
            is_room.eq(reserved != depth),
            request.valid.eq(self.i.valid & is_room),
            request.payload.address.eq(self.i.payload.address),
            self.i.ready.eq(request.ready & is_room),
            ask.eq(request.valid & request.ready),
            words.w_data.eq(response.data),
            words.w_en.eq(response.valid),
            self.o.valid.eq(words.r_rdy),
            self.o.payload.data.eq(words.r_data),
            leave.eq(self.o.valid & self.o.ready),
            words.r_en.eq(leave),
        ]
        m.d.sync += reserved.eq(reserved + ask - leave)

        if self._tag_width:
            m.submodules.tags = tags = SyncFIFO(width=self._tag_width, depth=depth)
            m.d.comb += [
                tags.w_data.eq(self.i.payload.tag),
                tags.w_en.eq(ask),
                self.o.payload.tag.eq(tags.r_data),
                tags.r_en.eq(leave),
            ]
        return m
