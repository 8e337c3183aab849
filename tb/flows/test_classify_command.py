"""``alembert classify``: what it prints, of which texts, and what it refuses in a line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembert.cli import app
from alembert.cli.classify_texts import encode_text
from alembert.config.isa import Opcode
from alembert.config.presets import PRESETS
from alembert_models import PackedModel
from alembert_runtime.classify import classify
from alembert_text.checkpoint_tokeniser import load_tokeniser
from models.tiny_models import CLASSES, LENGTH, SENTENCES, packed, pieces
from runtime.models import patched
from typer.testing import CliRunner, Result

MACHINE = PRESETS["tiny"].machine
LONG = "the ship carried wheat and corn after the meeting of the company said oil prices rose"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PackedModel:
    return packed(tmp_path_factory.mktemp("packed") / "small")


class Command:
    def __init__(self, model: PackedModel) -> None:
        self._given = ["classify", "--model", str(model.folder), "--preset", "tiny"]

    def __call__(self, *arguments: str | Path, stdin: bytes | None = None) -> Result:
        given = [*self._given, *map(str, arguments)]
        return CliRunner().invoke(app, given, input=stdin)


@pytest.fixture
def run(model: PackedModel) -> Command:
    return Command(model)


def objects(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def rows(result: Result) -> Iterator[list[str]]:
    """The cells of the table."""
    assert result.exit_code == 0, result.stderr
    for line in result.stdout.splitlines():
        if cells := re.split(r" {2,}", line.strip()):
            yield cells


def test_a_text(run: Command, model: PackedModel) -> None:
    result = run(SENTENCES[0])
    head, line, row = (cells for cells in rows(result) if cells != [""])
    assert head == [
        *("text", "class", "probability", "left after", "entropy", "cycles (model)"),
        "energy proxy, nJ",
    ]
    assert set(line[0]) == {"─"} and result.stderr == ""
    (found,) = classify(
        model.image_for("tiny"), MACHINE, [pieces().encode(SENTENCES[0], 16)], threshold=1.0
    )
    assert row == [
        "oil prices rose after the meeti…",
        CLASSES[found.predicted_class],
        f"{100 * found.probability:.1f} %",
        f"pass {found.passes} of 3",
        f"{found.entropy:.3f}",
        f"{found.cycles:,}",
        f"{found.energy.total:,.0f}",
    ]


def test_an_object_a_line(run: Command, model: PackedModel, tmp_path: Path) -> None:
    file = tmp_path / "texts"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*SENTENCES, LONG, "oil ☃ gas"]).encode())
    result = run("--file", file, "--json", "--threshold", "0.9")
    found = objects(result)
    texts = [*SENTENCES, LONG, "oil ☃ gas"]
    sentences = [encode_text(text, pieces(), LENGTH) for text in texts]
    expected = classify(
        model.image_for("tiny"), MACHINE, [each.ids for each in sentences], threshold=0.9
    )
    for given, text, sentence, each in zip(found, texts, sentences, expected, strict=True):
        energy = {"arrays": each.energy.arrays, "scratchpad": each.energy.scratchpad}
        assert given == {
            "text": text,
            "model": "small",
            "preset": "tiny",
            "class": CLASSES[each.predicted_class],
            "class_number": each.predicted_class,
            "probability": each.probability,
            "pass": each.passes,
            "passes": 3,
            "exited": each.exited,
            "entropy": each.entropy,
            "tokens": len(sentence.ids),
            "tokens_unknown": sentence.unknown,
            "tokens_cut": sentence.cut,
            "cycles": each.cycles,
            "cycles_measured": False,
            "saturated": {"matrix": 0, "attention": 0, "special": 0},
            "energy_nj": each.energy.total,
            "energy_parts_nj": energy | {"memory": each.energy.memory},
        }
    assert found[5]["tokens"] == 16 and found[5]["tokens_cut"] > 0
    assert found[6]["tokens_unknown"] >= 1


def test_formats(run: Command, tmp_path: Path) -> None:
    """JSON by the file's name or on request, as texts a line; token ids are no texts."""
    wanted = run("--json", stdin="\n".join(SENTENCES).encode()).stdout
    rows = "\n".join(json.dumps({"text": text}) for text in SENTENCES)
    (tmp_path / "x.jsonl").write_text(rows)
    assert run("--json", "--file", tmp_path / "x.jsonl").stdout == wanted
    assert run("--json", "--format", "json", stdin=rows.encode()).stdout == wanted
    (tmp_path / "x.csv").write_text("404\n")
    message = f"{tmp_path / 'x.csv'} must hold texts, not token ids"
    assert refusal(run("--file", tmp_path / "x.csv")) == message
    (tmp_path / "x.json").write_text("[[2, 7, 3]]")
    message = f"{tmp_path / 'x.json'} must hold texts, not token ids"
    assert refusal(run("--file", tmp_path / "x.json")) == message
    (tmp_path / "x.json").write_text('["oil"]')
    shown = run("--json", "--file", tmp_path / "x.json", "--format", "texts")
    assert [each["text"] for each in objects(shown)] == ['["oil"]']
    assert [each["text"] for each in objects(run("--json", stdin=b"404 oil"))] == ["404 oil"]


