"""Checkpoints that are read: every type, stride and sharing, exactly."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from alembert_compiler.checkpoint import CheckpointError, load_checkpoint
from compiler.torch_files import (
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


@BOTH
def test_every_type_is_read_exactly(write: Write) -> None:
    cases: dict[str, tuple[np.ndarray, type]] = {
        "FloatStorage": (np.array([1.5, -0.0, 1e-45, np.inf, np.nan]), np.float32),
        "DoubleStorage": (np.array([0.1, -1e300, 5e-324]), np.float64),
        "HalfStorage": (np.array([0.5, 65504, -6e-8]), np.float16),
        "LongStorage": (np.array([-(2**63), 2**63 - 1]), np.int64),
        "IntStorage": (np.array([-(2**31), 2**31 - 1]), np.int32),
        "ShortStorage": (np.array([-(2**15), 2**15 - 1]), np.int16),
        "CharStorage": (np.array([-128, 127]), np.int8),
        "ByteStorage": (np.array([0, 255]), np.uint8),
        "BoolStorage": (np.array([True, False, True]), np.bool_),
    }
    tensors = {kind: vector(values, kind, key=kind) for kind, (values, _) in cases.items()}
    loaded = load_checkpoint(write(tensors))
    assert list(loaded) == list(cases)
    for kind, (values, dtype) in cases.items():
        assert loaded[kind].dtype == dtype
        np.testing.assert_array_equal(loaded[kind], values.astype(dtype))
    assert np.signbit(loaded["FloatStorage"][1])


@BOTH
def test_every_bfloat16_is_widened_exactly(write: Write) -> None:
    patterns = np.arange(1 << 16)
    loaded = load_checkpoint(write({"x": vector(patterns, "BFloat16Storage")}))["x"]
    assert loaded.dtype == np.float32
    assert (loaded.view(np.uint32) == patterns << 16).all()


@BOTH
def test_strides_offsets_and_shared_storages(write: Write) -> None:
    base = Storage("IntStorage", np.arange(60))
    loaded = load_checkpoint(
        write(
            {
                "whole": Tensor(base, 0, (3, 4, 5), (20, 5, 1)),
                "transposed": Tensor(base, 0, (5, 3, 4), (1, 20, 5)),
                "sliced": Tensor(base, 22, (2, 2), (20, 3)),
                "expanded": Tensor(base, 7, (4, 3), (0, 1)),
                "scalar": Tensor(base, 59, (), ()),
                "empty": Tensor(base, 60, (0, 4), (4, 1)),
                # the stride of a dimension of one element is never taken
                "single": Tensor(base, 59, (1, 1), (1 << 61, 9)),
                "older": Tensor(base, 10, (3,), (2,), rebuild="_rebuild_tensor"),
                "parameter": Parameter(Tensor(base, 1, (2,), (1,))),
            }
        )
    )
    whole = np.arange(60).reshape(3, 4, 5)
    np.testing.assert_array_equal(loaded["whole"], whole)
    np.testing.assert_array_equal(loaded["transposed"], whole.transpose(2, 0, 1))
    np.testing.assert_array_equal(loaded["sliced"], [[22, 25], [42, 45]])
    np.testing.assert_array_equal(loaded["expanded"], [[7, 8, 9]] * 4)
    assert loaded["scalar"].shape == ()
    assert loaded["scalar"] == 59
    assert loaded["empty"].shape == (0, 4)
    np.testing.assert_array_equal(loaded["single"], [[59]])
    np.testing.assert_array_equal(loaded["older"], [10, 12, 14])
    np.testing.assert_array_equal(loaded["parameter"], [1, 2])
    assert np.shares_memory(loaded["whole"], loaded["sliced"])
    assert not any(values.flags.writeable for key, values in loaded.items() if key != "empty")


@BOTH
def test_nested_dictionaries_are_flattened_and_plain_values_left_out(write: Write) -> None:
    state = OrderedDict(weight=vector([1.0, 2.0]))
    vars(state)["_metadata"] = OrderedDict(version=1)  # as torch's state dictionaries carry it
    loaded = load_checkpoint(write({"epoch": 3, "note": "x", "none": None, "model": {0: state}}))
    assert list(loaded) == ["model.0.weight"]
    np.testing.assert_array_equal(loaded["model.0.weight"], [1, 2])


def test_views_of_storages_in_very_old_files() -> None:
    root = Storage("FloatStorage", np.arange(10), view=("v", 4, 3))
    assert load_checkpoint(legacy_file({"x": Tensor(root, 1, (2,), (1,))}))["x"].tolist() == [5, 6]


@BOTH
def test_nan_is_refused_on_request(write: Write) -> None:
    weights = Tensor(Storage("HalfStorage", [0, 1, 2, np.nan]), 0, (2, 2), (2, 1))
    contents = write({"good": vector([np.inf], key="1"), "w": weights})
    assert np.isnan(load_checkpoint(contents)["w"][1, 1])
    with pytest.raises(CheckpointError, match=r"^checkpoint holds NaN: w at \[1, 1\]$"):
        load_checkpoint(contents, refuse_nan=True)


def test_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(zip_file({"x": vector([4.0])}, folder="weights"))
    assert load_checkpoint(path)["x"].tolist() == [4]
    assert load_checkpoint(str(path))["x"].tolist() == [4]
    path.write_bytes(b"\x80garbage")
    with pytest.raises(CheckpointError, match=r"^weights\.pt is damaged: "):
        load_checkpoint(path)
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "missing.pt")
