"""Parameters of a row's columns: read once, replayed for every row."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..config.machine import MachineConfig

__all__ = ["ParameterMemory"]


class ParameterMemory(wiring.Component):
    """Takes the words of a row's parameters, one or two a beat; gives them again and again.

    Parameters
    ----------
    machine : MachineConfig
        Width of a word, beats of the longest row.

    Members
    -------
    command : In, stream of {beats, pairs}, always ready
        A row of ``beats`` beats of one word each, or with ``pairs`` of two. What was replayed
        until then is forgotten, even a beat that is offered.
    i : In, stream of words
        As many as the command says.
    o : Out, stream of {first, second}
        From the moment when the last word has come: the row's beats without end. ``second`` has a
        meaning for ``pairs`` only.

    Latency: 2 cycles from the edge that takes the last word to the one that can take the first
    beat. Throughput: a word in, or a beat out, a cycle. Reset: forgets.
    """

    command: stream.Interface
    i: stream.Interface
    o: stream.Interface

    def __init__(self, machine: MachineConfig):
        self._width = machine.scratchpad.word_width
        self._depth = machine.special.beats
        self._command = data.StructLayout({"beats": range(self._depth + 1), "pairs": 1})
        beat = data.StructLayout({"first": self._width, "second": self._width})
        super().__init__(
            {
                "command": In(stream.Signature(self._command, always_ready=True)),
                "i": In(stream.Signature(self._width)),
                "o": Out(stream.Signature(beat)),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        command = Signal(self._command)
        filling, replaying, is_second = Signal(), Signal(), Signal()
        place, following = Signal(range(self._depth)), Signal(range(self._depth))
        is_last, store, advance, step = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            is_last.eq(place + 1 == command.beats),
            following.eq(Mux(is_last, 0, place + 1)),
            self.i.ready.eq(filling),
            store.eq(filling & self.i.valid),
            advance.eq(replaying & (~self.o.valid | self.o.ready)),
            step.eq(advance | (store & (is_second | ~command.pairs))),
        ]
        words = []
        for k, chosen in enumerate((~is_second, is_second)):
            memory = Memory(shape=self._width, depth=self._depth, init=[])
            m.submodules[f"words_{k}"] = memory
            write, read = memory.write_port(), memory.read_port(domain="sync")
            m.d.comb += [
                write.addr.eq(place),
                write.data.eq(self.i.payload),
                write.en.eq(store & chosen),
                read.addr.eq(place),
                read.en.eq(advance),
            ]
            words.append(read.data)
        m.d.comb += self.o.payload.as_value().eq(Cat(words))

        with m.If(store & command.pairs):
            m.d.sync += is_second.eq(~is_second)
        with m.If(step):
            m.d.sync += place.eq(following)
            with m.If(filling & is_last):
                m.d.sync += [filling.eq(0), replaying.eq(1)]
        with m.If(advance):
            m.d.sync += self.o.valid.eq(1)
        with m.If(self.command.valid):
            m.d.sync += [
                command.eq(self.command.payload),
                place.eq(0),
                is_second.eq(0),
                filling.eq(1),
                replaying.eq(0),
                self.o.valid.eq(0),
            ]
        return m
