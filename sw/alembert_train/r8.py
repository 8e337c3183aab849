"""The model for Reuters R8: its shape, and how each of its variants is trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from alembert.files import write_file
from alembert_compiler.calibration_file import CALIBRATION
from alembert_compiler.model_config import ModelConfig
from alembert_text.r8_data import LENGTH, R8Data
from alembert_text.reuters import CLASSES, PACKAGE
from alembert_text.word_pieces import WordPieces
from alembert_text.word_vectors import word_vectors

from .albert import Albert
from .attention_span import LearnedSpan
from .edgebert import Recipe
from .export import save_model
from .measure import Result, logits_of, measure
from .objective import Loss, distilled
from .schemes import SCHEMES
from .settings import Settings
from .trainer import Epoch, train
from .training_state import load_weights
from .two_stage import train_two_stages

__all__ = ["R8_MODEL", "VARIANTS", "Variant", "train_variant"]

R8_MODEL = ModelConfig(
    model_type="albert",
    vocab_size=3072,
    embedding_size=32,
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

_TOKENISER = "tokenizer.json"
_CALIBRATED = 64
"""Stories to calibrate with."""
_DROPOUT = 0.15
_VECTORS_STD = 0.04
"""Of embeddings that begin with what stands near what."""


_AS_IT_IS = Recipe()


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
    taught : float
        Share of the loss that asks for that model's answers.
    recipe : Recipe
        What of it is pruned, and how far its heads see.
    later : Settings, optional
        Of the off-ramps before the last, if they are learned after all else.
    """

    scheme: str
    settings: Settings
    needs_start: bool = True
    taught: float = 0.0
    recipe: Recipe = _AS_IT_IS
    later: Settings | None = None


_TUNED = Settings(epochs=3, rate=5e-4, shallow=3, hidden=0.3)
_PRUNED = Settings(epochs=4, rate=7e-4, shallow=3, hidden=0.3)
_ZEROS = Recipe(neurons=0.5, weights=0.42, words=0.5)
_SPANS = Recipe(span_weight=1.0)

VARIANTS: dict[str, Variant] = {
    "float32": Variant(
        scheme="float32",
        settings=Settings(shallow=3, hidden=0.3, smoothing=0.1),
        needs_start=False,
    ),
    **{
        name: Variant(scheme=name, settings=_TUNED, taught=0.5)
        for name in ("adaptivfloat8_3", "int8", "ternary", "binary")
    },
    "pruned": Variant(scheme="float32", settings=_PRUNED, taught=0.5, recipe=_ZEROS),
    "spans": Variant(scheme="float32", settings=_PRUNED, taught=0.5, recipe=_SPANS),
    "edgebert": Variant(
        scheme="float32",
        settings=_PRUNED,
        taught=0.5,
        recipe=replace(_ZEROS, span_weight=_SPANS.span_weight),
    ),
    "two_stage": Variant(
        scheme="float32",
        settings=Settings(epochs=3, rate=5e-4, hidden=0.3),
        later=Settings(epochs=2, hidden=0.3),
    ),
}
"""By name."""


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
    the model runs, ``calibration.json``, sentences to compile it with, and ``training.json``, which
    says how it came to be, what it answers, and the spans of its heads if they were learned;
    besides, ``state`` to go on from.

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
        The variant's otherwise, of both stages if it has two; their seed is ``seed``.
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
    later = None if variant.later is None else replace(settings or variant.later, seed=seed)
    torch.manual_seed(seed)
    model = Albert(config, len(CLASSES), dropout=_DROPOUT)
    loss: Loss | None = None
    _require_pieces(data.pieces, folder, start)
    if start is None:
        _begin_with_vectors(model, data)
    else:
        load_weights(model, start / "state")
        if variant.taught:
            teacher = torch.from_numpy(logits_of(model, data.sentences["train"])[-1])
            loss = distilled(teacher, share=variant.taught)
    model.scheme = SCHEMES[variant.scheme]
    techniques = variant.recipe.techniques(model)
    folder.mkdir(parents=True, exist_ok=True)
    sentences, labels = data.sentences["train"], data.labels["train"]
    if later is None:
        epochs = train(
            model,
            sentences,
            labels,
            chosen,
            keep=folder / "state",
            loss=loss,
            techniques=techniques,
            after_step=after_step,
            after_epoch=after_epoch,
        )
    else:
        stages = train_two_stages(
            model,
            sentences,
            labels,
            chosen,
            later,
            keep=folder / "state",
            after_step=after_step,
            after_epoch=after_epoch,
        )
        epochs = [*stages[0], *stages[1]]
    result = measure(model, data.sentences, data.labels)
    save_model(model, folder)
    data.pieces.save(folder / _TOKENISER)
    _save_calibration(data, folder / CALIBRATION)
    record = {
        "variant": name,
        "scheme": variant.scheme,
        "data": str(PACKAGE),
        "classes": CLASSES,
        "sentences": {part: len(found) for part, found in data.sentences.items()},
        "settings": asdict(chosen),
        **({} if later is None else {"later": asdict(later)}),
        "loss": [epoch.loss for epoch in epochs],
        **asdict(result),
    }
    for technique in techniques:
        if isinstance(technique, LearnedSpan):
            record |= {"spans": technique.spans(), "heads_off": technique.heads_off()}
    write_file(folder / "training.json", json.dumps(record, indent=2) + "\n")
    return result


def _require_pieces(pieces: WordPieces, *folders: Path | None) -> None:
    """Token ids mean the same in all folders."""
    for folder in folders:
        file = None if folder is None else folder / _TOKENISER
        if file is None or not file.exists():
            continue
        if WordPieces.load(file).vocabulary != pieces.vocabulary:
            raise ValueError(f"{file} must have the word pieces of the data, not others")


def _begin_with_vectors(model: Albert, data: R8Data) -> None:
    """Word embeddings from the texts to train on alone; no labels are looked at."""
    table = model.embeddings.word_embeddings.weight
    vectors = word_vectors(data.corpus, *table.shape, std=_VECTORS_STD)
    with torch.no_grad():
        table.copy_(torch.from_numpy(vectors))


def _save_calibration(data: R8Data, path: Path) -> None:
    """Stories that the model was trained on, at equal distances: what quantisation is chosen by."""
    given = data.sentences["train"]
    step = max(1, len(given) // _CALIBRATED)
    rows = [sentence.tolist() for sentence in given[::step][:_CALIBRATED]]
    write_file(path, json.dumps(rows) + "\n")
