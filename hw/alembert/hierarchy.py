"""Emit a repeated component once and instantiate it many times.

Amaranth writes one module an instance: an array of a thousand lanes becomes thousands of
modules that differ in nothing, and generation, simulation builds and synthesis all take their
time over each. A component wrapped in :func:`emit_once` is converted the first time its key is
met while Verilog is being generated; from then on it is an instance of that module. Elaborated
by anything else, the wrapper is the component itself.

A component that is instantiated from the library is never elaborated itself; the files that make
such components say so to Amaranth with ``# amaranth: UnusedElaboratable=no``.
"""

from __future__ import annotations

import contextlib
import contextvars
import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from amaranth.hdl import ClockSignal, Elaboratable, Instance, ResetSignal, Value
from amaranth.lib import wiring

__all__ = ["ModuleLibrary", "emit_once"]

Converter = Callable[[wiring.Component, str], str]
"""Converts a component to RTLIL under a name; its own module is the first."""

# within a module, the only lines without indentation are its own
_FIRST_MODULE = re.compile(r"^module .*?^end$", re.MULTILINE | re.DOTALL)
_PORT = re.compile(r"^  wire width \d+ (?:input|output) \d+ +(?:signed )?\\(\S+)$", re.MULTILINE)


@dataclass
class ModuleLibrary:
    """The modules emitted so far, while one design is generated.

    Parameters
    ----------
    convert : callable
        Turns a component and a name into RTLIL text.
    prefix : str
        What the modules' names begin with.
    """

    convert: Converter
    prefix: str
    texts: list[str] = field(default_factory=list)
    _names: dict[tuple[type, Hashable], str] = field(default_factory=dict)
    _ports: dict[str, frozenset[str]] = field(default_factory=dict)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Repeated components elaborated inside come from this library."""
        token = _library.set(self)
        try:
            yield
        finally:
            _library.reset(token)

    def module(self, component: wiring.Component, key: Hashable) -> tuple[str, frozenset[str]]:
        """Name and port names of the module for ``component``, converting it if it is new."""
        kind = type(component)
        if (kind, key) not in self._names:
            stem = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__.lstrip("_")).lower()
            stem = f"{self.prefix}_{stem}"
            # classes of two files may have one name
            taken = sum(1 for other in self._names.values() if other.rpartition("_")[0] == stem)
            name = f"{stem}_{taken}"
            self._names[kind, key] = name
            text = self.convert(component, name)
            module = _FIRST_MODULE.search(text)
            if module is None:
                raise RuntimeError(f"no module {name} in its own RTLIL")
            self._ports[name] = frozenset(_PORT.findall(module[0]))
            self.texts.append(text)
        name = self._names[kind, key]
        return name, self._ports[name]


_library: contextvars.ContextVar[ModuleLibrary | None] = contextvars.ContextVar(
    "alembert_module_library", default=None
)


class _Once(Elaboratable):
    def __init__(self, component: wiring.Component, key: Hashable):
        self._component = component
        self._key = key

    def elaborate(self, platform) -> Any:
        library = _library.get()
        if library is None:
            return self._component
        name, ports = library.module(self._component, self._key)
        connections = {"i_clk": ClockSignal(), "i_rst": ResetSignal()}
        for path, member, value in self._component.signature.flatten(self._component):
            flow = "i" if member.flow is wiring.In else "o"
            connections[f"{flow}_{'__'.join(str(part) for part in path)}"] = Value.cast(value)
        return Instance(name, **{p: v for p, v in connections.items() if p[2:] in ports})


def emit_once(component: wiring.Component, *, key: Hashable) -> _Once:
    """The component as a submodule that shares its Verilog with every other of the same key.

    Parameters
    ----------
    component : wiring.Component
        Connect to its ports as usual; add what this returns to ``m.submodules``.
    key : hashable
        Equal for components of this class that are equal, e.g. their configuration.
    """
    return _Once(component, key)
