"""The model for Reuters R8: its data, its shape, and how each of its variants is trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from alembert_compiler.early_exit import choose_threshold, early_exit, entropy
from alembert_compiler.model_config import ModelConfig
from alembert_text.reuters import CLASSES, PACKAGE, Stories, split
from alembert_text.word_pieces import WordPieces
from numpy.typing import NDArray

from .albert import Albert
from .batches import pad
from .export import save_model
from .schemes import SCHEMES
from .trainer import Epoch, Settings, train

__all__ = ["R8_MODEL", "VARIANTS", "R8Data", "Result", "Variant", "logits_of", "train_variant"]

LENGTH = 64
"""Most tokens of a story: more are cut off."""
_DEV_SHARE = 0.1
_TOLERANCE = 0.002
"""Share of right answers that early exits may cost on the development part."""

R8_MODEL = ModelConfig(
    model_type="albert",
    vocab_size=4096,
    embedding_size=64,
    hidden_size=128,
    num_hidden_layers=12,
    num_attention_heads=4,
    intermediate_size=512,
    max_position_embeddings=LENGTH,
    type_vocab_size=1,
    layer_norm_eps=1e-12,
    hidden_act="gelu",
)
"""Twelve passes through one layer."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A model to be trained.

    Parameters
    ----------
    scheme : str
        Of :data:`alembert_train.schemes.SCHEMES`.
    settings : Settings
    needs_start : bool
        It begins with the weights of a float32 model.
    """

    scheme: str
    settings: Settings
    needs_start: bool


VARIANTS: dict[str, Variant] = {
    "float32": Variant(scheme="float32", settings=Settings(), needs_start=False),
    **{
        name: Variant(scheme=name, settings=Settings(epochs=2, rate=7e-4), needs_start=True)
        for name in ("adaptivfloat8_3", "int8", "ternary", "binary")
    },
}
"""By name."""


@dataclass(frozen=True, kw_only=True)
class R8Data:
    """Stories as token ids, in three parts that share none.

    Parameters
    ----------
    pieces : WordPieces
        Learned from the part to train on.
    sentences : dict
        "train", "dev" and "test": a list of arrays of int.
    labels : dict
        By the same names: arrays of int.
    """

    pieces: WordPieces
    sentences: dict[str, list[NDArray[np.int64]]]
    labels: dict[str, NDArray[np.int64]]

    @classmethod
    def of(cls, stories: Stories, asked: Stories, seed: int) -> R8Data:
        """Stories to train on, a tenth of them set apart to choose by, and those asked about."""
        training, chosen_by = split(stories, _DEV_SHARE, seed)
        pieces = WordPieces.learn(training.texts, R8_MODEL.vocab_size)
        parts = {"train": training, "dev": chosen_by, "test": asked}
        return cls(
            pieces=pieces,
            sentences={name: pieces.encode_all(p.texts, LENGTH) for name, p in parts.items()},
            labels={name: part.labels for name, part in parts.items()},
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a trained model answers, in float32 but for its scheme.

    Parameters
    ----------
    threshold : float
        Nats, chosen on the development part.
    accuracy : dict of str to list of float
        By part ("dev", "test"): after every pass, in %.
    exit_accuracy, exit_pass : dict of str to float
        By part: with early exits at the threshold, in %; the mean pass.
    """

    threshold: float
    accuracy: dict[str, list[float]]
    exit_accuracy: dict[str, float]
    exit_pass: dict[str, float]


def logits_of(model: Albert, sentences: list[NDArray[np.int64]]) -> NDArray[np.float32]:
    """Logits [P, n, classes] of sentences, in the order given."""
    order = sorted(range(len(sentences)), key=lambda place: len(sentences[place]))
    found: NDArray[np.float32] | None = None
    model.eval()
    with torch.no_grad():
        for start in range(0, len(order), 128):
            places = order[start : start + 128]
            batch = pad([sentences[place] for place in places], np.zeros(len(places), np.int64))
            logits = model(batch.token_ids, batch.mask).logits.numpy()
            if found is None:
                found = np.empty((len(logits), len(sentences), logits.shape[-1]), np.float32)
            found[:, places] = logits
    if found is None:
        raise ValueError("there must be at least one sentence")
    return found


