"""A register map as ports: what a register's fields are to the hardware behind them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from amaranth.hdl import ShapeLike, Value
from amaranth.lib import data
from amaranth.lib.wiring import Member, Out

from ..config.register_fields import REGISTER_BYTES, REGISTER_WIDTH, Access, Field, Half, Register
from ..config.register_map import RegisterMap

__all__ = ["field_value", "fields_of", "port_members"]


def fields_of(register: Register, access: Access) -> tuple[Field, ...]:
    """Its fields of one access."""
    return tuple(field for field in register.fields if field.access is access)


def _is_plain(register: Register) -> bool:
    """Whether a port of it is the number itself, not a struct of fields."""
    return [field.name for field in register.fields] == ["value"]


def _shape(register: Register, access: Access) -> ShapeLike:
    if register.half is not None:
        return 2 * REGISTER_WIDTH
    shapes: dict[str, ShapeLike] = {
        field.name: field.width for field in fields_of(register, access)
    }
    return shapes["value"] if _is_plain(register) else data.StructLayout(shapes)


def _init(register: Register, registers: RegisterMap, access: Access) -> dict[str, Any]:
    """The port's reset value, as an argument: Amaranth's stubs do not know it yet."""
    if register.half is not None:
        high = registers.at(register.offset + REGISTER_BYTES)
        return {"init": register.reset | (high.reset if high else 0) << REGISTER_WIDTH}
    resets = {field.name: field.reset for field in fields_of(register, access)}
    return {"init": resets["value"] if _is_plain(register) else resets}


def port_members(
    registers: RegisterMap, access: Access, *, without: frozenset[str] = frozenset()
) -> dict[str, Member]:
    """Outputs for what has fields of an access, by the register's name in lower case.

    A register is a struct of those fields; one with a single field ``value`` is that number;
    two halves are one number of 64 bits. Flip the signature for what goes into the registers.

    Parameters
    ----------
    registers : RegisterMap
    access : Access
    without : frozenset of str
        Ports that are left out.
    """
    return {
        register.port: Out(_shape(register, access), **_init(register, registers, access))
        for register in _with(registers, access)
        if register.port not in without
    }


def _with(registers: RegisterMap, access: Access) -> Iterator[Register]:
    for register in registers.registers:
        if access in register.accesses and register.half is not Half.HIGH:
            yield register


def field_value(ports: Any, register: Register, field: Field) -> Value:
    """The bits of a field in the interface made from :func:`port_members`."""
    port = getattr(ports, register.port)
    match register.half:
        case Half.LOW:
            return Value.cast(port)[:REGISTER_WIDTH]
        case Half.HIGH:
            return Value.cast(port)[REGISTER_WIDTH:]
    return Value.cast(port if _is_plain(register) else port[field.name])
