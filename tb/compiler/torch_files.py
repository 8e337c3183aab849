"""Checkpoints as torch writes them, written by hand: the tests need no torch."""

from __future__ import annotations

import io
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
MACHINE = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}

_STORED = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "u1",
}


@dataclass(frozen=True, eq=False)
class Storage:
    """A run of elements under a key; ``view`` is (key, first, length) in very old files."""

    kind: str
    values: ArrayLike
    key: str = "0"
    view: tuple[str, int, int] | None = None
    count: int | None = None

    @property
    def data(self) -> bytes:
        return np.asarray(self.values).astype(_STORED[self.kind]).tobytes()


@dataclass(frozen=True, eq=False)
class Tensor:
    """A view of a storage, put together by torch's function ``rebuild``."""

    storage: Any
    offset: Any
    shape: Any
    strides: Any
    rebuild: str = "_rebuild_tensor_v2"

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (self.storage, self.offset, self.shape, self.strides)
        if self.rebuild == "_rebuild_tensor_v2":
            arguments += (False, OrderedDict())
        return stub("torch._utils", self.rebuild), arguments


class Call:
    """A pickle that calls ``function(*arguments)`` when read."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


def stub(module: str, name: str) -> Any:
    """What pickles as module.name; only inside :func:`_stub_modules`."""
    return getattr(sys.modules[module], name)


@contextmanager
def _stub_modules() -> Iterator[None]:
    """Stand-ins for torch's modules, for pickle checks that what it names exists."""
    names = {
        "torch": [*_STORED, "Size"],
        "torch._utils": ["_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"],
    }
    before = {module: sys.modules.get(module) for module in names}
    for module, classes in names.items():
        sys.modules[module] = ModuleType(module)
        for name in classes:
            attributes = {"__module__": module, "__qualname__": name}
            setattr(sys.modules[module], name, type(name, (), attributes))
    try:
        yield
    finally:
        for module, original in before.items():
            del sys.modules[module]
            if original is not None:
                sys.modules[module] = original


class _Pickler(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, *, legacy: bool) -> None:
        super().__init__(stream, protocol=2, fix_imports=False)
        self.legacy = legacy
        self.storages: dict[str, Storage] = {}

    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, Storage):
            return None
        self.storages.setdefault(obj.key, obj)
        count = np.size(obj.values) if obj.count is None else obj.count
        pid = ("storage", stub("torch", obj.kind), obj.key, "cpu", count)
        return (*pid, obj.view) if self.legacy else pid

    def reducer_override(self, obj: Any) -> Any:
        # A parameter, by torch's own function; everything else pickles as it is.
        if isinstance(obj, Parameter):
            return stub("torch._utils", "_rebuild_parameter"), (obj.data, True, OrderedDict())
        return NotImplemented


@dataclass(frozen=True, eq=False)
class Parameter:
    """torch.nn.Parameter."""

    data: Any


def _pickled(value: Any, *, legacy: bool) -> tuple[bytes, dict[str, Storage]]:
    stream = io.BytesIO()
    with _stub_modules():
        pickler = _Pickler(stream, legacy=legacy)
        pickler.dump(value)
    return stream.getvalue(), pickler.storages


def legacy_file(
    value: Any,
    *,
    magic: Any = LEGACY_MAGIC,
    protocol: Any = 1001,
    machine: Any = MACHINE,
    keys: Any = None,
) -> bytes:
    """A checkpoint of torch before 1.6."""
    described, storages = _pickled(value, legacy=True)
    head = [pickle.dumps(part, protocol=2) for part in (magic, protocol, machine)]
    tail = [pickle.dumps(sorted(storages) if keys is None else keys, protocol=2)]
    for key in sorted(storages):
        data = storages[key].data
        size = np.dtype(_STORED[storages[key].kind]).itemsize
        tail.append(struct.pack("<q", len(data) // size) + data)
    return b"".join([*head, described, *tail])


def zip_file(
    value: Any,
    *,
    folder: str = "archive",
    extra: dict[str, bytes] | None = None,
    drop: str | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> bytes:
    """A checkpoint of torch since 1.6."""
    described, storages = _pickled(value, legacy=False)
    members = {"data.pkl": described, "byteorder": b"little"}
    members |= {f"data/{key}": storage.data for key, storage in storages.items()}
    members |= {"version": b"3\n"} | (extra or {})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for path, contents in members.items():
            if path != drop:
                archive.writestr(zipfile.ZipInfo(f"{folder}/{path}"), contents, compression)
    return stream.getvalue()


def vector(values: Any, kind: str = "FloatStorage", key: str = "0") -> Tensor:
    """A contiguous tensor with a storage of its own."""
    return Tensor(Storage(kind, values, key), 0, (len(values),), (1,))
