"""``model.json``: what a packed model consists of."""

from __future__ import annotations

import hashlib
import json
import math
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from alembert.config.checks import require_between
from alembert_runtime.nats import to_register

__all__ = ["FORMAT", "ModelFile", "PresetFile", "sha256_of"]

FORMAT = 1
"""Version of the folder and of ``model.json``."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.image")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAX_CLASSES, _MAX_LENGTH = 1024, 512


def sha256_of(content: bytes) -> str:
    """The digest as ``model.json`` has it."""
    return hashlib.sha256(content).hexdigest()


def _require_text(what: str, value: object, form: re.Pattern[str], rule: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a text, not {reprlib.repr(value)}")
    if not form.fullmatch(value):
        raise ValueError(f"{what} must be {rule}, not {reprlib.repr(value)}")


def _require_name(what: str, value: object) -> None:
    _require_text(what, value, _NAME, "lower-case letters, digits, '_' and '-'")


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(float(value))
    )


@dataclass(frozen=True, kw_only=True)
class PresetFile:
    """A model on one machine.

    Parameters
    ----------
    image : str
        Name of the image's file.
    sha256 : str
        Of that file, 64 lower-case hexadecimal digits.
    variant : str
        The number format, as ``alembert train`` names it.
    threshold : float
        Nats below which a sentence leaves, chosen on sentences kept apart for that; 0: none does.
    measured : mapping of str to int, float or str
        Facts, by a name with the unit in it.

    Raises
    ------
    TypeError
        A field is of the wrong kind.
    ValueError
        A name or digest is not of its form, or the threshold is out of its range.
    """

    image: str
    sha256: str
    variant: str
    threshold: float
    measured: Mapping[str, int | float | str]

    def __post_init__(self) -> None:
        _require_text("image", self.image, _IMAGE, "a file's name that ends with .image")
        _require_text("sha256", self.sha256, _DIGEST, "64 lower-case hexadecimal digits")
        _require_name("variant", self.variant)
        if isinstance(self.threshold, bool) or not isinstance(self.threshold, int | float):
            raise TypeError(f"threshold must be a number, not {reprlib.repr(self.threshold)}")
        to_register(self.threshold)
        if not isinstance(self.measured, Mapping):
            raise TypeError(f"measured must be a mapping, not {reprlib.repr(self.measured)}")
        for name, value in self.measured.items():
            _require_name("a measured fact's name", name)
            if not isinstance(value, str) and not _is_number(value):
                raise ValueError(
                    f"measured {name} must be a finite number or a text, not {reprlib.repr(value)}"
                )
        object.__setattr__(self, "measured", MappingProxyType(dict(self.measured)))


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """All of ``model.json``.

    Parameters
    ----------
    name : str
    classes : tuple of str
        Their names by number.
    max_length : int
        Most tokens of a sentence.
    tokenizer : str
        SHA-256 of ``tokenizer.json``.
    presets : mapping of str to PresetFile
        By the machine's name.

    Raises
    ------
    TypeError
        A field is of the wrong kind.
    ValueError
        A name or digest is not of its form, there are too few or too many classes, two have one
        name, or the length is out of its range.
    """

    name: str
    classes: tuple[str, ...]
    max_length: int
    tokenizer: str
    presets: Mapping[str, PresetFile]

    def __post_init__(self) -> None:
        _require_name("name", self.name)
        _require_text("tokenizer", self.tokenizer, _DIGEST, "64 lower-case hexadecimal digits")
        require_between("max_length", self.max_length, 3, _MAX_LENGTH)
        for label in self.classes:
            if not isinstance(label, str) or not label.strip() or not label.isprintable():
                raise ValueError(f"a class must be a printable text, not {reprlib.repr(label)}")
        require_between("number of classes", len(self.classes), 2, _MAX_CLASSES)
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"classes must be different, not {', '.join(self.classes)}")
        for preset in self.presets:
            _require_name("a preset's name", preset)
        object.__setattr__(self, "presets", MappingProxyType(dict(sorted(self.presets.items()))))

    def to_json(self) -> str:
        """The file's text; the same for equal contents."""
        presets = {
            name: _plain(preset) | {"measured": dict(sorted(preset.measured.items()))}
            for name, preset in self.presets.items()
        }
        content = {"format": FORMAT} | _plain(self)
        content |= {"classes": list(self.classes), "presets": presets}
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ModelFile:
        """Read the file's text.

        Raises
        ------
        ValueError
            It is not JSON, of another format, lacks a field, or has another one.
        TypeError, ValueError
            As the classes themselves.
        """
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"it is not JSON: {error}") from None
        values = _object("it", found)
        if (version := values.pop("format", None)) != FORMAT or isinstance(version, bool):
            raise ValueError(f"format must be {FORMAT}, not {reprlib.repr(version)}")
        _require_fields("it", values, cls)
        if not isinstance(values["classes"], list):
            raise TypeError(f"classes must be a list, not {reprlib.repr(values['classes'])}")
        presets = {}
        for name, given in _object("presets", values["presets"]).items():
            fields_of = _object(f"preset {name}", given)
            _require_fields(f"preset {name}", fields_of, PresetFile)
            try:
                presets[name] = PresetFile(**fields_of)
            except (TypeError, ValueError) as error:
                raise type(error)(f"preset {name}: {error}") from None
        return cls(**values | {"classes": tuple(values["classes"]), "presets": presets})


def _plain(record: ModelFile | PresetFile) -> dict[str, Any]:
    return {each.name: getattr(record, each.name) for each in fields(record)}


def _object(what: str, found: object) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise TypeError(f"{what} must be an object, not {reprlib.repr(found)}")
    return dict(found)


def _require_fields(
    what: str, found: Mapping[str, Any], kind: type[ModelFile | PresetFile]
) -> None:
    wanted = {each.name for each in fields(kind)}
    if missing := wanted - found.keys():
        raise ValueError(f"{what} lacks {min(missing)}")
    if unknown := found.keys() - wanted:
        raise ValueError(f"{what} has an unknown field {min(unknown)}")
