"""The part of a Verilog text that one module needs: what is read and what a result depends on."""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["part_of"]

_MODULE = re.compile(
    r"^(?:\(\*[^\n]*\*\)\n)*module\s+(\\\S+(?=\s)|\w+).*?^endmodule\b[^\n]*\n?",
    re.MULTILINE | re.DOTALL,
)
_NAME = re.compile(r"\\(\S+)|\b([A-Za-z_]\w*)")
_PORT = re.compile(r"^\s*(?:input|output|inout)\b.*\n", re.MULTILINE)


def part_of(verilog: str, top: str, without: Collection[str] = ()) -> str:
    """The modules that ``top`` is made of, in their order; all of the text if there is no such.

    Parameters
    ----------
    verilog : str
        One module after the other, as the generator writes them: ports are declared in lines of
        their own.
    top : str
        A module's name, without the backslash of an escaped one.
    without : collection of str
        Modules of which the ports alone are kept.
    """
    texts = {match[1].removeprefix("\\"): match[0] for match in _MODULE.finditer(verilog)}
    if top not in texts:
        return verilog
    needed = {top}
    open_modules = [top]
    while open_modules:
        name = open_modules.pop()
        if name in without:
            continue
        found = {escaped or plain for escaped, plain in _NAME.findall(texts[name])}
        open_modules += found & texts.keys() - needed
        needed |= found & texts.keys()
    return "".join(
        _ports_of(texts[name]) if name in without else texts[name]
        for name in texts
        if name in needed
    )


def _ports_of(text: str) -> str:
    header = text[: text.index(";") + 1]
    return f"{header}\n{''.join(_PORT.findall(text))}endmodule\n"
