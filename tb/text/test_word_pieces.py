"""Word pieces, as another implementation of BERT's tokenisation cuts them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembert_text.word_pieces import WordPieces

CORPUS = [
    "The board approved a two-for-one stock split.",
    "Boards split the stocks, the shares.",
] * 9


@pytest.fixture(scope="module")
def pieces() -> WordPieces:
    return WordPieces.learn(CORPUS, 80)


def _longest_match(text: str, vocabulary: dict[str, int]) -> list[int]:
    """Greedy from the front, by the definition."""
    found = []
    for word in re.findall(r"\w+|[^\w\s]", text.lower()):
        own, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in vocabulary:
                    own.append(vocabulary[piece])
                    start = end
                    break
            else:
                own = [vocabulary["[UNK]"]]
                break
        found += own
    return found


def test_each_word_is_cut_into_its_longest_pieces(pieces: WordPieces, tmp_path: Path) -> None:
    pieces.save(tmp_path / "tokenizer.json")
    vocabulary = WordPieces.load(tmp_path / "tokenizer.json").vocabulary
    assert len(vocabulary) == len(pieces) <= 80
    for text in (*CORPUS[:2], "Splitting STOCK boards, approved!", "qqq the ünd"):
        ids = pieces.encode(text, 64).tolist()
        assert (ids[0], ids[-1]) == (2, 3)
        plain = text.replace("ü", "u")  # BERT strips accents
        assert ids[1:-1] == _longest_match(plain, vocabulary)


def test_a_long_text_is_cut(pieces: WordPieces) -> None:
    whole = pieces.encode(CORPUS[0], 64).tolist()
    assert pieces.encode(CORPUS[0], 6).tolist() == [*whole[:5], whole[-1]]


def test_what_another_reads_is_the_same(pieces: WordPieces, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    pieces.save(path)
    again = WordPieces.load(path)
    for text in CORPUS:
        assert again.encode(text, 20).tolist() == pieces.encode(text, 20).tolist()


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_a_text_without_words_is_refused(pieces: WordPieces, text: str) -> None:
    with pytest.raises(ValueError, match=r"^a text must hold at least one word$"):
        pieces.encode(text, 64)


def test_no_room(pieces: WordPieces) -> None:
    with pytest.raises(ValueError, match=r"^length must be at least 3, not 2$"):
        pieces.encode("the", 2)
    message = (
        "a vocabulary must have more than the 11 pieces that are special or single characters, "
        "not 11"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        WordPieces.learn(["cab", "A b"], 11)


def test_the_same_texts_have_the_same_pieces() -> None:
    """In every process: the library hashes words otherwise in each."""
    program = (
        "from alembert_text.word_pieces import WordPieces\n"
        "texts = [f'{a}{b}{a} {b}{c}{c}' for a in 'xyzt' for b in 'uvw' for c in 'abc']\n"
        "print(sorted(WordPieces.learn(texts, 60).vocabulary.items()))\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        ).stdout
        for _ in range(3)
    }
    assert len(found) == 1 and "[CLS]" in found.pop()


def test_files_that_are_none(pieces: WordPieces, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    with pytest.raises(ValueError, match=r"^tokenizer.json cannot be read: No such file"):
        WordPieces.load(path)
    pieces.save(path)
    text = path.read_text(encoding="utf-8")
    for content in ("", "{}", "[1]", text[: len(text) // 2], text.replace("[CLS]", "[cls]")):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=r"^tokenizer.json is no tokeniser: "):
            WordPieces.load(path)


def test_a_pointer_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(ValueError, match=r"^tokenizer.json is a Git LFS pointer, not the file"):
        WordPieces.load(path)


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    message = "word pieces need the tokenizers library: pip install 'alembert[text]' brings it"
    with pytest.raises(ImportError, match=f"^{re.escape(message)}$"):
        WordPieces.load(tmp_path / "tokenizer.json")
