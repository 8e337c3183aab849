"""Files of token ids and of texts: each kind is read as what it is, or refused with its line."""

from __future__ import annotations

import json

import pytest
from alembert_text.sentence_file import Format, Row, parse_sentences

IDS = [[2, 5, 3], [2, 39, 0, 3], [7]]
TEXTS = ["Oil prices rose", "404", "3.5 %"]


def parse(content: str | bytes, name: str = "x.txt", form: Format | None = None) -> list[Row]:
    given = content.encode() if isinstance(content, str) else content
    return list(parse_sentences(given, name, form).values())


def as_lines(rows: list[list[int]], between: str, end: str = "\n") -> str:
    return end.join(between.join(map(str, row)) for row in rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " \n\n\t\n", "\t\r\n"])
@pytest.mark.parametrize("between", [" ", ",", ", ", ";", "\t", " \t "])
def test_token_ids(between: str, end: str, encoding: str) -> None:
    """Whatever has written them."""
    content = (as_lines(IDS, between, end) + end).encode(encoding)
    for name in ("x.txt", "x", "x.ids", "x.CSV", "x.tsv"):
        assert parse(content, name) == IDS


@pytest.mark.parametrize("rest", [",", ", ", ";", ",,,", ";;\t", "\t\t", " ,"])
def test_separators_at_the_end_of_a_line(rest: str) -> None:
    """Spreadsheets fill short rows up with them."""
    assert parse(as_lines(IDS, ",", f"{rest}\n") + rest) == IDS


def test_texts() -> None:
    words = ["Oil prices rose", "a\u2028b\u2029c\x85d\x0be\x0cf", "3.5 % – it’s", "ünd", "第三"]
    for end in ("\n", "\r\n", "\r", "\n\n"):
        assert parse(end.join(words)) == words
    # a line of numbers needs a word from the user
    assert parse("\n".join(TEXTS), form=Format.TEXTS) == TEXTS
    assert parse("2 5 3\n7", form=Format.TEXTS) == ["2 5 3", "7"]
    assert parse('{"text": 1}', "x.json", Format.TEXTS) == ['{"text": 1}']


def test_json() -> None:
    objects = [{"input_ids": row, "label": 1} for row in IDS]
    texts = [{"text": text} for text in TEXTS]
    for name in ("x.json", "x.jsonl", "x.ndjson", "x.txt"):
        for rows, found in ((IDS, IDS), (objects, IDS), (TEXTS, TEXTS), (texts, TEXTS)):
            assert parse(json.dumps(rows), name) == found
            if name != "x.txt" or not isinstance(rows[0], str):
                assert parse("\n".join(map(json.dumps, rows)) + "\n", name) == found
    assert parse(json.dumps(IDS, indent=1), "x.json") == IDS
    assert parse("[2, 7, 3]", "x.jsonl") == [[2, 7, 3]]
    assert parse(json.dumps(IDS), "ids.dump", Format.JSON) == IDS
    assert parse('{"text": "a\\nb", "input_ids": [4]}', "x.jsonl") == [[4]]  # what a model saw


def test_a_tokenisers_output() -> None:
    """In columns, padded: what the mask hides is no sentence's."""
    padded = [[2, 5, 3, 0], [2, 5, 9, 3]]
    masks = [[1, 1, 1, 0], [1, 1, 1, 1]]
    columns = {"input_ids": padded, "token_type_ids": [[0] * 4] * 2, "attention_mask": masks}
    assert parse(json.dumps(columns), "x.json") == [[2, 5, 3], [2, 5, 9, 3]]
    assert parse(json.dumps({"text": TEXTS}), "x.json") == TEXTS
    row = {"input_ids": padded[0], "attention_mask": masks[0]}
    assert parse(json.dumps(row), "x.jsonl") == [[2, 5, 3]]


RULE = "token ids must be whole numbers with blanks or commas between"
OUT = "--format texts reads all lines as texts"


