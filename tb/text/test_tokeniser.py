"""Tokenisers of the tokenizers library's every kind, with special pieces by name, not by number."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from alembert_text.tokeniser import Tokeniser
from alembert_text.word_pieces import WordPieces
from tokenizers import (
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

TEXTS = ["Oil prices rose after the meeting", "the bank cut its rates", "prices fell"]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def word_pieces() -> Tokenizer:
    """Numbered as published BERTs' are."""
    words = sorted({word for text in TEXTS for word in text.lower().split()})
    pieces = ["[PAD]", *(f"[unused{n}]" for n in range(99)), *BERT[1:], *words, "##s"]
    made = Tokenizer(
        models.WordPiece({piece: n for n, piece in enumerate(pieces)}, unk_token="[UNK]")
    )
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.add_special_tokens(BERT)
    return made


def unigram() -> Tokenizer:
    """As ALBERT's."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.UnigramTrainer(
        vocab_size=60, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    made.train_from_iterator(TEXTS * 9, trainer)
    return made


def bytes_of_roberta() -> Tokenizer:
    """Byte-level pairs, which know every text."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.post_processor = processors.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(TEXTS * 9, trainer)
    return made


KINDS = {"word pieces": word_pieces, "unigram": unigram, "bytes": bytes_of_roberta}


def saved(made: Tokenizer, folder: Path) -> Path:
    made.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind(kind: str, tmp_path: Path) -> None:
    made = KINDS[kind]()
    first, last = ("<s>", "</s>") if kind == "bytes" else ("[CLS]", "[SEP]")
    ends = made.token_to_id(first), made.token_to_id(last)
    tokeniser = Tokeniser.load(saved(made, tmp_path))
    assert len(tokeniser) == made.get_vocab_size() and tokeniser.vocabulary == made.get_vocab()
    for text in (*TEXTS, "oil ☃ prices"):
        pieces = made.encode(text, add_special_tokens=False).ids
        assert len(pieces) >= 2
        assert tokeniser.encode(text, 999).tolist() == [ends[0], *pieces, ends[1]]
        assert tokeniser.encode(text, 4).tolist() == [ends[0], *pieces[:2], ends[1]]
    unknown = {"word pieces": "[UNK]", "unigram": "<unk>", "bytes": None}[kind]
    assert tokeniser.unknown == (None if unknown is None else made.token_to_id(unknown))
    assert {made.id_to_token(number) for number in tokeniser.special} == {
        "word pieces": set(BERT),
        "unigram": {"<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"},
        "bytes": {"<s>", "<pad>", "</s>", "<unk>", "<mask>"},
    }[kind]


def test_published_numbers(tmp_path: Path) -> None:
    tokeniser = Tokeniser.load(saved(word_pieces(), tmp_path))
    numbers = tokeniser.vocabulary
    assert tokeniser.encode("Prices: oil ☃", 99).tolist() == [
        *(101, numbers["prices"], 100, numbers["oil"], 100, 102)
    ]
    assert tokeniser.special == {0, 100, 101, 102, 103}


def test_the_tokenisers_own_template_comes_first(tmp_path: Path) -> None:
    """[CLS] and [SEP] once; and another template as it is."""
    made = word_pieces()
    plain = made.encode(TEXTS[0]).ids
    made.post_processor = processors.BertProcessing(("[SEP]", 102), ("[CLS]", 101))
    tokeniser = Tokeniser.load(saved(made, tmp_path))
    assert tokeniser.encode(TEXTS[0], 99).tolist() == [101, *plain, 102]
    assert tokeniser.encode(TEXTS[0], 3).tolist() == [101, plain[0], 102]
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] [CLS] $A", special_tokens=[("[CLS]", 101)]
    )
    tokeniser = Tokeniser.load(saved(made, tmp_path))
    assert tokeniser.encode(TEXTS[0], 99).tolist() == [101, 101, *plain]
    assert tokeniser.encode(TEXTS[0], 4).tolist() == [101, 101, *plain[:2]]
    assert tokeniser.words(tokeniser.encode(TEXTS[0], 4)) == 2
    with pytest.raises(ValueError, match=r"^length must be at least 3, not 2$"):
        tokeniser.encode(TEXTS[0], 2)


