"""Checkpoints that are refused: what may run code, what is malformed, what is damaged."""

from __future__ import annotations

import os
import pickle
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembert_compiler.checkpoint import CheckpointError, load_checkpoint
from compiler.torch_files import (
    LEGACY_MAGIC,
    MACHINE,
    Call,
    Parameter,
    Storage,
    Tensor,
    legacy_file,
    vector,
    zip_file,
)

WRITERS = [pytest.param(legacy_file, id="legacy"), pytest.param(zip_file, id="zip")]
BOTH = pytest.mark.parametrize("write", WRITERS)
Write = Callable[..., bytes]


def _refused(contents: bytes, message: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(contents, name="model.bin")
    assert str(caught.value) == f"model.bin {message}"


def _trap(path: Path) -> Call:
    return Call(os.system, f"echo sprung > '{path}'")


@BOTH
def test_booby_trap_is_refused_by_name_and_never_runs(write: Write, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    pickle.loads(pickle.dumps(_trap(sprung)))
    assert sprung.exists()  # the trap is live
    sprung.unlink()
    asks = f"asks for {os.system.__module__}.system, which is no part of a tensor"
    _refused(write({"x": _trap(sprung)}), asks)
    _refused(write({"x": vector([1.0]), "y": [{"z": _trap(sprung)}]}), asks)
    _refused(write(_trap(sprung)), asks)
    assert not sprung.exists()


def test_booby_trap_in_any_of_the_legacy_pickles(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    asks = f"asks for {os.system.__module__}.system, which is no part of a tensor"
    tensors = {"x": vector([1.0])}
    for part in ("magic", "protocol", "machine", "keys"):
        _refused(legacy_file(tensors, **{part: _trap(sprung)}), asks)
    assert not sprung.exists()


@BOTH
@pytest.mark.parametrize(
    ("function", "name"),
    [
        (eval, "builtins.eval"),
        (getattr, "builtins.getattr"),
        (subprocess.Popen, "subprocess.Popen"),
        (np.array, "numpy.array"),
    ],
)
def test_other_names_are_refused(write: Write, function: Any, name: str) -> None:
    _refused(write({"x": Call(function, "1")}), f"asks for {name}, which is no part of a tensor")


def test_a_whole_model_is_refused_with_what_to_save() -> None:
    whole = b"\x80\x02ctransformers.models.bert.modeling_bert\nBertModel\n)R."
    _refused(
        whole,
        "asks for transformers.models.bert.modeling_bert.BertModel, which is no part of a tensor: "
        "save its state_dict() alone",
    )


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (b"}X\x01\x00\x00\x00aK\x01s", "is damaged: AttributeError: "),
        (b"N}X\x05\x00\x00\x00_callK\x01s\x86", "sets the attribute _call of a function"),
    ],
)
def test_a_pickle_cannot_change_what_it_names(state: bytes, message: str) -> None:
    changing = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + state + b"b."
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(changing, name="model.bin")
    assert str(caught.value).startswith(f"model.bin {message}")
    assert load_checkpoint(legacy_file({"x": vector([7.0])}))["x"].tolist() == [7]


@BOTH
def test_malformed_tensors_are_refused(write: Write) -> None:
    base = Storage("FloatStorage", np.arange(6))
    for tensor, message in [
        (Tensor(base, 0, (7,), (1,)), "is damaged: x reaches element 6 of a storage of 6"),
        (Tensor(base, 5, (2,), (1,)), "is damaged: x reaches element 6 of a storage of 6"),
        (Tensor(base, 0, (2, 2), (5, 1)), "is damaged: x reaches element 6 of a storage of 6"),
        (Tensor(base, 0, (2,), (-1,)), "holds a tensor of shape (2,) and strides (-1,)"),
        (Tensor(base, 0, (2,), (1, 1)), "holds a tensor of shape (2,) and strides (1, 1)"),
        (Tensor(base, 0, (2.0,), (1,)), "holds a tensor of shape (2.0,) and strides (1,)"),
        (
            Tensor(base, 0, (1 << 40, 1 << 40), (0, 0)),
            f"holds a tensor of shape {(1 << 40, 1 << 40)} and strides (0, 0)",
        ),
        (Tensor(base, -1, (2,), (1,)), "holds a tensor without a storage"),
        (Tensor("0", 0, (2,), (1,)), "holds a tensor without a storage"),
        (Parameter(3), "holds a parameter without a tensor"),
        ([1], "holds a list at x, not tensors by name"),
        (base, "holds a StorageReference at x, not tensors by name"),
    ]:
        _refused(write({"x": tensor}), message)
    _refused(write(vector([1.0])), "holds a tensor, not tensors by name")
    _refused(write(3), "holds a int, not tensors by name")
    clash = {"a.b": vector([1.0]), "a": {"b": vector([1.0])}}
    _refused(write(clash), "holds two tensors called a.b")
    deep: Any = vector([1.0])
    for _ in range(17):
        deep = {"d": deep}
    _refused(write(deep), f"holds a dict at {'.'.join('d' * 16)}, not tensors by name")
    two_types = {"x": vector([1.0], "FloatStorage"), "y": vector([1], "HalfStorage")}
    _refused(
        write(two_types),
        "is damaged: y reads storage 0 as 1 elements of float16, another tensor as 1 of float32",
    )


def test_malformed_legacy_files_are_refused() -> None:
    tensors = {"x": vector([1.0, 2.0])}
    _refused(b"", "is empty")
    _refused(legacy_file(tensors, magic=1), "is no torch checkpoint: its magic number is wrong")
    _refused(legacy_file(tensors, protocol=1002), "has protocol version 1002, not 1001")
    big = MACHINE | {"little_endian": False}
    _refused(legacy_file(tensors, machine=big), "was not written by a little-endian machine")
    _refused(legacy_file(tensors, keys=[0]), "is damaged: its storage keys are not a list of names")
    _refused(legacy_file(tensors, keys=["1"]), "is damaged: no tensor uses storage 1")
    _refused(legacy_file(tensors, keys=[]), "is damaged: 16 bytes follow its last storage")
    _refused(legacy_file(tensors) + b"x", "is damaged: 1 bytes follow its last storage")
    _refused(legacy_file(tensors)[:-1], "is truncated: storage 0 needs 8 bytes, and 7 are left")
    short = {"x": Tensor(Storage("FloatStorage", [1.0], count=2), 0, (1,), (1,))}
    _refused(legacy_file(short), "is damaged: storage 0 must hold 2 elements, not 1")
    memo = b"\x80\x02]r\x00\x00\x00\x70."
    _refused(memo, "is damaged: memo index 1879048192 after 2 operations")
    module = b"\x80\x02(X\x06\x00\x00\x00modulet" + b"Q."
    _refused(module, "holds a pickled module, not tensors alone")
    assert LEGACY_MAGIC == 119547037146038801333356


def test_views_beyond_their_storage_are_refused() -> None:
    root = Storage("FloatStorage", np.arange(10), view=("v", 4, 3))
    _refused(
        legacy_file({"x": Tensor(root, 1, (3,), (1,))}),
        "is damaged: x reaches element 3 of a storage of 3",
    )
    root = Storage("FloatStorage", np.arange(10), view=("v", 8, 3))
    _refused(
        legacy_file({"x": Tensor(root, 0, (1,), (1,))}),
        "holds storage 0 of 10 elements, viewed as [('v', 8, 3)]",
    )


def test_missing_legacy_storage_is_refused() -> None:
    tensors = {"x": vector([1.0])}
    whole = legacy_file(tensors, keys=[])
    _refused(whole[: len(whole) - 12], "is damaged: storage 0 is missing")


def test_malformed_archives_are_refused() -> None:
    tensors = {"x": vector([1.0, 2.0])}
    none = "is no torch checkpoint: it holds 0 data.pkl, not 1"
    _refused(zip_file(tensors, drop="data.pkl"), none)
    _refused(zip_file(tensors, drop="data/0"), "is damaged: storage 0 is missing")
    program = zip_file(tensors, extra={"constants.pkl": b""})
    _refused(program, "is a TorchScript program, not a checkpoint")
    big = zip_file(tensors, extra={"byteorder": b"big"})
    _refused(big, "was not written by a little-endian machine")
    _refused(
        zip_file(tensors, compression=zipfile.ZIP_DEFLATED),
        "is no torch checkpoint: its archive is compressed",
    )
    short = {"x": Tensor(Storage("FloatStorage", [1.0], count=2), 0, (1,), (1,))}
    _refused(zip_file(short), "is damaged: storage 0 must hold 8 bytes, not 4")


@BOTH
def test_every_truncation_is_refused(write: Write) -> None:
    contents = write({"x": vector([1.0, 2.0]), "y": vector([1, 2, 3], "LongStorage", key="1")})
    for length in range(len(contents)):
        with pytest.raises(CheckpointError):
            load_checkpoint(contents[:length])


@BOTH
def test_every_damaged_byte_is_refused_or_harmless(write: Write) -> None:
    contents = write({"x": vector([1.0, 2.0]), "y": vector([1, 2, 3], "LongStorage", key="1")})
    rng = np.random.default_rng(1)
    refused = 0
    for position in range(len(contents)):
        for damage in (1, 32, int(rng.integers(1, 256))):
            damaged = bytearray(contents)
            damaged[position] ^= damage
            try:
                load_checkpoint(bytes(damaged))
            except CheckpointError:
                refused += 1
    assert refused > len(contents)
