"""What an image's description must hold: fields, their kinds, and what must agree."""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from alembert.config.isa import INSTRUCTION_BYTES

__all__ = ["check_description", "parse_description"]


@dataclass(frozen=True)
class _Kind:
    """A kind of value: its name in messages, and whether a value is of it."""

    name: str
    holds: Callable[[Any], bool]

    def or_null(self) -> _Kind:
        return _Kind(f"{self.name}, or null", lambda value: value is None or self.holds(value))


def _is_int(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _list_of(name: str, holds: Callable[[Any], bool]) -> _Kind:
    return _Kind(name, lambda value: isinstance(value, list) and all(map(holds, value)))


def _is_scale(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) and value > 0


def _is_place(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(_is_int(n, 0) for n in value)


def _is_value(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    return _is_int(value[0], 0) and _is_int(value[1], -64) and value[1] <= 64


_COUNT = _Kind("an int of at least 0", lambda value: _is_int(value, 0))
_SIZE = _Kind("an int of at least 1", lambda value: _is_int(value, 1))
_TEXT = _Kind("a text", lambda value: isinstance(value, str))
_OBJECT = _Kind("an object", lambda value: isinstance(value, dict))
_PLACES = _Kind(
    "an object of [address, rows, stride]",
    lambda value: isinstance(value, dict) and all(map(_is_place, value.values())),
)

_ARRAY = {
    **dict.fromkeys(("activation", "weight"), _TEXT),
    **dict.fromkeys(("lanes", "vmacs", "rows", "max_depth", "accumulator_width"), _SIZE),
    "levels_per_stage": _SIZE,
}
_MACHINE = {
    "main": _OBJECT,
    "attention": _OBJECT.or_null(),
    **dict.fromkeys(("word_width", "words", "banks", "axi_data_width", "axi_address_width"), _SIZE),
    **dict.fromkeys(("longest_row", "max_classes", "queue_depth"), _SIZE),
}
_OPTIONAL = {
    "values": _Kind(
        "a list of [offset, fraction bits]",
        lambda value: isinstance(value, list) and all(map(_is_value, value)),
    )
}
_IMAGE = {
    "machine": _OBJECT,
    "program": _COUNT,
    "instructions": _SIZE,
    "notes": _list_of("a list of texts", lambda value: isinstance(value, str)),
    **dict.fromkeys(("word_bytes", "passes", "max_length", "max_targets", "vocabulary"), _SIZE),
    **dict.fromkeys(("targets", "hidden"), _COUNT.or_null()),
    **dict.fromkeys(("input_words", "output_words", "record_words", "record_pitch"), _SIZE),
    **dict.fromkeys(("scratch_words", "hidden_words", "hidden_pitch"), _COUNT),
    "hidden_scales": _list_of("a list of positive floats", _is_scale),
    "scratchpad": _PLACES,
    "scratchpad_words": _COUNT,
}


def parse_description(text: bytes, data_bytes: int) -> dict[str, Any]:
    """The fields of a description in JSON.

    Parameters
    ----------
    text : bytes
        UTF-8.
    data_bytes : int
        Size of the IMAGE region that it describes.

    Raises
    ------
    ValueError
        It is not JSON, or as :func:`check_description`.
    """
    try:
        found = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ValueError("its description is not JSON") from None
    check_description(found, data_bytes)
    return found


def check_description(found: Any, data_bytes: int) -> None:
    """Refuse a description that lacks a field, has another one, or whose numbers do not agree.

    Raises
    ------
    ValueError
        The message names the field and its value.
    """
    if not isinstance(found, dict):
        raise ValueError(f"its description must be an object, not {reprlib.repr(found)}")
    given = {name: kind for name, kind in _OPTIONAL.items() if name in found}
    _check_fields("", found, _IMAGE | given)
    machine = found["machine"]
    _check_fields("machine.", machine, _MACHINE)
    for name in ("main", "attention"):
        if machine[name] is not None:
            _check_fields(f"machine.{name}.", machine[name], _ARRAY)
    word_bytes = found["word_bytes"]
    code_bytes = found["instructions"] * INSTRUCTION_BYTES
    _require(8 * word_bytes == machine["word_width"], "machine.word_width", 8 * word_bytes, machine)
    notes = len(found["notes"])
    _require(notes == found["instructions"], "instructions", f"as many as notes, {notes}", found)
    room = (data_bytes - code_bytes) // word_bytes
    _require(found["program"] <= room, "program", f"at most {room}", found)
    least = found["passes"] * found["record_pitch"]
    _require(found["output_words"] >= least, "output_words", f"at least {least}", found)
    if values := found.get("values"):
        _require(len(values) == found["passes"], "values", f"{found['passes']}, a pass each", found)
        last = max(offset for offset, _ in values)
        _require(last < found["output_words"], "values", "within OUTPUT", found)


def _check_fields(prefix: str, found: Mapping[str, Any], kinds: Mapping[str, _Kind]) -> None:
    if missing := kinds.keys() - found.keys():
        raise ValueError(f"its description lacks {prefix}{min(missing)}")
    if unknown := found.keys() - kinds.keys():
        raise ValueError(f"its description has an unknown field {prefix}{min(unknown)}")
    for name, kind in kinds.items():
        if not kind.holds(found[name]):
            value = reprlib.repr(found[name])
            raise ValueError(f"{prefix}{name} must be {kind.name}, not {value}")


def _require(holds: bool, field: str, rule: object, found: Mapping[str, Any]) -> None:
    if not holds:
        raise ValueError(f"{field} must be {rule}, not {found[field.rpartition('.')[2]]}")
