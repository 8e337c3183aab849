"""``model.json``: what is written is read, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alembert_models import ModelFile, PresetFile
from hypothesis import given, settings
from hypothesis import strategies as st

DIGEST = "0123456789abcdef" * 4
PRESET = {
    "image": "edge16.image",
    "sha256": DIGEST,
    "variant": "int8",
    "threshold": 0.25,
    "measured": {"test_accuracy_percent": 96.5},
}
MODEL = {
    "format": 1,
    "name": "r8",
    "classes": ["acq", "crude"],
    "max_length": 64,
    "tokenizer": DIGEST,
    "presets": {"edge16": PRESET},
}
names = st.text("az09_-", min_size=1, max_size=5).map(lambda name: f"m{name}")
texts = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=9)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
presets = st.builds(
    PresetFile,
    image=names.map(lambda name: f"{name}.image"),
    sha256=st.sampled_from((DIGEST, DIGEST[::-1])),
    variant=names,
    threshold=st.floats(0, 7.9),
    measured=st.dictionaries(names, numbers, max_size=3),
)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    name=names,
    classes=st.lists(texts, min_size=2, max_size=5, unique=True),
    max_length=st.integers(3, 512),
    machines=st.dictionaries(names, presets, max_size=3),
)
def test_what_is_written_is_read(name, classes, max_length, machines) -> None:
    file = ModelFile(
        name=name,
        classes=tuple(classes),
        max_length=max_length,
        tokenizer=DIGEST,
        presets=machines,
    )
    text = file.to_json()
    assert ModelFile.from_json(text) == file
    assert ModelFile.from_json(text).to_json() == text
    backwards = ModelFile(
        name=name,
        classes=tuple(classes),
        max_length=max_length,
        tokenizer=DIGEST,
        presets=dict(reversed(machines.items())),
    )
    assert backwards.to_json() == text


def test_the_fields_of_the_file() -> None:
    assert json.loads(ModelFile.from_json(json.dumps(MODEL)).to_json()) == MODEL


def refusal(content: Any) -> tuple[type[Exception], str]:
    with pytest.raises((TypeError, ValueError)) as caught:
        ModelFile.from_json(content if isinstance(content, str) else json.dumps(content))
    return caught.type, str(caught.value)


@pytest.mark.parametrize("name", MODEL)
def test_every_field_is_needed(name: str) -> None:
    rest = {key: value for key, value in MODEL.items() if key != name}
    expected = "format must be 1, not None" if name == "format" else f"it lacks {name}"
    assert refusal(rest) == (ValueError, expected)


@pytest.mark.parametrize("name", PRESET)
def test_every_field_of_a_preset_is_needed(name: str) -> None:
    rest = {key: value for key, value in PRESET.items() if key != name}
    assert refusal(MODEL | {"presets": {"edge16": rest}}) == (
        ValueError,
        f"preset edge16 lacks {name}",
    )


FORM = "lower-case letters, digits, '_' and '-'"


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"format": 2}, ValueError, "format must be 1, not 2"),
        ({"format": True}, ValueError, "format must be 1, not True"),
        ({"colour": 1}, ValueError, "it has an unknown field colour"),
        ({"name": 5}, TypeError, "name must be a text, not 5"),
        ({"name": "../r8"}, ValueError, f"name must be {FORM}, not '../r8'"),
        ({"classes": "ab"}, TypeError, "classes must be a list, not 'ab'"),
        ({"classes": ["acq"]}, ValueError, "number of classes must be between 2 and 1024, not 1"),
        ({"classes": ["a", "a"]}, ValueError, "classes must be different, not a, a"),
        ({"classes": ["a", " "]}, ValueError, "a class must be a printable text, not ' '"),
        ({"classes": ["a", 1]}, ValueError, "a class must be a printable text, not 1"),
        ({"classes": ["a", "\x1b[1m"]}, ValueError, "a class must be a printable text, not "),
        ({"max_length": 2}, ValueError, "max_length must be between 3 and 512, not 2"),
        ({"max_length": 64.0}, TypeError, "max_length must be an int, not 64.0"),
        (
            {"tokenizer": DIGEST[1:]},
            ValueError,
            "tokenizer must be 64 lower-case hexadecimal digits, not ",
        ),
        ({"presets": []}, TypeError, "presets must be an object, not []"),
        ({"presets": {"edge16": 1}}, TypeError, "preset edge16 must be an object, not 1"),
        ({"presets": {"a/b": PRESET}}, ValueError, f"a preset's name must be {FORM}, not 'a/b'"),
    ],
)
def test_wrong_fields(changes: dict[str, Any], kind: type[Exception], message: str) -> None:
    found = refusal(MODEL | changes)
    assert found[0] is kind and found[1].startswith(message)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"image": "a/b.image"}, ValueError, "image must be a file's name that ends with .image, "),
        ({"image": None}, TypeError, "image must be a text, not None"),
        ({"variant": ""}, ValueError, f"variant must be {FORM}, not ''"),
        ({"threshold": "1"}, TypeError, "threshold must be a number, not '1'"),
        ({"threshold": True}, TypeError, "threshold must be a number, not True"),
        ({"threshold": -1}, ValueError, "threshold must be between 0 and 7.99998 nats, not -1"),
        ({"threshold": float("nan")}, ValueError, "threshold must be between 0 and 7.99998 nats"),
        ({"measured": []}, TypeError, "measured must be a mapping, not []"),
        ({"measured": {"A b": 1}}, ValueError, f"a measured fact's name must be {FORM}, not 'A b'"),
        (
            {"measured": {"a": float("inf")}},
            ValueError,
            "measured a must be a finite number or a text, not inf",
        ),
        ({"measured": {"a": [1]}}, ValueError, "measured a must be a finite number or a text, not"),
    ],
)
def test_wrong_fields_of_a_preset(
    changes: dict[str, Any], kind: type[Exception], message: str
) -> None:
    found = refusal(MODEL | {"presets": {"edge16": PRESET | changes}})
    assert found[0] is kind and found[1].startswith(f"preset edge16: {message}")


def test_what_is_no_object() -> None:
    assert refusal("[1]") == (TypeError, "it must be an object, not [1]")
    kind, message = refusal("{")
    assert kind is ValueError and message.startswith("it is not JSON: ")
