"""Commands of any length become bursts that AXI allows."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..config.axi import AxiConfig, AxiFault
from .layouts import LENGTH_WIDTH, burst_layout, command_layout

__all__ = ["BurstSplitter"]


class BurstSplitter(wiring.Component):
    """Cuts a command into bursts: each as long as the limit, the 4 KiB page and the rest allow.

    Parameters
    ----------
    config : AxiConfig
        Widths and the longest burst.
    word_width : int
        Bits of a word: 1, 2 or 4 times the data width.

    Members
    -------
    command : In, stream of {address, words}
        Byte address of the first word, and words, 1…2^24 − 1.
    o : Out, stream of {address, length, last}
        :meth:`AxiConfig.bursts`; ``length`` is beats less one, ``last`` is with a command's last.
    refusal : Out, AxiFault
        In the cycle that takes a command: why it is refused, see :meth:`AxiConfig.refusal`. It
        makes no burst, and no further command is taken until reset.

    Latency: ``latency`` cycles from the edge that takes a command to the one that can take its
    first burst. Throughput: a burst a cycle, with no gap between commands. Reset: drops everything.
    """

    command: stream.Interface
    o: stream.Interface
    refusal: Signal

    latency = 2

    def __init__(self, config: AxiConfig, word_width: int) -> None:
        self.config = config
        self._log2_beats = exact_log2(config.beats_per_word(word_width))
        super().__init__(
            {
                "command": In(stream.Signature(command_layout(config))),
                "o": Out(stream.Signature(burst_layout(config))),
                "refusal": Out(AxiFault),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        config = self.config
        skipped = exact_log2(config.beat_bytes)
        address = Signal(config.address_width - skipped)  # in beats
        left = Signal(config.WORDS_WIDTH + self._log2_beats)
        active, halted, advance, step, finish = (
            Signal(name=name) for name in ("active", "halted", "advance", "step", "finish")
        )

        offset = address[: exact_log2(config.page_beats)]
        to_page = Signal(range(config.page_beats + 1))
        limit = Signal(range(config.max_burst + 1))
        m.d.comb += [
            to_page.eq(config.page_beats - offset),
            limit.eq(
                Mux(
                    offset > config.page_beats - config.max_burst,
                    to_page,
                    config.max_burst,
                )
            ),
            advance.eq(~self.o.valid | self.o.ready),
            step.eq(active & advance),
            finish.eq(left <= limit),
            self.command.ready.eq(~halted & (~active | (step & finish))),
        ]
        with m.If(step):
            # a burst that does not finish the command is as long as the limit, and what is kept
            # of one that does, nobody looks at: the long sums need not wait for the rest
            m.d.sync += [
                address.eq(address + limit),
                left.eq(left - limit),
                active.eq(~finish),
            ]
        with m.If(advance):
            m.d.sync += [
                self.o.valid.eq(active),
                self.o.payload.address.eq(Cat(Const(0, skipped), address)),
                self.o.payload.length.eq(Mux(finish, left[:LENGTH_WIDTH] - 1, limit - 1)),
                self.o.payload.last.eq(finish),
            ]
        kind = self._check(m)
        is_fine = kind == AxiFault.NONE
        with m.If(self.command.valid & self.command.ready):
            m.d.comb += self.refusal.eq(kind)
            m.d.sync += [
                active.eq(is_fine),
                halted.eq(~is_fine),
                address.eq(self.command.payload.address[skipped:]),
                left.eq(self.command.payload.words << self._log2_beats),
            ]
        return m

    def _check(self, m: Module) -> Signal:
        """Why the command at the input cannot be executed."""
        command = self.command.payload
        word_bits = exact_log2(self.config.beat_bytes) + self._log2_beats
        first = command.address[word_bits:]
        end = Signal(max(len(first), len(command.words)) + 1)
        kind = Signal(AxiFault, name="kind")
        m.d.comb += end.eq(first + command.words)
        with m.If(command.address[:word_bits].any()):
            m.d.comb += kind.eq(AxiFault.MISALIGNED)
        with m.Elif(command.words == 0):
            m.d.comb += kind.eq(AxiFault.EMPTY)
        with m.Elif(end > 1 << len(first)):
            m.d.comb += kind.eq(AxiFault.OUT_OF_RANGE)
        return kind