def test_results_beyond_their_range(
    run: Command, model: PackedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in the object, and said in a line beside the answer."""
    image, _ = patched(model.image_for("tiny"), Opcode.LAYERNORM, b_multiplier=0xFFFF, shift=0)
    monkeypatch.setattr(PackedModel, "image_for", lambda *_: image)
    result = run("--json", SENTENCES[0])
    ((_, special),) = [
        (name, count) for name, count in objects(result)[0]["saturated"].items() if count
    ]
    assert special > 10
    assert result.stderr == (
        "note: text 1: results beyond 16 bits, which count as the ends of their range: "
        f"{special:,} of unit SPECIAL\n"
    )


def test_notes(run: Command) -> None:
    """What was cut off, and words that are not known; the answer is given."""
    result = run("--json", stdin=f"{LONG}\noil ☃ ☃\n{SENTENCES[0]}\n".encode())
    cut = len(pieces().encode(LONG, 99)) - 16
    assert result.stderr == (
        f"note: text 1: {cut} tokens cut off, 16 fit\n"
        "note: text 2: 2 of 3 tokens are unknown words\n"
    )
    assert len(objects(result)) == 3


def test_the_models_threshold_is_the_default(run: Command) -> None:
    texts = "\n".join(SENTENCES).encode()
    default = run("--json", stdin=texts).stdout
    assert run("--json", "--threshold", "1.0", stdin=texts).stdout == default
    never = objects(run("--json", "--threshold", "0", stdin=texts))
    assert {each["pass"] for each in never} == {3}
    assert {each["pass"] for each in objects(run("--json", "--threshold", "7", stdin=texts))} == {1}


def test_text_is_no_markup(run: Command) -> None:
    result = run("oil [bold]x[/]\x1b[31mwheat")
    assert "\x1b" not in result.stdout
    assert any(cells[0] == "oil [bold]x[/] [31mwheat" for cells in rows(result))


def test_long_inputs_are_as_the_pieces_cut_them() -> None:
    for text in (LONG, *SENTENCES):
        sentence = encode_text(text, pieces(), 7)
        assert sentence.ids.tolist() == pieces().encode(text, 7).tolist()
        assert sentence.cut == len(pieces().encode(text, 999)) - len(sentence.ids)


def test_pieces_are_known_by_name(tmp_path: Path) -> None:
    """Of a published BERT, whose [UNK] is 100 and whose [PAD] is 0."""
    special = ["[PAD]", *(f"[unused{n}]" for n in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (tmp_path / "vocab.txt").write_text("\n".join([*special, "oil", "gas"]))
    tokeniser = load_tokeniser(tmp_path, 106)
    sentence = encode_text("Oil ☃ gas ☃ ☃", tokeniser, 5)
    assert sentence.ids.tolist() == [101, 104, 100, 105, 102]
    assert (sentence.words, sentence.unknown, sentence.cut) == (3, 1, 2)
    with pytest.raises(ValueError, match=r"^a text must hold a word that the model knows$"):
        encode_text("[MASK] ☃", tokeniser, 5)


def test_no_more_stories_than_there_are(run: Command) -> None:
    message = "--reuters must be between 1 and 2189, not 1000000"
    assert refusal(run("--reuters", "1000000")) == message


def test_a_bad_line_takes_no_other_with_it(run: Command, tmp_path: Path) -> None:
    """Whatever is wrong with it, it is named, and the others are answered."""
    file = tmp_path / "texts"
    lines = [
        SENTENCES[0].encode(),
        b"",
        b"oil \xff",
        b"\xe2\x98\x83",
        b"oil\0",
        SENTENCES[1].encode(),
    ]
    file.write_bytes(b"\n".join(lines))
    for arguments in (["--json", "--file", file], ["--file", file]):
        result = run(*arguments)
        assert result.exit_code == 2
        assert result.stderr.splitlines() == [
            "error: text 2: a text must not be empty",
            "error: text 3: text must be UTF-8, and the byte 0xff is not",
            "error: text 4: a text must hold a word that the model knows",
            "error: text 5: text must not hold NUL; UTF-16 needs a byte order mark",
        ]
        alone = [run(*arguments[:-2], text).stdout.splitlines() for text in SENTENCES[:2]]
        found = result.stdout.splitlines()
        if "--json" in arguments:
            assert found == [line for lines in alone for line in lines]
        else:  # one row more
            assert len(found) == len(alone[0]) + 1
            assert all(any(text[:20] in line for line in found) for text in SENTENCES[:2])


def refusal(result: Result, code: int = 2) -> str:
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    return result.stderr[len("error: ") : -1]


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["", "--json"], b"", "the text must not be empty"),
        (["  \n"], b"", "the text must not be empty"),
        (["oil \udcff"], b"", "the text must be UTF-8"),
        (["☃☃☃"], b"", "text 1: a text must hold a word that the model knows"),
        (["[PAD] [CLS] ☃"], b"", "text 1: a text must hold a word that the model knows"),
        (["\x01"], b"", "text 1: a text must hold at least one word"),
        ([], b"", "standard input must hold a text a line, and is empty"),
        (["oil", "--file", "x"], b"", "TEXT and --file exclude each other"),
        (["--file", "/nowhere/x"], b"", "cannot read /nowhere/x: No such file or directory"),
        (["oil", "--reuters", "2"], b"", "--reuters, TEXT and --file exclude one another"),
        (
            ["--file", "x", "--reuters", "2"],
            b"",
            "--reuters, TEXT and --file exclude one another",
        ),
        (["--file", "/"], b"", "cannot read /: Is a directory"),
        (
            ["oil", "--threshold", "nan"],
            b"",
            "threshold must be between 0 and 7.99998 nats, not nan",
        ),
        (
            ["oil", "--threshold", "-1"],
            b"",
            "threshold must be between 0 and 7.99998 nats, not -1.0",
        ),
        (["oil", "-p", "edge16"], b"", "preset of model small must be one of tiny, not 'edge16'"),
    ],
)
def test_refused_in_one_line(
    run: Command, arguments: list[str], stdin: bytes, message: str
) -> None:
    assert refusal(run(*arguments, stdin=stdin)) == message


def test_no_such_model(run: Command) -> None:
    message = refusal(run("oil", "--model", "nowhere"))
    assert re.fullmatch(r"model must be a built-in one \(.+\) or a folder, not 'nowhere'", message)


def test_a_terminal_is_not_read(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        @staticmethod
        def isatty() -> bool:
            return True

    monkeypatch.setattr("alembert.cli.classify_texts.sys.stdin", Terminal())
    from alembert.cli.classify_texts import read_texts

    with pytest.raises(ValueError) as caught:
        read_texts(None, None)
    assert str(caught.value) == "there must be a TEXT, a --file, or texts on standard input"


def test_a_fault_of_the_machine(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembert_runtime import DeviceError

    def stop(*arguments: object, **options: object) -> None:
        raise DeviceError("a run of 5 tokens was stopped: why")

    monkeypatch.setattr("alembert_runtime.classify.classify", stop)
    assert refusal(run("oil"), 1) == "a run of 5 tokens was stopped: why"


def test_nothing_slow_is_imported_before_it_is_needed() -> None:
    code = "import sys, alembert.cli; print(*(n for n in sys.modules if '.' not in n))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"tokenizers", "torch", "alembert_compiler", "alembert_runtime", "alembert_models"}
    assert not slow & set(done.stdout.split())
