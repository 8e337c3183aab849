"""Component → Verilog and sidecar, byte-reproducible."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from amaranth.back import verilog
from amaranth.lib import wiring

from .. import __version__
from ..files import write_files
from ..hierarchy import ModuleLibrary

__all__ = ["design_files", "generate_verilog", "sidecar", "write_design"]

# The back end declares signals of no bits as two bits, [-1:0]; nothing ever refers to them.
_EMPTY = re.compile(r"^ *(?:wire|reg) \[-1:0\] .*;\n", re.MULTILINE)


def generate_verilog(component: wiring.Component, *, name: str) -> str:
    """The component as Verilog-2001 text; the same component gives the same bytes.

    Components that repeat (:func:`alembert.hierarchy.emit_once`) are emitted once, after the top.
    """
    os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")  # the pinned one, not the machine's

    def convert(part: wiring.Component, part_name: str) -> str:
        text = verilog.convert(part, name=part_name, emit_src=False, strip_internal_attrs=True)
        return _EMPTY.sub("", text)

    library = ModuleLibrary(convert)
    with library.active():
        top = convert(component, name)
    return "\n".join([top, *library.texts])


def sidecar(component: wiring.Component, *, name: str, config: Any) -> dict[str, Any]:
    """What the Verilog cannot say: every port's direction, width, signedness and reset value.

    ``interface`` is Amaranth's own machine-readable description of the component's signature.
    """
    ports = {}
    for path, member, value in component.signature.flatten(component):
        shape = value.shape()
        ports["__".join(str(part) for part in path)] = {
            "direction": "input" if member.flow.name == "In" else "output",
            "width": len(value.as_value()) if hasattr(value, "as_value") else len(value),
            "signed": bool(getattr(shape, "signed", False)),
        }
    return {
        "generator": {"name": "alembert", "version": __version__},
        "top": name,
        "config": config,
        "ports": {"clk": _one_bit_input(), "rst": _one_bit_input(), **ports},
        "interface": component.metadata.as_json()["interface"],
    }


def _one_bit_input() -> dict[str, Any]:
    return {"direction": "input", "width": 1, "signed": False}


def design_files(
    component: wiring.Component, directory: Path, *, name: str, config: Any
) -> dict[Path, str]:
    """``name``.v and its sidecar ``name``.json in ``directory``, and what is to be in them."""
    description = json.dumps(sidecar(component, name=name, config=config), indent=2) + "\n"
    return {
        directory / f"{name}.v": generate_verilog(component, name=name),
        directory / f"{name}.json": description,
    }


def write_design(
    component: wiring.Component, directory: Path, *, name: str, config: Any
) -> tuple[Path, Path]:
    """Write ``name``.v and its sidecar ``name``.json into ``directory``; both or neither.

    Raises
    ------
    OSError
        The directory cannot be written.
    """
    files = design_files(component, directory, name=name, config=config)
    directory.mkdir(parents=True, exist_ok=True)
    write_files(files)
    verilog_path, sidecar_path = files
    return verilog_path, sidecar_path
