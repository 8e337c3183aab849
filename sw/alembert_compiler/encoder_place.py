"""Where the encoder lies among a checkpoint's names: what trainers put in front, and its family."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["EncoderPlace", "find_encoder", "unwrapped"]

_WRAPPERS = frozenset(
    ("module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
)
"""Names that DataParallel, torch.compile, Fabric and sharding put between others, anywhere."""

_WORDS = "embeddings.word_embeddings.weight"
_FAMILIES = {"albert": "encoder.albert_layer_groups.", "bert": "encoder.layer."}
"""Where a family has its layers."""
_OTHERS = ("data2vec_text", "electra", "ernie", "mpnet", "nezha", "roberta", "splinter")
"""Families whose tensors are called as BERT's are, and mean something else."""


@dataclass(frozen=True, kw_only=True)
class EncoderPlace:
    """How the names of an encoder's tensors begin.

    Parameters
    ----------
    prefix : str
        What is in front of the model, as ``model.`` is of ``model.bert.embeddings…``.
    family : str or None
        "albert" or "bert"; None where the layers are those of neither.
    is_bare : bool
        The family's own prefix, ``bert.``, is left out.
    """

    prefix: str
    family: str | None
    is_bare: bool


def unwrapped(name: str) -> str:
    """A name without the parts that say only how a model was run."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def find_encoder(names: Iterable[str]) -> EncoderPlace | None:
    """The place of the one encoder; None if there are no word embeddings.

    Parameters
    ----------
    names : iterable of str
        Of tensors, :func:`unwrapped`.

    Raises
    ------
    ValueError
        There are several encoders, or it is another family's.
    """
    names = set(names)
    ends = [name for name in names if name == _WORDS or name.endswith(f".{_WORDS}")]
    places = sorted(name.removesuffix(_WORDS) for name in ends)
    if not places:
        return None
    if len(places) > 1:
        raise ValueError(
            f"checkpoint holds {len(places)} encoders, in {', '.join(map(repr, places))}"
        )
    (place,) = places
    front, _, last = place.removesuffix(".").rpartition(".")
    if last in _OTHERS:
        raise ValueError(f"the tensors are those of {last!r}, not of {' or '.join(_FAMILIES)}")
    known = (kind for kind, layers in _FAMILIES.items() if _any(names, place + layers))
    prefix = f"{front}." if front else ""
    is_bare = last not in _FAMILIES
    return EncoderPlace(
        prefix=place if is_bare else prefix, family=next(known, None), is_bare=is_bare
    )


def _any(names: Iterable[str], start: str) -> bool:
    return any(name.startswith(start) for name in names)
