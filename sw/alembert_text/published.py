"""Tokenisers from what BERTs and ALBERTs were first published with.

Token ids are those of the transformers library's BertTokenizer and AlbertTokenizer.
Source: Devlin et al., arXiv 1810.04805 (word pieces); Lan et al., arXiv 1909.11942, and Kudo,
arXiv 1804.10959 (sentence pieces by a unigram model).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .lines import lines_of
from .tokeniser import library, set_ends

__all__ = ["FLAGS", "NAMES", "albert_tokeniser", "bert_tokeniser"]

FLAGS = ("do_lower_case", "keep_accents", "strip_accents", "tokenize_chinese_chars")
"""Settings that are true or false."""
_BERT = {
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "mask_token": "[MASK]",
}
_ALBERT = _BERT | {"unk_token": "<unk>", "pad_token": "<pad>"}
NAMES = tuple(_BERT)
"""Settings that are pieces."""
_NEEDED = ("unk_token", "cls_token", "sep_token")

_UNIGRAM, _CONTROL, _USER_DEFINED = 1, 3, 4
"""Numbers of sentencepiece_model.proto."""
_BLANK = "\N{LOWER ONE EIGHTH BLOCK}"
"""What SentencePiece has for a space."""


def bert_tokeniser(content: bytes, settings: Mapping[str, Any]) -> Any:
    """From ``vocab.txt``: a piece a line, numbered from 0.

    Parameters
    ----------
    content : bytes
    settings : mapping
        ``do_lower_case`` (true without it), ``strip_accents`` (as ``do_lower_case``),
        ``tokenize_chinese_chars`` (true), and names of special pieces.

    Returns
    -------
    tokenizers.Tokenizer

    Raises
    ------
    ValueError
        It is not text, or lacks a piece that is needed.
    """
    by, names = library(), {**_BERT, **settings}
    vocabulary = {piece: number for number, piece in enumerate(lines_of(content))}
    tokeniser = by.Tokenizer(by.models.WordPiece(vocabulary, unk_token=names["unk_token"]))
    tokeniser.normalizer = by.normalizers.BertNormalizer(
        handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
        strip_accents=settings.get("strip_accents"),
        lowercase=settings.get("do_lower_case", True),
    )
    tokeniser.pre_tokenizer = by.pre_tokenizers.BertPreTokenizer()
    tokeniser.decoder = by.decoders.WordPiece()
    return _with_special(tokeniser, names)


def albert_tokeniser(content: bytes, settings: Mapping[str, Any]) -> Any:
    """From ``spiece.model``: a SentencePiece model of the unigram kind.

    Parameters
    ----------
    content : bytes
    settings : mapping
        ``do_lower_case`` (true without it), ``keep_accents`` (false), and names of special pieces.

    Returns
    -------
    tokenizers.Tokenizer

    Raises
    ------
    ValueError
        It is another model or none, or lacks a piece that is needed.
    ImportError
        A library is not installed.
    """
    by, model = library(), _sentence_pieces(content)
    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    tokeniser = by.Tokenizer(by.models.Unigram(pieces, model.trainer_spec.unk_id))
    steps = [by.normalizers.Replace(quotes, '"') for quotes in ("``", "''")]
    if not settings.get("keep_accents", False):
        steps += [by.normalizers.NFKD(), by.normalizers.StripAccents()]
    if settings.get("do_lower_case", True):
        steps.append(by.normalizers.Lowercase())
    if table := model.normalizer_spec.precompiled_charsmap:
        steps.append(by.normalizers.Precompiled(table))
    tokeniser.normalizer = by.normalizers.Sequence(steps)
    tokeniser.pre_tokenizer = by.pre_tokenizers.Sequence(
        [by.pre_tokenizers.WhitespaceSplit(), by.pre_tokenizers.Metaspace(_BLANK)]
    )
    tokeniser.decoder = by.decoders.Metaspace(_BLANK)
    tokeniser.add_tokens(
        [
            by.AddedToken(piece.piece, special=piece.type == _CONTROL, normalized=False)
            for piece in model.pieces
            if piece.type in (_CONTROL, _USER_DEFINED)
        ]
    )
    return _with_special(tokeniser, {**_ALBERT, **settings})


def _sentence_pieces(content: bytes) -> Any:
    try:
        from google.protobuf.message import DecodeError
        from google.protobuf.message_factory import GetMessageClass
        from sentencepiece import sentencepiece_model_pb2
    except ImportError as error:
        raise ImportError(
            "spiece.model needs the sentencepiece and protobuf libraries: "
            "pip install 'alembert[text]' brings them"
        ) from error
    kinds = sentencepiece_model_pb2.DESCRIPTOR.message_types_by_name
    model: Any = GetMessageClass(kinds["ModelProto"])()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise ValueError(f"it is no SentencePiece model: {error}") from error
    if not model.pieces or not model.HasField("trainer_spec"):
        raise ValueError("it is no SentencePiece model: pieces or trainer_spec are missing")
    if (kind := model.trainer_spec.model_type) != _UNIGRAM:
        raise ValueError(f"its model_type must be {_UNIGRAM}, unigram, not {kind}")
    return model


def _with_special(tokeniser: Any, names: Mapping[str, Any]) -> Any:
    """Pieces that are found whole in a text, and those that begin and end it."""
    known = tokeniser.get_vocab()
    if missing := [names[role] for role in _NEEDED if names[role] not in known]:
        raise ValueError(f"it lacks {', '.join(missing)}")
    tokeniser.add_special_tokens([names[role] for role in NAMES if names[role] in known])
    set_ends(tokeniser, names["cls_token"], names["sep_token"])
    return tokeniser
