"""Verilog whose every name is plain: none escaped, none a keyword, no two underscores in a row.

Amaranth names a module by its path (``top.core.dma``), the second signal of a name ``name$3``, a
field ``port.field[0]`` and a port ``i__payload``. Yosys writes escaped identifiers for what is no
name in Verilog, and numbers, ``_012_``, for what has no name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .identifiers import VERILOG_KEYWORDS

__all__ = ["with_plain_names"]

_MODULE = re.compile(r"^module .*?^endmodule\n", re.MULTILINE | re.DOTALL)
# A space ends an escaped identifier. What follows an apostrophe are the digits of a number, what
# follows a dollar sign is a system function.
_ID = r"(?:\\\S+ |\b(?<!['$])[A-Za-z_]\w*)"
_TOKEN = re.compile(
    rf"^module (?P<module>{_ID})|^  (?P<kind>{_ID})(?= {_ID} \($)|^    \.(?P<port>{_ID})(?=\()"
    rf'|"[^"]*"|(?P<name>{_ID})',
    re.MULTILINE,
)
_PLAIN = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*|_\d+_")


def with_plain_names(verilog: str, *, top: str, ports: Mapping[str, str]) -> str:
    """The same modules, ``top`` first, under plain names.

    Names that are plain stay as they are, ports of the top are called what is asked for. In each
    module ports come first, and whatever would have a name that is taken gets a number.

    Parameters
    ----------
    verilog : str
        Modules as Yosys writes them: an instance's connections in lines of their own.
    top : str
        Name of one of them.
    ports : mapping of str to str
        New names of its ports.
    """
    texts = {_names(text)[0]: text for text in _MODULE.findall(verilog)}
    modules = _plain(sorted(texts, key=_is_changed), {top: top})
    names = {
        module: _plain(_by_precedence(text), ports if module == top else {})
        for module, text in texts.items()
    }
    order = [top, *(module for module in texts if module != top)]
    return "\n".join(_renamed(texts[module], names[module], modules, names) for module in order)


def _meant(token: str | None) -> str | None:
    """The name that a token stands for, if it does for one."""
    if token is None or token in VERILOG_KEYWORDS:
        return None
    return token.removeprefix("\\").rstrip()


def _names(text: str) -> list[str]:
    """Names in their order, each once; its own is a module's first."""
    found = (_meant(match[match.lastgroup or 0]) for match in _TOKEN.finditer(text))
    return [name for name in dict.fromkeys(found) if name is not None and name[0] != '"']


def _by_precedence(module: str) -> list[str]:
    header, _, body = module.partition(";")
    return [*_names(header)[1:], *sorted(_names(body), key=_is_changed)]


def _is_changed(name: str) -> bool:
    return _PLAIN.fullmatch(name) is None


def _plain(names: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """A plain name for each; who comes first has the first choice after those that are given."""
    taken = {*VERILOG_KEYWORDS, *given.values()}
    found = dict(given)
    for name in names:
        if name in found:
            continue
        stem = "_".join(re.findall(r"[A-Za-z0-9]+", name)) if _is_changed(name) else name
        stem = stem if stem[:1].isalpha() or stem == name else f"n{stem}"
        plain, number = stem, 0
        while plain in taken:
            number += 1
            plain = f"{stem}_{number}"
        taken.add(plain)
        found[name] = plain
    return found


def _renamed(
    text: str, own: dict[str, str], modules: dict[str, str], names: dict[str, dict[str, str]]
) -> str:
    """A module: instances have the new names of their modules, connections those of its ports."""
    ports: dict[str, str] = {}

    def replaced(match: re.Match[str]) -> str:
        nonlocal ports
        place = match.lastgroup
        if place is None:
            return match[0]
        token, name = match[place], _meant(match[place])
        if name is None:
            return match[0]
        if place == "kind":
            ports = names[name]
        new = {"module": modules, "kind": modules, "port": ports, "name": own}[place]
        return match[0].removesuffix(token) + new[name]

    return _TOKEN.sub(replaced, text)
