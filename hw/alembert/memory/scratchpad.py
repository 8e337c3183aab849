# amaranth: UnusedElaboratable=no
"""The words between the units: banks, and who may use them in a cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_, xor
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config.memory import ScratchpadConfig, ScratchpadFault
from ..hierarchy import emit_once
from .bank import SramBank
from .ports import read_signature, write_signature

__all__ = ["Scratchpad"]


@dataclass(frozen=True)
class _Accepted:
    """A request in the cycle after its transfer, when the banks see it."""

    select: Signal
    """One bit a bank: the one it is for; none without a request, or if it is outside."""
    row: Value
    payload: data.View
    outside: Signal


class Scratchpad(wiring.Component):
    """Memory of banks that all ports reach; ports that want different banks do not wait.

    A bank reads one word and writes one word in each cycle. Of the ports that want to read from
    one bank the first in the order of ``readers`` is served and the others wait; likewise of those
    that want to write. Which bank a word is in says :meth:`ScratchpadConfig.bank_of`.

    A read that is taken in a later cycle than a write to the same word gets what was written; in
    the same cycle, or an earlier one, what was there before.

    Parameters
    ----------
    config : ScratchpadConfig
        Words, banks and widths.
    readers, writers : sequence of str
        Names of the ports, the most urgent first; 1…16 of each.

    Members
    -------
    read_NAME : In, read_signature, for each reader
        Requests may wait; a response comes ``read_latency`` cycles after the transfer of its
        request.
    write_NAME : In, write_signature, for each writer
        Codes that the mask lets in. A mask of 0 writes nothing, but takes the bank's turn.
    clear : In
        Forgets the fault; one that occurs in the same cycle is kept.
    fault : Out, ScratchpadFault
        The first since reset or clear, ``fault_latency`` cycles after the request was taken. Of
        several in one cycle it is a read's before a write's, then the most urgent port's.
    fault_port : Out
        Its position in ``readers`` or ``writers``.

    Latency: ``read_latency`` cycles, always: register after the arbiter, bank, register after the
    selection of the bank. Throughput: a word a cycle at every port that does not have to wait.
    Reset: drops the reads under way and clears the fault; what is stored stays, and a write whose
    transfer was before the reset is done. Requests in the cycles of a reset are lost.

    Raises
    ------
    TypeError
        ``readers`` or ``writers`` is not a sequence of names.
    ValueError
        There are too few or too many, or a name is no identifier or not the only one.
    """

    clear: Signal
    fault: Signal
    fault_port: Signal

    read_latency = 2 + SramBank.latency
    fault_latency = 2
    max_ports = 16

    def __init__(self, config: ScratchpadConfig, readers: Sequence[str], writers: Sequence[str]):
        self.config = config
        self.readers = self._checked("readers", readers)
        self.writers = self._checked("writers", writers)
        most = max(len(self.readers), len(self.writers))
        super().__init__(
            {
                **{f"read_{name}": In(read_signature(config)) for name in self.readers},
                **{f"write_{name}": In(write_signature(config)) for name in self.writers},
                "clear": In(1),
                "fault": Out(ScratchpadFault),
                "fault_port": Out(max(1, (most - 1).bit_length())),
            }
        )

    @classmethod
    def _checked(cls, what: str, names: Sequence[str]) -> tuple[str, ...]:
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"scratchpad {what} must be a sequence of names, not {names!r}")
        if not 1 <= len(names) <= cls.max_ports:
            raise ValueError(
                f"scratchpad {what} must be between 1 and {cls.max_ports}, not {len(names)}"
            )
        for k, name in enumerate(names):
            if not name.isidentifier() or name in names[:k]:
                raise ValueError(f"scratchpad {what} must be distinct identifiers, not {name!r}")
        return tuple(names)

    def reader(self, name: str) -> Any:
        """The port ``read_NAME``."""
        return getattr(self, f"read_{name}")

    def writer(self, name: str) -> Any:
        """The port ``write_NAME``."""
        return getattr(self, f"write_{name}")

    def elaborate(self, platform) -> Module:
        m = Module()
        ports = [self.reader(name) for name in self.readers]
        reads = self._accept(m, [port.request for port in ports], "read")
        writes = self._accept(m, [self.writer(name) for name in self.writers], "write")
        words = self._banks(m, reads, writes)
        for k, (port, read) in enumerate(zip(ports, reads)):
            self._respond(m, port.response, read, words, name=f"read_{k}")
        self._keep_first_fault(m, reads, writes)
        return m

    def _accept(
        self, m: Module, requests: Sequence[stream.Interface], kind: str
    ) -> list[_Accepted]:
        """Serve a request unless a more urgent one is for the same bank; register it."""
        config, accepted = self.config, []
        banks: list[Signal] = []
        for k, request in enumerate(requests):
            address = request.payload.address
            bank = Signal(config.bank_width, name=f"{kind}_{k}_bank")
            index = address[: config.index_width]
            starts = range(0, config.index_width, config.bank_width)
            m.d.comb += bank.eq(reduce(xor, (index[s : s + config.bank_width] for s in starts)))
            # whichever of the others is served: with one of them there, this one is not
            blocked = [other.valid & (bank == banks[j]) for j, other in enumerate(requests[:k])]
            m.d.comb += request.ready.eq(~Cat(blocked).any())
            banks.append(bank)

            valid = Signal(name=f"{kind}_{k}_valid")
            wanted = Signal(config.banks, name=f"{kind}_{k}_wanted")
            payload = data.View(
                request.payload.shape(),
                Signal(request.payload.shape().size, name=f"{kind}_{k}_payload"),
            )
            m.d.sync += valid.eq(request.valid & request.ready)
            with m.If(request.valid):
                m.d.sync += [payload.eq(request.payload), wanted.eq(1 << bank)]
            row = payload.address[config.bank_width :]
            outside = Signal(name=f"{kind}_{k}_outside")
            select = Signal(config.banks, name=f"{kind}_{k}_select")
            m.d.comb += [
                outside.eq(valid & (row >= config.rows)),
                select.eq(Mux(valid & ~outside, wanted, 0)),
            ]
            accepted.append(_Accepted(select, row, payload, outside))
        return accepted

    def _banks(self, m: Module, reads: list[_Accepted], writes: list[_Accepted]) -> list[Value]:
        """The banks, each with the one read and the one write that are for it."""
        words: list[Value] = []
        for b in range(self.config.banks):
            bank = SramBank(self.config)
            m.submodules[f"bank_{b}"] = emit_once(bank, key=self.config)

            def chosen(requests: list[_Accepted], value_of, *, b: int = b) -> Value:
                # at most one is selected: no priority, only a sum of products
                terms = (Mux(request.select[b], value_of(request), 0) for request in requests)
                return reduce(or_, terms)

            m.d.comb += [
                bank.read_enable.eq(chosen(reads, lambda _: 1)),
                bank.read_address.eq(chosen(reads, lambda read: read.row)),
                bank.write_mask.eq(chosen(writes, lambda write: write.payload.mask)),
                bank.write_address.eq(chosen(writes, lambda write: write.row)),
                bank.write_data.eq(chosen(writes, lambda write: write.payload.data)),
            ]
            words.append(bank.read_data)
        return words

    def _respond(
        self, m: Module, response, read: _Accepted, words: list[Value], *, name: str
    ) -> None:
        """Word of the bank that was read; zeros if none was."""
        valid = Signal(name=f"{name}_reading")
        select = Signal(self.config.banks, name=f"{name}_read_from")
        m.d.sync += [
            valid.eq(read.select.any() | read.outside),
            select.eq(read.select),
            response.valid.eq(valid),
        ]
        with m.If(valid):
            terms = (Mux(select[b], word, 0) for b, word in enumerate(words))
            m.d.sync += response.data.eq(reduce(or_, terms))

    def _keep_first_fault(self, m: Module, reads: list[_Accepted], writes: list[_Accepted]) -> None:
        """Latch the first fault; the most urgent of a cycle is assigned last."""
        faults = [(read, ScratchpadFault.READ_OUTSIDE, k) for k, read in enumerate(reads)]
        faults += [(write, ScratchpadFault.WRITE_OUTSIDE, k) for k, write in enumerate(writes)]
        with m.If(self.clear):
            m.d.sync += [self.fault.eq(ScratchpadFault.NONE), self.fault_port.eq(0)]
        with m.If((self.fault == ScratchpadFault.NONE) | self.clear):
            for request, fault, port in reversed(faults):
                with m.If(request.outside):
                    m.d.sync += [self.fault.eq(fault), self.fault_port.eq(port)]
