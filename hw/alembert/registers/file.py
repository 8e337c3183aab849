"""A register file made from its description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config.register_fields import (
    REGISTER_BYTES,
    REGISTER_WIDTH,
    Access,
    Field,
    Half,
    Register,
)
from ..config.register_map import RegisterMap
from .axi_lite import AxiLiteBus, AxiLiteSignature, Response
from .ports import field_value, fields_of, port_members
from .subordinate import AxiLiteSubordinate

__all__ = ["RegisterFile"]


class RegisterFile(wiring.Component):
    """All registers of a map behind an AXI4-Lite port.

    Parameters
    ----------
    registers : RegisterMap
        With all its constants filled in.

    Members
    -------
    bus : In, AxiLiteSignature
    settings : Out, a port for each register with RW fields
        What software has written; :func:`.ports.port_members` says what a port is.
    pulses : Out, a port for each register with PULSE fields
        High for one cycle, the one after the write.
    reports : In, a port for each register with RO fields
        Read as they are; never written.
    events : In, a port for each register with W1C fields
        High for a cycle: sets the flag, also if software clears it in this cycle.
    flags : Out, the same ports
        The flags as they are.
    lock : In
        Locked fields refuse writes. Set in the cycle after the pulse that makes it so, it refuses
        the very next write.
    refused : Out
        Such a write is refused in this cycle.

    A write changes the bytes whose strobes are set. The response is SLVERR, and nothing at all has
    changed, if the register has no field that can be written; or if a locked field is meant while
    ``lock``: a strobe is set for one of its bytes, or the 1 of a pulse is written. It is DECERR,
    and a read gives 0, where there is no register. Bits between fields read as 0 and are not
    written.

    Reading the low half of an RO number of 64 bits keeps its high half, and reading that gives
    what was kept, until the low half of another one is read: both halves are of one moment.

    Latency and throughput are :class:`AxiLiteSubordinate`'s. Reset: every field to its reset value,
    nothing kept.

    Raises
    ------
    ValueError
        A constant of the map has no value.
    """

    bus: AxiLiteBus
    settings: Any
    pulses: Any
    reports: Any
    events: Any
    flags: Any
    lock: Signal
    refused: Signal

    latency = AxiLiteSubordinate.latency
    interval = AxiLiteSubordinate.interval

    def __init__(self, registers: RegisterMap) -> None:
        if registers.unknown:
            raise ValueError(f"constants must be filled in: {', '.join(registers.unknown)}")
        self.registers = registers

        def ports(access: Access) -> wiring.Signature:
            return wiring.Signature(port_members(registers, access))

        super().__init__(
            {
                "bus": In(AxiLiteSignature(registers.address_width)),
                "settings": Out(ports(Access.RW)),
                "pulses": Out(ports(Access.PULSE)),
                "reports": In(ports(Access.RO)),
                "events": In(ports(Access.W1C)),
                "flags": Out(ports(Access.W1C)),
                "lock": In(1),
                "refused": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.subordinate = subordinate = AxiLiteSubordinate(self.registers.address_width)
        connect(m, flipped(self.bus), subordinate.bus)
        self._write(m, subordinate)
        self._read(m, subordinate)
        return m

    def _fields(self, access: Access) -> Iterator[tuple[Register, Field]]:
        for register in self.registers.registers:
            for field in fields_of(register, access):
                yield register, field

    def _write(self, m: Module, bus: AxiLiteSubordinate) -> None:
        strobed = Cat(strobe.replicate(8) for strobe in bus.write_strobe)
        written = bus.write_data & strobed  # what pulses and flags see
        cleared: dict[tuple[str, str], Signal] = {}
        for register, field in self._fields(Access.PULSE):
            m.d.sync += field_value(self.pulses, register, field).eq(0)
        for register, field in self._fields(Access.W1C):
            clear = Signal(field.width, name=f"clear_{register.port}_{field.name}")
            flag = field_value(self.flags, register, field)
            m.d.sync += flag.eq((flag & ~clear) | field_value(self.events, register, field))
            cleared[register.port, field.name] = clear

        def accept(register: Register, field: Field) -> None:
            low, high = field.low, field.low + field.width
            match field.access:
                case Access.RW:
                    value = field_value(self.settings, register, field)
                    kept = value & ~strobed[low:high]
                    m.d.sync += value.eq(kept | written[low:high])
                case Access.PULSE:
                    m.d.sync += field_value(self.pulses, register, field).eq(written[low:high])
                case Access.W1C:
                    m.d.comb += cleared[register.port, field.name].eq(written[low:high])

        def meant(field: Field) -> Value:
            bits = strobed if field.access is Access.RW else written
            return bits[field.low : field.low + field.width].any()

        locked = Signal()
        m.d.comb += [
            bus.write_response.eq(Response.DECERR),
            self.refused.eq(bus.write & locked),
        ]
        with m.Switch(bus.write_index):
            for register in self.registers.registers:
                with m.Case(register.index):
                    if not register.is_writable:
                        m.d.comb += bus.write_response.eq(Response.SLVERR)
                        continue
                    locks = [meant(field) for field in register.fields if field.is_locked]
                    m.d.comb += [
                        locked.eq(self.lock & Cat(locks).any()),
                        bus.write_response.eq(Mux(locked, Response.SLVERR, Response.OKAY)),
                    ]
                    with m.If(bus.write & ~locked):
                        for field in register.fields:
                            accept(register, field)

    def _contents(self, register: Register) -> Value:
        """What a register reads as."""
        sources = {
            Access.RO: self.reports,
            Access.RW: self.settings,
            Access.W1C: self.flags,
        }
        parts, end = [], 0
        for field in register.fields:
            parts.append(Const(0, field.low - end))
            if field.access in sources:
                parts.append(field_value(sources[field.access], register, field))
            else:
                parts.append(Const(field.reset or 0, field.width))
            end = field.low + field.width
        return Cat(*parts, Const(0, REGISTER_WIDTH - end))

    def _read(self, m: Module, bus: AxiLiteSubordinate) -> None:
        # two registers side by side are chosen together: the high half is there to be kept
        words = [Signal(REGISTER_WIDTH, name=f"word_{place}") for place in range(2)]
        exists = Signal(2)
        is_report = Signal()  # of 64 bits
        double, place = bus.read_index[1:], bus.read_index[0]
        with m.Switch(double):
            for number in sorted({register.index // 2 for register in self.registers.registers}):
                with m.Case(number):
                    for odd in range(2):
                        offset = (2 * number + odd) * REGISTER_BYTES
                        register = self.registers.at(offset)
                        if register is None:
                            continue
                        m.d.comb += [
                            words[odd].eq(self._contents(register)),
                            exists[odd].eq(1),
                        ]
                        if register.half is Half.LOW and Access.RO in register.accesses:
                            m.d.comb += is_report.eq(1)

        kept, kept_of = Signal(REGISTER_WIDTH), Signal.like(double)
        is_kept = Signal()
        with m.If(bus.read & is_report & ~place):
            m.d.sync += [kept.eq(words[1]), kept_of.eq(double), is_kept.eq(1)]
        high = Mux(is_kept & (kept_of == double), kept, words[1])
        m.d.comb += [
            bus.read_data.eq(Mux(place, high, words[0])),
            bus.read_response.eq(
                Mux(Mux(place, exists[1], exists[0]), Response.OKAY, Response.DECERR)
            ),
        ]
