# amaranth: UnusedElaboratable=no
"""What reads from and writes to a scratchpad in rows, with a scratchpad behind it."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import pytest
from alembert.config.memory import ScratchpadConfig, WalkerConfig
from alembert.memory import ReadPort, RowReader, RowWriter, Scratchpad, read_signature
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from support.simulate import SIMULATORS, simulate

CONFIG = ScratchpadConfig(word_width=32, words=64, banks=4, address_width=7)
WALKER = WalkerConfig(levels=2, address_width=7, count_width=6, increment_width=7)
SHALLOW = 2


class Probe(wiring.Component):
    """A scratchpad with a row writer, a row reader, two read ports, and a bare port before them.

    Members
    -------
    rival : In, ReadSignature
        The scratchpad's most urgent port.
    write_command, i, done
        Of the row writer.
    command, o
        Of the row reader.
    deep_i, deep_o
        Of a read port that just sustains a word a cycle.
    shallow_i, shallow_o
        Of one that does not.
    reset_readers : In
        Resets the readers alone.
    """

    rival: Any
    write_command: stream.Interface
    i: stream.Interface
    done: Signal
    command: stream.Interface
    o: stream.Interface
    deep_i: stream.Interface
    deep_o: stream.Interface
    shallow_i: stream.Interface
    shallow_o: stream.Interface
    reset_readers: Signal

    def __init__(self) -> None:
        self._writer = writer = RowWriter(CONFIG, WALKER)
        self._reader = reader = RowReader(CONFIG, WALKER)
        self._deep = deep = ReadPort(CONFIG, tag_width=3, depth=ReadPort.min_depth)
        self._shallow = shallow = ReadPort(CONFIG, depth=SHALLOW)
        super().__init__(
            {
                "rival": In(read_signature(CONFIG)),
                "write_command": In(writer.command.signature.flip()),
                "i": In(writer.i.signature.flip()),
                "done": Out(1),
                "command": In(reader.command.signature.flip()),
                "o": Out(reader.o.signature),
                "deep_i": In(deep.i.signature.flip()),
                "deep_o": Out(deep.o.signature),
                "shallow_i": In(shallow.i.signature.flip()),
                "shallow_o": Out(shallow.o.signature),
                "reset_readers": In(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.scratchpad = pad = Scratchpad(
            CONFIG, ("rival", "rows", "deep", "shallow"), ("rows",)
        )
        readers = ResetInserter({"sync": self.reset_readers})
        m.submodules.writer = self._writer
        m.submodules.reader = readers(self._reader)
        m.submodules.deep = readers(self._deep)
        m.submodules.shallow = readers(self._shallow)
        connect(m, flipped(self.rival), pad.reader("rival"))
        connect(m, self._writer.memory, pad.writer("rows"))
        connect(m, self._reader.memory, pad.reader("rows"))
        connect(m, self._deep.memory, pad.reader("deep"))
        connect(m, self._shallow.memory, pad.reader("shallow"))
        connect(m, flipped(self.write_command), self._writer.command)
        connect(m, flipped(self.i), self._writer.i)
        connect(m, flipped(self.command), self._reader.command)
        connect(m, flipped(self.o), self._reader.o)
        connect(m, flipped(self.deep_i), self._deep.i)
        connect(m, flipped(self.deep_o), self._deep.o)
        connect(m, flipped(self.shallow_i), self._shallow.i)
        connect(m, flipped(self.shallow_o), self._shallow.o)
        m.d.comb += self.done.eq(self._writer.done)
        return m


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_rtl_equals_model(simulator: str) -> None:
    simulate(
        Probe(),
        simulator=simulator,
        module="memory.bench_rows",
        top="rows_probe",
        config=asdict(CONFIG),
        walker=asdict(WALKER),
        shallow=SHALLOW,
    )


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"depth": 1}, ValueError, "read port depth must be between 2 and 256, not 1"),
        ({"depth": 257}, ValueError, "read port depth must be between 2 and 256, not 257"),
        ({"depth": 8.0}, TypeError, "read port depth must be an int, not 8.0"),
        ({"tag_width": -1}, ValueError, "read port tag width must be between 0 and 64, not -1"),
    ],
)
def test_read_port_refuses(fields: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        ReadPort(CONFIG, **fields)


@pytest.mark.parametrize(("kind", "name"), [(RowReader, "row reader"), (RowWriter, "row writer")])
def test_walker_must_fit(kind: type, name: str) -> None:
    message = f"{name}'s addresses must have 7 bits, not 20"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        kind(CONFIG, WalkerConfig())
