"""The tensors of an unpickled checkpoint, without what a trainer keeps beside a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .torch_pickle import CheckpointError, TensorReference

__all__ = ["all_references", "flatten"]

_MAX_DEPTH = 16
_PLAIN = (int, float, str, bytes, type(None))
_TRAINING = (
    *("optim", "scheduler", "lr_sched", "scaler", "grad_scaler", "amp", "rng", "random_state"),
    *("callbacks", "loops", "hyper_parameters", "hparams", "args", "config", "cfg", "trainer"),
)
"""How the keys of what training goes on from begin."""


def flatten(value: Any) -> dict[str, TensorReference]:
    """The tensors of nested dictionaries, by dotted names.

    Plain values are left out; beside a dictionary of tensors so are lists, single numbers, and
    the state of optimisers and of the training itself.

    Raises
    ------
    CheckpointError
        There is something else, or two tensors have one name.
    """
    found: dict[str, TensorReference] = {}

    def visit(value: Any, path: tuple[str, ...]) -> None:
        name = ".".join(path)
        if isinstance(value, TensorReference) and path:
            if name in found:
                raise CheckpointError(f"holds two tensors called {name}")
            found[name] = value
        elif isinstance(value, dict) and len(path) < _MAX_DEPTH:
            for key, item in value.items():
                visit(item, (*path, str(key)))
        elif not (path and isinstance(value, _PLAIN)):
            where = f" at {name}" if path else ""
            raise CheckpointError(f"holds a {_kind(value)}{where}, not tensors by name")

    visit(_without_training(value), ())
    return found


def all_references(value: Any) -> Iterator[TensorReference]:
    """Every tensor of nested dictionaries, lists and tuples, wherever it is."""
    left, seen = [value], set()
    while left:
        value = left.pop()
        if isinstance(value, TensorReference):
            yield value
        elif isinstance(value, Mapping | list | tuple) and id(value) not in seen:
            seen.add(id(value))  # a pickle may put a list into itself
            left.extend(value.values() if isinstance(value, Mapping) else value)


def _without_training(value: Any) -> Any:
    """The entries of a trainer's dictionary that may belong to the model."""
    if not isinstance(value, dict):
        return value
    model = {key: item for key, item in value.items() if not str(key).lower().startswith(_TRAINING)}
    parts = [item for item in model.values() if isinstance(item, dict)]
    if not any(any(all_references(part)) for part in parts):
        return value
    return {key: item for key, item in model.items() if _may_be_weights(item)}


def _may_be_weights(item: Any) -> bool:
    """Not a list, nor a number by itself: a loss or a score."""
    return bool(item.shape) if isinstance(item, TensorReference) else isinstance(item, dict)


def _kind(value: Any) -> str:
    return "tensor" if isinstance(value, TensorReference) else type(value).__name__