def test_stored_lengths_do_not_count(tmp_path: Path) -> None:
    made = word_pieces()
    made.post_processor = processors.BertProcessing(("[SEP]", 102), ("[CLS]", 101))
    whole = made.encode(TEXTS[0]).ids
    made.enable_truncation(3)
    made.enable_padding(length=16)
    tokeniser = Tokeniser.load(saved(made, tmp_path))
    assert tokeniser.encode(TEXTS[0], 99).tolist() == whole


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_saved_is_what_was_read(kind: str, tmp_path: Path) -> None:
    tokeniser = Tokeniser.load(saved(KINDS[kind](), tmp_path))
    tokeniser.save(tmp_path / "again.json")
    again = Tokeniser.load(tmp_path / "again.json")
    assert again.vocabulary == tokeniser.vocabulary
    assert (again.special, again.unknown) == (tokeniser.special, tokeniser.unknown)
    for text in TEXTS:
        assert again.encode(text, 9).tolist() == tokeniser.encode(text, 9).tolist()


def test_names_from_elsewhere(tmp_path: Path) -> None:
    """Are kept by what is saved, for there they are nowhere else."""
    made = Tokenizer(models.WordLevel({"<a>": 0, "<b>": 1, "oil": 2, "?": 3}, unk_token="?"))
    path = saved(made, tmp_path)
    message = "tokenizer.json is no tokeniser: it adds no piece to a sentence, and has no [CLS]"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Tokeniser.load(path)
    with pytest.raises(ValueError, match=r"^tokenizer.json is no tokeniser: it has no piece <c>$"):
        Tokeniser.load(path, ("<a>", "<c>"))
    tokeniser = Tokeniser.load(path, ("<a>", "<b>"))
    tokeniser.save(path)
    for each in (tokeniser, Tokeniser.load(path)):
        assert each.encode("oil", 9).tolist() == [0, 2, 1]
        assert (each.special, each.unknown) == ({0, 1, 3}, 3)


def test_damage(tmp_path: Path) -> None:
    """Also such as the library panics at."""
    content = json.loads(word_pieces().to_str())
    path = tmp_path / "tokenizer.json"
    for change in (
        {"model": None},
        {"post_processor": {"type": "Other"}},
        {"pre_tokenizer": {"type": "Other"}},
        {
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "[X]", "type_id": 0}}],
                "pair": [],
                "special_tokens": {},
            }
        },
    ):
        path.write_text(json.dumps(content | change))
        with pytest.raises(ValueError, match=r"^tokenizer.json is no tokeniser: "):
            Tokeniser.load(path)


def test_a_text_that_has_no_pieces(tmp_path: Path) -> None:
    made = Tokenizer(models.WordLevel({"[CLS]": 0, "[SEP]": 1, "oil": 2}, unk_token="[UNK]"))
    tokeniser = Tokeniser.load(saved(made, tmp_path))
    assert tokeniser.encode("oil", 9).tolist() == [0, 2, 1] and tokeniser.unknown is None
    with pytest.raises(ValueError, match=r"^a text must suit the tokeniser: "):
        tokeniser.encode("gas", 9)


def test_the_projects_own_are_as_before(tmp_path: Path) -> None:
    """Word pieces without a template: the same numbers, and the same bytes when saved."""
    learned = WordPieces.learn(TEXTS * 9, 80)
    learned.save(tmp_path / "a.json")
    made = Tokenizer.from_file(str(tmp_path / "a.json"))
    assert made.post_processor is None and made.to_str() == (tmp_path / "a.json").read_text()
    tokeniser = Tokeniser.load(tmp_path / "a.json")
    for text in TEXTS:
        assert tokeniser.encode(text, 99).tolist() == [2, *made.encode(text).ids, 3]
    tokeniser.save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