@pytest.mark.parametrize(
    "odd",
    ["oil", "1.0", "1e3", "+5", "1_000", "٣", "²", "0x1f", "[7", "7]", '"7"', "NaN", "--7", "７"],
)
def test_an_odd_line_makes_no_texts_of_ids(odd: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(f"2 5 3\n\n2 {odd} 3\n7")
    assert str(caught.value) == (
        f"x.txt, line 3: {RULE}, not {odd!r}; line 1 holds token ids, and {OUT}"
    )
    # where it is the only line, too
    if odd not in ("oil", "NaN"):
        with pytest.raises(ValueError) as caught:
            parse(f"{odd} {odd}")
        assert str(caught.value) == f"x.txt, line 1: {RULE}, not {odd!r}; {OUT}"


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "x.txt", "x.txt holds no sentence"),
        ("\ufeff \n\t\r\n", "x.json", "x.json holds no sentence"),
        (b"2 5\n2 \xe9 3", "x.txt", "x.txt, line 2: text must be UTF-8, and the byte 0xe9 is not"),
        ("2 5\n7 \0", "x.ids", "x.ids, line 2: text must not hold NUL"),
        (
            "Oil\n2 5 3",
            "x.txt",
            f"x.txt, line 1: {RULE}, not 'Oil'; line 2 holds token ids, and {OUT}",
        ),
        (
            "id0,id1\n2,3",
            "x.csv",
            f"x.csv, line 1: {RULE}, not 'id0'; line 2 holds token ids, and {OUT}",
        ),
        ("oil,1", "x.csv", f"x.csv, line 1: {RULE}, not 'oil'; {OUT}"),
        ("2,,3", "x.txt", f"x.txt, line 1: {RULE}, not '2,,3'; {OUT}"),
        (",2,3", "x.txt", f"x.txt, line 1: {RULE}, not ',2,3'; {OUT}"),
        (",", "x.csv", f"x.csv, line 1: {RULE}, not ','; {OUT}"),
        ("2\u20285", "x.txt", f"x.txt, line 1: {RULE}, not '2\\u20285'; {OUT}"),
        ("7 " + "9" * 5000, "x.txt", "x.txt, line 1: no token id is '999"),
        ("🙂 🙂", "x.txt", f"x.txt, line 1: {RULE}, not '🙂'; {OUT}"),
        ("[1, 2", "x.json", "x.json is not JSON: Expecting ',' delimiter: line 1 column 6"),
        ("[1]\n[2", "x.jsonl", "x.jsonl, line 2 is not JSON: Expecting ',' delimiter"),
        ("2 5 3\n7 7", "x.jsonl", "x.jsonl is not JSON: Extra data: line 1 column 3"),
        ("[" * 9999, "x.json", "x.json is not JSON: "),
        ("[" + "9" * 5000 + "]", "x.json", "x.json is not JSON: Exceeds the limit"),
        ("{}", "x.json", "x.json, sentence 0 must be a list of token ids, a text, or an object"),
        ("[]", "x.json", "x.json must be a list of sentences, or hold one a line, not []"),
        ("7", "x.json", "x.json must be a list of sentences, or hold one a line, not 7"),
        ("[[1], []]", "x.json", "x.json, sentence 1 must be a list of token ids, a text, or an "),
        ("[[1.0]]", "x.json", "x.json, sentence 0: token ids must be whole numbers, not 1.0"),
        ("[[true]]", "x.json", "x.json, sentence 0: token ids must be whole numbers, not True"),
        ('[[7], "oil"]', "x.json", "x.json, sentence 1: all sentences must be texts, or all token"),
        ('[7]\n{"text": "a"}', "x.jsonl", "x.jsonl, line 2: all sentences must be texts, or all"),
        ('{"text": " "}', "x.jsonl", "x.jsonl, sentence 0 must be a list of token ids, a text, or"),
        ('{"input_ids": "7"}', "x.jsonl", "x.jsonl, sentence 0 must be a list of token ids, a "),
        (
            '{"input_ids": [7, 8], "attention_mask": [0, 1]}',
            "x.jsonl",
            "x.jsonl, sentence 0: attention_mask must be ones, then zeros, 2 in all, not [0, 1]",
        ),
        (
            '{"input_ids": [7, 8], "attention_mask": [1]}',
            "x.jsonl",
            "x.jsonl, sentence 0: attention_mask must be ones, then zeros, 2 in all, not [1]",
        ),
        (
            '{"input_ids": [7, 8], "token_type_ids": [0, 1]}',
            "x.jsonl",
            "x.jsonl, sentence 0: token_type_ids must be zeros, for there is one segment, not [0",
        ),
        (
            '{"input_ids": [[7], [8]], "attention_mask": [[1]]}',
            "x.json",
            "x.json: input_ids, attention_mask must be lists of one length",
        ),
    ],
)
def test_refusals(content: str | bytes, name: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(content, name)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 200


def test_a_given_format_is_no_guess() -> None:
    with pytest.raises(ValueError, match=f"^x.txt, line 2: {RULE}, not 'oil'$"):
        parse("2 5\noil", form=Format.IDS)
    with pytest.raises(ValueError, match=r"^x.ids is not JSON: "):
        parse("2 5 3", "x.ids", Format.JSON)
