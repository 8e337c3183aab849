"""Lines of a file of texts, whichever editor has written it."""

from __future__ import annotations

import codecs
import re

__all__ = ["decode", "each_line_of", "lines_of", "split_lines"]

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # begins as UTF-16's does
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# str.splitlines also splits at form feeds and at Unicode's separators, which texts hold
_LINE_END = re.compile(r"\r\n?|\n")
_LINE_BYTES = re.compile(rb"\r\n?|\n")


def decode(content: bytes) -> str:
    """Text in UTF-8; or in what its byte order mark says, which is left out.

    Raises
    ------
    ValueError
        It is not text: a byte is wrong, or there is a NUL. The message begins with the line.
    """
    mark = next((mark for mark in _MARKS if content.startswith(mark)), b"")
    encoding, body = _MARKS.get(mark, "utf-8"), content[len(mark) :]
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        line = len(split_lines(body[: error.start].decode(encoding, "replace")))
        raise ValueError(
            f"line {line}: text must be {encoding.upper()}, and the byte {body[error.start]:#04x} "
            f"is not"
        ) from None
    if (place := text.find("\0")) >= 0:
        line = len(split_lines(text[:place]))
        raise ValueError(f"line {line}: text must not hold NUL; UTF-16 needs a byte order mark")
    return text


def each_line_of(content: bytes) -> list[str | ValueError]:
    """As :func:`lines_of`, but a line that is not text is its error, and the others are lines.

    Raises
    ------
    ValueError
        The file is in UTF-16 or UTF-32, whose lines are one with it, and as :func:`decode`.
    """
    if content.startswith(tuple(mark for mark, name in _MARKS.items() if name != "utf-8")):
        return list(lines_of(content))
    lines = _LINE_BYTES.split(content.removeprefix(codecs.BOM_UTF8))
    found: list[str | ValueError] = []
    for line in lines if lines[-1] else lines[:-1]:
        try:
            found.append(decode(line))
        except ValueError as error:
            found.append(ValueError(str(error).removeprefix("line 1: ")))
    return found


def split_lines(text: str) -> list[str]:
    r"""What lies between the line ends \n, \r\n and \r, and nothing else is one."""
    return _LINE_END.split(text)


def lines_of(content: bytes) -> list[str]:
    """The lines of a file; what follows the last line's end is none if it is empty.

    Raises
    ------
    ValueError
        As :func:`decode`.
    """
    lines = split_lines(decode(content))
    return lines if lines[-1] else lines[:-1]
