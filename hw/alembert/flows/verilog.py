"""Component → Verilog and sidecar, byte-reproducible, each distinct module emitted once."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from amaranth.back import verilog
from amaranth.lib import wiring

from .. import __version__

__all__ = ["generate_verilog", "sidecar", "write_design"]

_MODULE = re.compile(r"^module (\\\S+ |\w+)\s*\(.*?^endmodule$", re.MULTILINE | re.DOTALL)


def generate_verilog(component: wiring.Component, *, name: str) -> str:
    """The component as Verilog-2001 text; the same component gives the same bytes.

    Amaranth writes one module an instance. Modules that are the same to the letter are merged
    here, so that an array of C × V elements is one element instantiated C × V times: simulators
    and synthesis tools compile it once.
    """
    os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")  # the pinned one, not the machine's
    text = verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)
    return _merge_equal_modules(text)


def _merge_equal_modules(text: str) -> str:
    """Merge modules that differ in their name alone, leaves first, until none are left."""
    matches = list(_MODULE.finditer(text))
    header = text[: matches[0].start()] if matches else text
    modules = {match[1].strip(): _normalise(match[0]) for match in matches}
    while True:
        canonical: dict[str, str] = {}  # body without its name -> the name that stays
        renamed: dict[str, str] = {}
        for name, body in modules.items():
            anonymous = body[: body.index("(")].replace(name, "", 1) + body[body.index("(") :]
            keep = canonical.setdefault(anonymous, name)
            if keep != name:
                renamed[name] = keep
        if not renamed:
            return header + "\n\n".join(modules.values()) + "\n"
        modules = {
            name: _rename_instances(body, renamed)
            for name, body in modules.items()
            if name not in renamed
        }


_SETTLE = re.compile(r"\\\$auto\$verilog_backend\.cc:\d+:dump_module\$\d+")


_PORTS = re.compile(r"\((.*?)\);", re.DOTALL)


def _normalise(body: str) -> str:
    """Make equal modules equal to the letter: ports in order, helper registers renumbered.

    Yosys lists a module's ports in hash order, and numbers across the whole design the helper
    registers (one a process) that wake ``always @*`` at time zero.
    """

    def in_order(match: re.Match[str]) -> str:
        return "(" + ", ".join(sorted(re.split(r",\s*", match[1]))) + ");"

    body = _PORTS.sub(in_order, body, count=1)
    names: dict[str, str] = {}
    return _SETTLE.sub(lambda x: names.setdefault(x[0], f"\\$settle${len(names) + 1}"), body)


_INSTANCE = re.compile(r"^(  )(\\\S+ |\w+)( \\?\S+ ?\($)", re.MULTILINE)


def _rename_instances(body: str, renamed: dict[str, str]) -> str:
    """Point the instances in ``body`` at the modules that stayed."""

    def point(match: re.Match[str]) -> str:
        name = match[2].strip()
        keep = renamed.get(name, name)
        return f"{match[1]}{keep}{' ' if keep.startswith(chr(92)) else ''}{match[3]}"

    return _INSTANCE.sub(point, body)


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


def write_design(
    component: wiring.Component, directory: Path, *, name: str, config: Any
) -> tuple[Path, Path]:
    """Write ``name``.v and its sidecar ``name``.json into ``directory``; both or neither.

    Raises
    ------
    OSError
        The directory cannot be written.
    """
    text = generate_verilog(component, name=name)
    description = json.dumps(sidecar(component, name=name, config=config), indent=2) + "\n"
    directory.mkdir(parents=True, exist_ok=True)
    verilog_path, sidecar_path = directory / f"{name}.v", directory / f"{name}.json"
    pending = [(directory / f".{p.name}.part", p) for p in (verilog_path, sidecar_path)]
    try:
        for (part, _), content in zip(pending, (text, description)):
            part.write_text(content, encoding="utf-8")
        for part, final in pending:
            part.replace(final)
    finally:
        for part, _ in pending:
            part.unlink(missing_ok=True)
    return verilog_path, sidecar_path
