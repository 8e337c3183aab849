"""safetensors files, and models from folders."""

from __future__ import annotations

import itertools
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembert_compiler.checkpoint import CheckpointError, load_checkpoint
from alembert_compiler.load_model import load_model
from compiler.bert_oracle import bert_tensors
from compiler.test_model_config import BERT
from compiler.torch_files import Storage, Tensor, zip_file
from numpy.typing import NDArray

KINDS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def file_of(header: Any, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def safetensors(tensors: dict[str, tuple[str, NDArray[Any]]]) -> bytes:
    """As the format is described: types, shapes and places in JSON, then the bytes."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, (kind, values) in tensors.items():
        place = [len(data), len(data) + values.nbytes]
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": place}
        data += values.tobytes()
    text = json.dumps(header).encode()
    return file_of(text + b" " * (-len(text) % 8), data)


def test_every_type_and_shape() -> None:
    rng = np.random.default_rng(1)
    given = {
        f"{kind}.{'x'.join(map(str, shape))}": (kind, (rng.normal(size=shape) * 9).astype(dtype))
        for kind, dtype in KINDS.items()
        for shape in ((), (3,), (2, 0), (2, 3, 4))
    }
    found = load_checkpoint(safetensors(given))
    assert list(found) == list(given)
    for name, (_, values) in given.items():
        assert found[name].dtype == values.dtype and not found[name].flags.writeable
        np.testing.assert_array_equal(found[name], values)
    floats = rng.normal(size=7).astype("<f4")
    halves = (floats.view("<u4") >> 16).astype("<u2")
    widened = load_checkpoint(safetensors({"x": ("BF16", halves)}))["x"]
    np.testing.assert_array_equal(widened.view("<u4"), floats.view("<u4") & 0xFFFF0000)


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (file_of({"x": ENTRY}, bytes(7)), "is damaged: its tensors have 8 bytes, and it holds 7"),
        (file_of({"x": ENTRY}, bytes(9)), "is damaged: its tensors have 8 bytes, and it holds 9"),
        (
            file_of({"x": ENTRY | {"shape": [3]}}, bytes(8)),
            "is damaged: x must have 12 bytes, not 8",
        ),
        (
            file_of({"x": ENTRY, "y": ENTRY}, bytes(8)),
            "is damaged: y must begin at byte 8, not take 0…8",
        ),
        (
            file_of({"x": ENTRY | {"data_offsets": [8, 0]}}, bytes(8)),
            "is damaged: x must begin at byte 0, not take 8…0",
        ),
        (
            file_of({"x": ENTRY | {"dtype": "F8_E4M3"}}, bytes(8)),
            "holds x of type F8_E4M3, not of BOOL, U8, I8, I16, I32, I64, F16, BF16, F32, F64",
        ),
        (
            file_of({"x": {"dtype": "F32"}}, b""),
            "is damaged: x has no type, shape and place: {'dtype': 'F32'}",
        ),
        (
            file_of({"x": ENTRY | {"shape": [-2]}}, bytes(8)),
            "is damaged: x has no type, shape and place: "
            "{'dtype': 'F32', 'shape': [-2], 'data_offsets': [0, 8]}",
        ),
        (
            file_of(b'{"x": 1, "x": 2}', b""),
            "is damaged: its header has a name twice",
        ),
        (
            (1 << 40).to_bytes(8, "little") + b"{}",
            "is truncated: its header needs 1099511627776 bytes, and 2 are left",
        ),
        (
            file_of(b"{x", b""),
            "is damaged: its header is not JSON: Expecting property name enclosed in double "
            "quotes: line 1 column 2 (char 1)",
        ),
    ],
)
def test_damaged_files(contents: bytes, message: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(contents, name="model.safetensors")
    assert str(caught.value) == f"model.safetensors {message}"


def test_nan_is_refused_on_request() -> None:
    contents = safetensors({"x": ("F32", np.array([1, np.nan], dtype="<f4"))})
    assert np.isnan(load_checkpoint(contents)["x"][1])
    with pytest.raises(CheckpointError, match=r"^checkpoint holds NaN: x at \[1\]$"):
        load_checkpoint(contents, refuse_nan=True)


def torch_file(tensors: Mapping[str, Any], write: Callable[[Any], bytes] = zip_file) -> bytes:
    """Arrays, and dictionaries and lists of them, as torch.save writes them."""
    keys = itertools.count()

    def described(value: Any) -> Any:
        match value:
            case np.ndarray():
                kind = {"f4": "FloatStorage", "i8": "LongStorage"}[value.dtype.str[1:]]
                strides = tuple(stride // value.itemsize for stride in value.strides)
                storage = Storage(kind, value.ravel(), key=str(next(keys)))
                return Tensor(storage, 0, value.shape, strides)
            case Mapping():
                return OrderedDict((key, described(each)) for key, each in value.items())
            case list():
                return [described(each) for each in value]
            case _:
                return value

    return write(described(tensors))


def test_a_model_from_either_file(tmp_path: Path) -> None:
    tensors = bert_tensors(
        np.random.default_rng(2),
        vocabulary=23,
        width=32,
        ffn=64,
        layers=3,
        positions=16,
        classes=3,
    )
    message = f"{tmp_path.name} must hold config.json and model.safetensors or pytorch_model.bin, "
    for name, content in (
        ("config.json", json.dumps(BERT).encode()),
        ("pytorch_model.bin", torch_file(tensors)),
    ):
        with pytest.raises(ValueError) as caught:
            load_model(tmp_path)
        assert str(caught.value) == f"{message}whole or as shards and an index"
        (tmp_path / name).write_bytes(content)
    ids = [1, 22, 3, 4]
    first = load_model(tmp_path).off_ramp_logits(ids)
    stored = {name: ("F32", values) for name, values in tensors.items()}
    (tmp_path / "model.safetensors").write_bytes(safetensors(stored))
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    np.testing.assert_array_equal(load_model(tmp_path).off_ramp_logits(ids), first)
    del stored["classifier.bias"]
    (tmp_path / "model.safetensors").write_bytes(safetensors(stored))
    with pytest.raises(ValueError) as caught:
        load_model(tmp_path)
    assert str(caught.value) == "model.safetensors: checkpoint lacks classifier.bias"
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ValueError) as caught:
        load_model(tmp_path)
    assert str(caught.value) == "config.json: model_type must be one of albert, bert, not []"
