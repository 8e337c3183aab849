"""Component → Verilog and sidecar, byte-reproducible."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from pathlib import Path
from typing import Any

from amaranth.hdl import Shape
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from .. import __version__
from ..files import write_files
from ..hierarchy import ModuleLibrary
from .back_end import verilog_of
from .header import header
from .identifiers import ports_of, require_identifier
from .plain_names import with_plain_names

__all__ = ["design_files", "digest", "generate_verilog", "sidecar", "write_design"]

_rtlil = importlib.import_module("amaranth.back.rtlil")  # which its type stubs do not know

# The back end declares signals of no bits as two bits, [-1:0]; nothing ever refers to them.
_EMPTY = re.compile(r"^ *(?:wire|reg) \[-1:0\] .*;\n", re.MULTILINE)


def digest(config: Any) -> str:
    """A few digits that two configurations, in plain values, do not share."""
    text = json.dumps(config, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def generate_verilog(component: wiring.Component, *, name: str, origin: str = "") -> str:
    """The component as Verilog text; the same component gives the same bytes.

    The text is the same design in every Verilog from 1995 to SystemVerilog, in simulation and in
    synthesis. Every module's name begins with ``name``, so that texts of different names can be
    read into one project. Components that repeat (:func:`alembert.hierarchy.emit_once`) are
    emitted once.

    Parameters
    ----------
    component : wiring.Component
        What to convert.
    name : str
        Of the top module.
    origin : str
        What the header says of where the design comes from, e.g. its configuration.

    Raises
    ------
    ValueError
        The name, or that of a port, is not legal in Verilog and VHDL.
    FlowError
        Yosys failed.
    """
    require_identifier("name of a design", name)
    ports = ports_of(component)

    def convert(part: wiring.Component, part_name: str) -> str:
        return _rtlil.convert(part, name=part_name, emit_src=False)

    library = ModuleLibrary(convert, prefix=name)
    with library.active():
        top = convert(component, name)
    verilog = _EMPTY.sub("", verilog_of("\n".join([top, *library.texts])))
    given = {"__".join(map(str, port.path)): port_name for port_name, port in ports.items()}
    text = with_plain_names(verilog, top=name, ports=given)
    return header(component, name=name, origin=origin, ports=ports) + text


def sidecar(component: wiring.Component, *, name: str, config: Any) -> dict[str, Any]:
    """What the Verilog cannot say: every port's direction, width, signedness and reset value.

    ``interface`` is Amaranth's own machine-readable description of the component's signature.
    """
    ports = {
        port: {
            "direction": "input" if member.flow is In else "output",
            "width": len(value),
            "signed": Shape.cast(member.shape).signed,
        }
        for port, (_, member, value) in ports_of(component).items()
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
    component: wiring.Component,
    directory: Path,
    *,
    name: str,
    config: Any,
    top: str | None = None,
    origin: str | None = None,
) -> dict[Path, str]:
    """``name``.v and its sidecar ``name``.json in ``directory``, and what is to be in them.

    Parameters are those of :func:`write_design`.
    """
    top = name if top is None else top
    origin = f"Configuration {digest(config)}." if origin is None else origin
    description = json.dumps(sidecar(component, name=top, config=config), indent=2) + "\n"
    return {
        directory / f"{name}.v": generate_verilog(component, name=top, origin=origin),
        directory / f"{name}.json": description,
    }


def write_design(
    component: wiring.Component,
    directory: Path,
    *,
    name: str,
    config: Any,
    top: str | None = None,
    origin: str | None = None,
) -> tuple[Path, Path]:
    """Write ``name``.v and its sidecar ``name``.json into ``directory``; both or neither.

    Parameters
    ----------
    component : wiring.Component
        The design.
    directory : Path
        Where to; it is made if it does not exist.
    name : str
        Of the files.
    config : JSON-able value
        The configuration, for the sidecar.
    top : str, optional
        The top module; ``name`` otherwise.
    origin : str, optional
        What the header says of where the design comes from; the configuration's digest otherwise.

    Raises
    ------
    ValueError
        A name of a module or port is not legal in Verilog and VHDL.
    FlowError
        Yosys failed.
    OSError
        The directory cannot be written.
    """
    files = design_files(component, directory, name=name, config=config, top=top, origin=origin)
    directory.mkdir(parents=True, exist_ok=True)
    write_files(files)
    verilog_path, sidecar_path = files
    return verilog_path, sidecar_path
