"""A module around a machine with a register behind every input, in which simulation is faster.

What follows from an input without a register between is then computed with all the rest, once a
cycle, and not again whenever an input might have changed.
"""

from __future__ import annotations

from alembert.axi import read_ports, write_ports
from alembert.config.machine import MachineConfig
from alembert.config.registers import REGISTERS
from alembert.registers import axi_lite_ports
from amaranth.hdl import Shape
from amaranth.lib.wiring import In

__all__ = ["CLOCKED", "TOP", "clocked_inputs", "clocked_top"]

TOP = "alembert"
"""The machine's own module."""
CLOCKED = "clocked"
"""The module around it."""


def _ports(config: MachineConfig) -> tuple[dict[str, int], dict[str, int]]:
    """Widths of inputs and of outputs, by name; without the clock."""
    members = axi_lite_ports(REGISTERS.address_width)
    members |= read_ports(config.axi) | write_ports(config.axi)
    outputs = {"irq": 1}
    inputs = {"rst": 1}
    for name, member in members.items():
        (inputs if member.flow is In else outputs)[name] = Shape.cast(member.shape).width
    return inputs, outputs


def clocked_inputs(config: MachineConfig) -> list[str]:
    """Names of the inputs that have a register, the reset among them."""
    return list(_ports(config)[0])


def clocked_top(config: MachineConfig) -> str:
    """Verilog of the module :data:`CLOCKED` around :data:`TOP`.

    What is set before an edge of ``clk`` is what the machine sees in the cycle after it. ``sample``
    rises in the middle of each cycle: who looks at outputs and sets inputs there meets the machine
    as if it had none of the registers and ``sample`` were its clock.

    The outer module has nothing but ports: what a simulator must let others write to is computed
    from as if it might change at any time.
    """
    inputs, outputs = _ports(config)
    names = ", ".join(["clk", "sample", *inputs, *outputs])
    ports = ["  input clk;\n", "  output sample;\n"]
    ports += [f"  input [{width - 1}:0] {name};\n" for name, width in inputs.items()]
    ports += [f"  output [{width - 1}:0] {name};\n" for name, width in outputs.items()]
    declared = "".join(ports)
    kept = [f"  reg [{width - 1}:0] {name}_now;\n" for name, width in inputs.items()]
    moved = [f"    {name}_now <= {name};\n" for name in inputs]
    joined = [".clk(clk)", *(f".{name}({name}_now)" for name in inputs)]
    joined += [f".{name}({name})" for name in outputs]
    through = [f".{name}({name})" for name in ("clk", "sample", *inputs, *outputs)]
    return (
        f"\nmodule {CLOCKED}_registers({names});\n{declared}{''.join(kept)}"
        f"  assign sample = ~clk;\n"
        f"  always @(posedge clk) begin\n{''.join(moved)}  end\n"
        f"  {TOP} machine({', '.join(joined)});\nendmodule\n"
        f"\nmodule {CLOCKED}({names});\n{declared}"
        f"  {CLOCKED}_registers registers({', '.join(through)});\nendmodule\n"
    )
