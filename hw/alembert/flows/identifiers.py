"""Names that Verilog, SystemVerilog and VHDL all take as they are."""

from __future__ import annotations

import re
from typing import NamedTuple

from amaranth.hdl import Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

__all__ = ["VERILOG_KEYWORDS", "Port", "ports_of", "require_identifier"]

# IEEE 1800-2017, annex B: a superset of the keywords of Verilog-1995, 2001 and 2005.
_VERILOG = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before
begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class
clocking cmos config const constraint context continue cover covergroup coverpoint cross deassign
default defparam design disable dist do edge else end endcase endchecker endclass endclocking
endconfig endfunction endgenerate endgroup endinterface endmodule endpackage endprimitive endprogram
endproperty endsequence endspecify endtable endtask enum event eventually expect export extends
extern final first_match for force foreach forever fork forkjoin function generate genvar global
highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import incdir include
initial inout input inside instance int integer interconnect interface intersect join join_any
join_none large let liblist library local localparam logic longint macromodule matches medium
modport module nand negedge nettype new nexttime nmos nor noshowcancelled not notif0 notif1 null or
output package packed parameter pmos posedge primitive priority program property protected pull0
pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence
rcmos real realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0
rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal
showcancelled signed small soft solve specify specparam static string strong strong0 strong1 struct
super supply0 supply1 sync_accept_on sync_reject_on table tagged task this throughout time
timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef union
unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait wait_order
wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""
VERILOG_KEYWORDS = frozenset(_VERILOG.split())
"""Words that are no names in any Verilog or SystemVerilog."""

# IEEE 1076-2008, 15.10: a superset of the reserved words of VHDL-87 and VHDL-93.
_VHDL = """
abs access after alias all and architecture array assert assume assume_guarantee attribute begin
block body buffer bus case component configuration constant context cover default disconnect downto
else elsif end entity exit fairness file for force function generate generic group guarded if impure
in inertial inout is label library linkage literal loop map mod nand new next nor not null of on
open or others out package parameter port postponed procedure process property protected pure range
record register reject release rem report restrict restrict_guarantee return rol ror select sequence
severity shared signal sla sll sra srl strong subtype then to transport type unaffected units until
use variable vmode vprop vunit wait when while with xnor xor
"""
_VHDL_KEYWORDS = frozenset(_VHDL.split())
_IDENTIFIER = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")


def require_identifier(what: str, name: str) -> None:
    """Check that a name of a module or a port can be written as it is in any of the languages.

    Raises
    ------
    ValueError
        It cannot.
    """
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError(
            f"{what} must be letters, digits and single underscores between them, "
            f"beginning with a letter, not {name!r}"
        )
    if _is_keyword(name):
        raise ValueError(f"{what} must be no keyword of Verilog or VHDL, not {name!r}")


def _is_keyword(name: str) -> bool:
    return name.lower() in VERILOG_KEYWORDS | _VHDL_KEYWORDS  # VHDL is not case-sensitive


class Port(NamedTuple):
    """A port of a component: the path of its member, the member, and its value."""

    path: tuple[str | int, ...]
    member: wiring.Member
    value: Value


def ports_of(component: wiring.Component) -> dict[str, Port]:
    """Ports by their names in Verilog, in the signature's order, without clock and reset.

    A member's name is the path to it, with single underscores. One that would be a keyword has its
    direction before it: ``end``, an output, is ``o_end``.

    Raises
    ------
    ValueError
        A port's name is not legal in Verilog or VHDL, or two ports would have the same.
    """
    ports: dict[str, Port] = {}
    taken = {"clk", "rst"}
    for path, member, value in component.signature.flatten(component):
        port = Port(path, member, Value.cast(value))
        if len(port.value) == 0:  # Verilog has no port of no bits
            continue
        name = "_".join(map(str, path))
        if _is_keyword(name):
            name = f"{'i' if member.flow is In else 'o'}_{name}"
        require_identifier("name of a port", name)
        if name.lower() in taken:
            raise ValueError(f"names of ports must differ, two are {name!r}")
        taken.add(name.lower())
        ports[name] = port
    return ports
