# amaranth: UnusedElaboratable=no
"""Names of modules and ports: legal everywhere, one meaning each, and made from what is meant."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from alembert.config import preset
from alembert.flows.designs import designs
from alembert.flows.identifiers import ports_of, require_identifier
from alembert.flows.plain_names import with_plain_names
from alembert.flows.verilog import generate_verilog
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

# As Yosys writes it: a path, a field, second signals of a name, keywords, and a child's ports.
ESCAPED = """\
module \\top.part (clk, i__payload, \\end , \\o$3 );
  input clk;
  wire clk;
  input [3:0] i__payload;
  output \\end ;
  reg \\end  = 1'h0;
  output \\o$3 ;
  (* enum_value_0 = "A__B" *)
  wire o_3;
  assign \\o$3  = i__payload == 4'he;
endmodule

module top(clk, i__payload, \\begin , o);
  wire [3:0] i_payload;
  wire \\i__payload.last ;
  wire \\$7 ;
  wire _0_;
  \\top.part  part (
    .clk(clk),
    .i__payload(i__payload),
    .\\end (\\begin ),
    .\\o$3 (\\$7 )
  );
  assign o = $signed(8'hff) > \\i__payload.last ;
endmodule
"""
PLAIN = """\
module top(clk, i_payload, i_begin, o);
  wire [3:0] i_payload_1;
  wire i_payload_last;
  wire n7;
  wire _0_;
  top_part part (
    .clk(clk),
    .i_payload(i_payload),
    .end_1(i_begin),
    .o_3(n7)
  );
  assign o = $signed(8'hff) > i_payload_last;
endmodule

module top_part(clk, i_payload, end_1, o_3);
  input clk;
  wire clk;
  input [3:0] i_payload;
  output end_1;
  reg end_1 = 1'h0;
  output o_3;
  (* enum_value_0 = "A__B" *)
  wire o_3_1;
  assign o_3 = i_payload == 4'he;
endmodule
"""


def test_every_name_becomes_plain() -> None:
    ports = {"i__payload": "i_payload", "begin": "i_begin"}
    assert with_plain_names(ESCAPED, top="top", ports=ports) == PLAIN
    assert with_plain_names(PLAIN, top="top", ports={}) == PLAIN


class _Ports(wiring.Component):
    """Whatever ports are asked for, driven or not."""

    def elaborate(self, platform) -> Module:
        return Module()


def test_ports_are_legal_in_every_language() -> None:
    """``end`` is Verilog's, ``out`` VHDL's."""
    members = {"end": Out(1), "out": In(2), "i": In(stream.Signature(1)), "a": In(3).array(2)}
    component = _Ports(members)
    assert list(ports_of(component)) == [
        *("o_end", "i_out", "i_payload", "i_valid", "i_ready", "a_0", "a_1")
    ]
    text = generate_verilog(component, name="odd")
    header = text[text.index("\nmodule odd(") :].partition(";")[0]
    found = set(re.findall(r"\w+", header.partition("(")[2]))
    assert found >= {"i_out", "i_valid", "a_0", "a_1"}
    assert not found - {"clk", "rst", *ports_of(component)}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"i": In(stream.Signature(1)), "i_valid": In(1)},
            "names of ports must differ, two are 'i_valid'",
        ),
        ({"a": In(1), "A": In(1)}, "names of ports must differ, two are 'A'"),
        ({"rst": In(1)}, "names of ports must differ, two are 'rst'"),
        (
            {"a_": In(1)},
            "name of a port must be letters, digits and single underscores between them, "
            "beginning with a letter, not 'a_'",
        ),
    ],
)
def test_ports_that_have_no_name_are_refused(members: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        generate_verilog(_Ports(members), name="odd")


@pytest.mark.parametrize("name", ["1a", "a__b", "_a", "a_", "", "a b", "a.b", "ä", "a$"])
def test_what_is_no_identifier_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^x must be letters, digits and single underscores "):
        require_identifier("x", name)


@pytest.mark.parametrize("name", ["module", "logic", "entity", "Signal"])
def test_keywords_are_refused(name: str) -> None:
    message = f"^x must be no keyword of Verilog or VHDL, not '{name}'$"
    with pytest.raises(ValueError, match=message):
        require_identifier("x", name)


def test_designs_are_named_after_preset_and_configuration() -> None:
    tiny = preset("tiny")
    other = replace(tiny, machine=replace(tiny.machine, longest_row=32))
    again = replace(tiny, machine=replace(tiny.machine, longest_row=32), summary="another")
    mine = replace(tiny, name="mine")
    assert [design.top for design in designs(tiny)][:2] == ["alembert_tiny", "vmac_array_tiny"]
    assert re.fullmatch(r"gelu_tiny_[0-9a-f]{8}", designs(other)[6].top)
    assert designs(other)[6].top == designs(again)[6].top
    assert re.fullmatch(r"gelu_mine_[0-9a-f]{8}", designs(mine)[6].top)
    prefixed = designs(tiny, prefix="a_")
    assert [design.stem for design in prefixed] == [f"a_{each.name}" for each in designs(tiny)]
    assert [design.top for design in prefixed] == [f"a_{each.top}" for each in designs(tiny)]
    machine = designs(tiny)[0]
    assert machine.unit_modules["dma"] == "alembert_tiny_core_dma"
    assert set(machine.unit_modules.values()) <= set(
        re.findall(r"^module (\w+)", machine.verilog(), re.MULTILINE)
    )


@pytest.mark.parametrize("prefix", ["1", "a__", "a-", "_", "module "])
def test_prefixes_that_begin_no_name_are_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"^prefix must be letters, digits and single"):
        designs(preset("tiny"), prefix=prefix)


def test_names_of_presets_are_checked() -> None:
    with pytest.raises(ValueError, match=r"^name of a preset must be .*, not 'my chip'$"):
        designs(replace(preset("tiny"), name="my chip"))
