# amaranth: UnusedElaboratable=no
"""An operand in the scratchpad, as the vectors of V codes that the array takes."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config import VmacArrayConfig
from ..config.memory import ScratchpadConfig
from ..memory import ReadPort, read_signature
from .fork import fork
from .layouts import WalkCommand, vector_layout
from .walker import Items, ProductWalker

__all__ = ["OperandReader"]


class OperandReader(wiring.Component):
    """V codes an item of a product, V / W words side by side, each through a port of its own.

    A row's last pass may have fewer words: those beyond the depth are not read, and are zero. So
    nothing depends on what follows a row, or on there being anything.

    Parameters
    ----------
    scratchpad : ScratchpadConfig
        W and widths.
    array : VmacArrayConfig
        V, C, R.
    items : Items
        Whether a pass needs a vector a row or a vector a column.

    Members
    -------
    command : In, stream of WalkCommand
        Address of the first word; ``steps`` in words.
    o : Out, stream of {codes: 8 · V bits, last}
        The vectors; ``last`` with a command's last.
    read_0 … : Out, read_signature
        ``ports`` of them, to the scratchpad.

    Latency: ``latency`` cycles from the edge that takes a command to the one that can take its
    first vector, if the banks are free. Throughput: a vector a cycle, across commands too. Reset:
    as :class:`alembert.memory.ReadPort`.
    """

    command: stream.Interface
    o: stream.Interface

    latency = ProductWalker.latency + ReadPort.latency

    def __init__(self, scratchpad: ScratchpadConfig, array: VmacArrayConfig, items: Items):
        self._scratchpad = scratchpad
        self.ports = array.vmac.lanes // scratchpad.codes
        width = scratchpad.address_width
        self._walker = ProductWalker(array, items, address_width=width)
        super().__init__(
            {
                "command": In(stream.Signature(WalkCommand(width))),
                "o": Out(stream.Signature(vector_layout(array))),
                **{f"read_{k}": Out(read_signature(scratchpad)) for k in range(self.ports)},
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.walker = walker = self._walker
        connect(m, flipped(self.command), walker.command)
        step, count, codes = walker.o.payload, self.ports, self._scratchpad.codes

        # the first port's tag: which of the others have a word too, and whether this is the end
        present = Cat(step.lanes > k * codes for k in range(count))
        tag = Cat(step.ends.all(), present[1:])
        ports = []
        for k in range(count):
            port = ReadPort(self._scratchpad, tag_width=0 if k else count)
            m.submodules[f"port_{k}"] = port
            connect(m, flipped(getattr(self, f"read_{k}")), port.memory)
            m.d.comb += port.i.payload.address.eq(step.address + k)
            ports.append(port)
        m.d.comb += ports[0].i.payload.tag.eq(tag)
        takers = [(present[k], port.i.valid, port.i.ready) for k, port in enumerate(ports)]
        m.d.comb += walker.o.ready.eq(fork(m, walker.o.valid, takers, name="ports"))

        last, wanted, there = Signal(), Signal(count), Signal()
        m.d.comb += [
            Cat(last, wanted[1:]).eq(ports[0].o.payload.tag),
            wanted[0].eq(1),
            there.eq(Cat(~wanted[k] | port.o.valid for k, port in enumerate(ports)).all()),
            self.o.valid.eq(there),
            self.o.payload.last.eq(last),
        ]
        words = [Mux(wanted[k], port.o.payload.data, 0) for k, port in enumerate(ports)]
        m.d.comb += self.o.payload.codes.eq(Cat(words))
        for k, port in enumerate(ports):
            m.d.comb += port.o.ready.eq(there & self.o.ready & wanted[k])
        return m