def train_variant(
    name: str,
    data: R8Data,
    folder: Path,
    *,
    seed: int,
    start: Path | None = None,
    settings: Settings | None = None,
    config: ModelConfig = R8_MODEL,
    after_step: Callable[[int, int], None] | None = None,
    after_epoch: Callable[[Epoch], None] | None = None,
) -> Result:
    """Train a variant, or go on with it, into a folder.

    The folder then holds ``config.json``, ``model.safetensors`` and ``tokenizer.json``, with which
    the model runs, and ``training.json``, which says how it came to be; besides, ``state`` to go
    on from.

    Parameters
    ----------
    name : str
        Of :data:`VARIANTS`.
    data : R8Data
    folder : Path
    seed : int
    start : Path, optional
        The folder of a float32 model of the same data; needed by all variants but float32.
    settings : Settings, optional
        The variant's otherwise; its seed is ``seed``.
    config : ModelConfig
    after_step, after_epoch : callable, optional
        See :func:`alembert_train.trainer.train`.

    Raises
    ------
    ValueError
        There is no such variant, ``start`` is missing or not wanted, or is another model's.
    """
    if name not in VARIANTS:
        raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, not {name!r}")
    variant = VARIANTS[name]
    if variant.needs_start != (start is not None):
        verb = "needs the folder of" if variant.needs_start else "does not start from"
        raise ValueError(f"variant {name} {verb} a float32 model")
    chosen = replace(settings or variant.settings, seed=seed)
    torch.manual_seed(seed)
    model = Albert(config, len(CLASSES))
    model.scheme = SCHEMES[variant.scheme]
    if start is not None:
        _begin_with(model, start)
    folder.mkdir(parents=True, exist_ok=True)
    epochs = train(
        model,
        data.sentences["train"],
        data.labels["train"],
        chosen,
        keep=folder / "state",
        after_step=after_step,
        after_epoch=after_epoch,
    )
    result = _measure(model, data)
    save_model(model, folder)
    data.pieces.save(folder / "tokenizer.json")
    record = {
        "variant": name,
        "data": str(PACKAGE),
        "sentences": {part: len(found) for part, found in data.sentences.items()},
        "settings": asdict(chosen),
        "loss": [epoch.loss for epoch in epochs],
        **asdict(result),
    }
    (folder / "training.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return result


def _begin_with(model: Albert, start: Path) -> None:
    path = start / "state"
    try:
        state = torch.load(path, weights_only=True)
        if state["scheme"] != "float32":
            raise ValueError(f"it is of a model trained in {state['scheme']}")
        model.load_state_dict(state["model"])
    except Exception as error:  # torch names many for a damaged file
        raise ValueError(f"{start.name} cannot be started from: {error}") from error


def _measure(model: Albert, data: R8Data) -> Result:
    parts = {part: logits_of(model, data.sentences[part]) for part in ("dev", "test")}
    classes = {part: logits.argmax(axis=-1) for part, logits in parts.items()}
    entropies = {part: entropy(logits) for part, logits in parts.items()}
    threshold = choose_threshold(
        classes["dev"], entropies["dev"], data.labels["dev"], tolerance=_TOLERANCE
    )
    exits = {
        part: early_exit(classes[part], entropies[part], data.labels[part], threshold)
        for part in parts
    }
    return Result(
        threshold=threshold,
        accuracy={
            part: [100 * float(right) for right in (answers == data.labels[part]).mean(axis=-1)]
            for part, answers in classes.items()
        },
        exit_accuracy={part: 100 * right for part, (right, _) in exits.items()},
        exit_pass={part: mean for part, (_, mean) in exits.items()},
    )
