"""Published BERTs' and ALBERTs' tokenisers against the transformers library's."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from alembert_text.checkpoint_tokeniser import load_tokeniser
from transformers.models.albert.tokenization_albert import AlbertTokenizer
from transformers.models.bert.tokenization_bert import BertTokenizer

TEXTS = (
    "Oil prices rose, 3.5 % – after the OPEC meeting!",
    "Café ÜBER naïve 東京 ﬁne ½ İstanbul ß",
    "``quoted'' text  with   blanks\u2028and (more)",
    "the [SEP] token [MASK] here",
    "x" * 150 + " y",
    "emoji 🙂 tail, don't 1,000,000, 9,",
    "zero\u200bwidth \u00ad soft",
)
LETTERS = "abcdefghijklmnopqrstuvwxyzéüçOCEPÜB.,!%–()'\"0123456789½東京"
WORDS = ["oil", "price", "prices", "rose", "OPEC", "meeting", "Café", "cafe", "über", "quoted"]
BERT = ["[PAD]", *(f"[unused{n}]" for n in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCAB = "\n".join([*BERT, *WORDS, *LETTERS, *(f"##{c}" for c in LETTERS)]) + "\n"


def spiece(**options: Any) -> bytes:
    """A SentencePiece model numbered as ALBERT's."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter([*TEXTS[:4], *TEXTS[5:], *WORDS] * 5),
        model_writer=model,
        minloglevel=2,
        **{
            "vocab_size": 80,
            "pad_id": 0,
            "unk_id": 1,
            "bos_id": -1,
            "eos_id": -1,
            "control_symbols": ["[CLS]", "[SEP]", "[MASK]"],
            "user_defined_symbols": ["(", ")"],
            **options,
        },
    )
    return model.getvalue()


def write(folder: Path, files: Mapping[str, bytes | str | dict]) -> Path:
    for name, content in files.items():
        given = json.dumps(content) if isinstance(content, dict) else content
        (folder / name).write_bytes(given.encode() if isinstance(given, str) else given)
    return folder


def require_same(folder: Path, theirs: Any) -> None:
    ours = load_tokeniser(folder, len(theirs))
    assert len(ours) == len(theirs)
    for text in TEXTS:
        assert ours.encode(text, 999).tolist() == theirs(text)["input_ids"], text
    roles = ("cls", "sep", "unk", "pad", "mask")
    assert ours.special == {getattr(theirs, f"{role}_token_id") for role in roles}
    assert ours.unknown == theirs.unk_token_id
    # a packed model carries it as another file
    ours.save(folder / "tokenizer.json")
    again = load_tokeniser(folder, len(theirs))
    for text in TEXTS:
        assert again.encode(text, 9).tolist() == ours.encode(text, 9).tolist()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"do_lower_case": False, "tokenizer_class": "BertTokenizerFast"},
        {"do_lower_case": False, "strip_accents": True},
        {"strip_accents": False, "tokenize_chinese_chars": False},
        {"cls_token": {"content": "[unused1]", "__type": "AddedToken"}, "mask_token": "[unused2]"},
    ],
)
def test_vocab_txt(settings: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path, {"vocab.txt": VOCAB, "tokenizer_config.json": settings})
    require_same(tmp_path, BertTokenizer.from_pretrained(str(tmp_path)))


@pytest.mark.parametrize("rule", ["nmt_nfkc", "identity"])
@pytest.mark.parametrize(
    "settings", [{}, {"do_lower_case": False, "keep_accents": True}], ids=["lower", "as it is"]
)
def test_spiece_model(settings: dict[str, Any], rule: str, tmp_path: Path) -> None:
    model = spiece(normalization_rule_name=rule)
    write(tmp_path, {"spiece.model": model, "tokenizer_config.json": settings})
    require_same(tmp_path, AlbertTokenizer.from_pretrained(str(tmp_path)))


def test_without_a_mask(tmp_path: Path) -> None:
    """Only what begins and ends a sentence is needed, and what stands for the unknown."""
    write(tmp_path, {"vocab.txt": "[UNK]\n[CLS]\n[SEP]\noil"})
    tokeniser = load_tokeniser(tmp_path, 4)
    assert tokeniser.encode("oil gas", 9).tolist() == [1, 3, 0, 2]
    assert tokeniser.special == {0, 1, 2}


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"spiece.model": spiece()})
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    message = r"^spiece.model needs the sentencepiece and protobuf libraries: pip install 'alembert"
    with pytest.raises(ImportError, match=message):
        load_tokeniser(tmp_path, 99)


