"""torch's pickles without torch, and without running what a pickle asks for.

A pickle is a program: it may name any importable function and call it. This reader admits ordered
dictionaries, torch's storages and torch's three functions that put a tensor together, and refuses
any other name. It yields descriptions of tensors; where their data lie is the container's
business (:mod:`alembert_compiler.checkpoint`).
"""

from __future__ import annotations

import math
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

__all__ = ["CheckpointError", "ElementType", "StorageReference", "TensorReference", "unpickle"]


class CheckpointError(ValueError):
    """A checkpoint is damaged, of an unknown kind, or asks for more than tensors."""


class ElementType(NamedTuple):
    """How one element of a storage lies in a file, little endian."""

    name: str
    stored: DTypeLike


_STORAGES = {
    "FloatStorage": ElementType("float32", "<f4"),
    "DoubleStorage": ElementType("float64", "<f8"),
    "HalfStorage": ElementType("float16", "<f2"),
    "BFloat16Storage": ElementType("bfloat16", "<u2"),  # numpy has none: widened when read
    "LongStorage": ElementType("int64", "<i8"),
    "IntStorage": ElementType("int32", "<i4"),
    "ShortStorage": ElementType("int16", "<i2"),
    "CharStorage": ElementType("int8", "i1"),
    "ByteStorage": ElementType("uint8", "u1"),
    "BoolStorage": ElementType("bool", "u1"),
}


class StorageReference(NamedTuple):
    """A run of elements in a file, shared by any number of tensors.

    ``key`` names it, ``count`` is the length of the whole run in elements; ``first`` and ``length``
    are the part this reference may touch (all of it, except in very old files).
    """

    element: ElementType
    key: str
    count: int
    first: int
    length: int


class TensorReference(NamedTuple):
    """A strided view of a storage; offset and strides count elements."""

    storage: StorageReference
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The stored type of one element."""
        return np.dtype(self.storage.element.stored)


class _Admitted:
    """A callable that a pickle can do nothing to but call it.

    A pickle may also set attributes of what it named. This object has none to set, so that
    nothing a pickle does outlives its reading.
    """

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        object.__setattr__(self, "_call", call)

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setattr__(self, name: str, value: Any) -> None:
        raise CheckpointError(f"sets the attribute {name} of a function")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> TensorReference:
    """torch._utils._rebuild_tensor and _rebuild_tensor_v2 (gradients and hooks are dropped)."""
    if not isinstance(storage, StorageReference) or not _is_count(offset):
        raise CheckpointError("holds a tensor without a storage")
    for dimensions in (shape, strides):
        if not isinstance(dimensions, tuple) or not all(map(_is_count, dimensions)):
            raise CheckpointError(f"holds a tensor of shape {shape!r} and strides {strides!r}")
    # numpy's limits: 64 dimensions, and sizes that fit a signed 64-bit count of bytes
    if len(shape) != len(strides) or len(shape) > 64 or math.prod(filter(None, shape)) >> 48:
        raise CheckpointError(f"holds a tensor of shape {shape!r} and strides {strides!r}")
    return TensorReference(storage, offset, shape, strides)


def _parameter(data: Any, *_: Any) -> TensorReference:
    """torch._utils._rebuild_parameter."""
    if not isinstance(data, TensorReference):
        raise CheckpointError("holds a parameter without a tensor")
    return data


_FUNCTIONS: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch", "Size"): tuple,
}


_TRAINERS = ("lightning", "pytorch_lightning", "torch.", "transformers.")
"""Whose whole objects are pickled in place of their tensors."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if (module, name) in _FUNCTIONS:
            return _Admitted(_FUNCTIONS[module, name])
        advice = ": save its state_dict() alone" if module.startswith(_TRAINERS) else ""
        raise CheckpointError(f"asks for {module}.{name}, which is no part of a tensor{advice}")

    def persistent_load(self, pid: Any) -> StorageReference:
        """('storage', type, key, device, count), in legacy files followed by a view or None."""
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
            kind = pid[0] if isinstance(pid, tuple) and pid else pid
            raise CheckpointError(f"holds a pickled {kind}, not tensors alone")
        _, element, key, _, count, *view = pid
        first, length = 0, count
        if view and view[0] is not None:
            _, first, length = view[0]  # the first is the view's own key
        if not isinstance(element, ElementType) or not isinstance(key, str):
            raise CheckpointError("holds a storage without a type or a key")
        if not all(map(_is_count, (count, first, length))) or first + length > count:
            raise CheckpointError(f"holds storage {key} of {count!r} elements, viewed as {view}")
        return StorageReference(element, key, count, first, length)


def unpickle(stream: BinaryIO) -> Any:
    """The next pickle of ``stream``, with :class:`TensorReference` in place of tensors.

    Raises
    ------
    CheckpointError
        The pickle is damaged, or asks for anything but tensors. The message is the rest of a
        sentence that starts with the file's name.
    """
    try:
        _check_memo(stream)
        return _Unpickler(stream, encoding="utf-8").load()
    except CheckpointError:
        raise
    # A malformed pickle can raise nearly anything, as the standard library's documentation warns.
    except Exception as error:
        raise CheckpointError(f"is damaged: {type(error).__name__}: {error}") from error


def _check_memo(stream: BinaryIO) -> None:
    """Refuse indices of the memo beyond what its writer could have used.

    The standard library allocates the memo up to the largest index, tens of gigabytes for one
    damaged byte.
    """
    start = stream.tell()
    for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= (argument or 0) <= count:
            raise CheckpointError(f"is damaged: memo index {argument} after {count} operations")
    stream.seek(start)