def test_a_model_that_is_cut_behind_its_pieces(tmp_path: Path) -> None:
    """Which is well formed, and would have another piece for the unknown."""
    content, place = spiece(), 0
    while content[place] == 0x0A:  # field 1, a piece, of so many bytes
        place += 2 + content[place + 1]
    write(tmp_path, {"spiece.model": content[:place]})
    message = "spiece.model: it is no SentencePiece model: pieces or trainer_spec are missing"
    with pytest.raises(ValueError, match=f"^{message}$"):
        load_tokeniser(tmp_path, 99)


def test_windows_line_ends(tmp_path: Path) -> None:
    write(tmp_path, {"vocab.txt": "\ufeff[UNK]\r\n[CLS]\r\n[SEP]\r\noil\r\n"})
    assert load_tokeniser(tmp_path, 4).encode("oil", 9).tolist() == [1, 3, 2]


def test_names_beside_a_tokenizer_json(tmp_path: Path) -> None:
    write(tmp_path, {"vocab.txt": VOCAB})
    load_tokeniser(tmp_path, 999).save(tmp_path / "tokenizer.json")
    made = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    made["post_processor"] = None
    names = {"cls_token": "[unused5]", "sep_token": {"content": "[unused6]"}}
    write(tmp_path, {"tokenizer.json": made, "special_tokens_map.json": names})
    assert load_tokeniser(tmp_path, 999).encode("oil", 9).tolist() == [6, 104, 7]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "there is no tokenizer.json, vocab.txt or spiece.model beside the model"),
        ({"vocab.txt": VOCAB}, "vocab.txt has 228 pieces, the model's vocabulary 200"),
        ({"vocab.txt": "[UNK]\n[cls]\n"}, "vocab.txt: it lacks [CLS], [SEP]"),
        ({"vocab.txt": b"[UNK]\n\xff"}, "vocab.txt: line 2: text must be UTF-8, and the byte 0xff"),
        ({"vocab.txt": ""}, "vocab.txt: it lacks [UNK], [CLS], [SEP]"),
        (
            {"vocab.txt": VOCAB, "special_tokens_map.json": {"sep_token": "</s>"}},
            "vocab.txt: it lacks </s>",
        ),
        (
            {"vocab.txt": VOCAB, "config.json": {"tokenizer_class": "BertJapaneseTokenizer"}},
            "vocab.txt alone does not make a BertJapaneseTokenizer: tokenizer.json does",
        ),
        (
            {"spiece.model": b"", "tokenizer_config.json": {"tokenizer_class": "T5Tokenizer"}},
            "spiece.model alone does not make a T5Tokenizer: tokenizer.json does",
        ),
        (
            {"vocab.txt": VOCAB, "tokenizer_config.json": {"do_lower_case": "no"}},
            "tokenizer_config.json: do_lower_case must not be 'no'",
        ),
        ({"vocab.txt": VOCAB, "tokenizer_config.json": "{"}, "tokenizer_config.json is not JSON"),
        ({"vocab.txt": VOCAB, "config.json": "[]"}, "config.json must be an object"),
        ({"spiece.model": b"\x93NUMPY"}, "spiece.model: it is no SentencePiece model: "),
        (
            {"spiece.model": b""},
            "spiece.model: it is no SentencePiece model: pieces or trainer_spec are missing",
        ),
        (
            {"spiece.model": spiece(model_type="bpe")},
            "spiece.model: its model_type must be 1, unigram, not 2",
        ),
        ({"spiece.model": spiece(control_symbols=[])}, "spiece.model: it lacks [CLS], [SEP]"),
        (
            {"spiece.model": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"},
            "spiece.model is a Git LFS pointer, not the file itself: git lfs pull in its folder "
            "fetches that",
        ),
        ({"tokenizer.json": "{}"}, "tokenizer.json is no tokeniser: "),
    ],
)
def test_refusals(files: Mapping[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}") as caught:
        load_tokeniser(write(tmp_path, files), 200)
    assert "\n" not in str(caught.value)
