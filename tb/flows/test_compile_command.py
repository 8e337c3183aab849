"""``alembert compile``: what it writes and prints, and what it refuses in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from alembert.cli import app
from alembert.config import preset
from alembert_compiler.calibrate import calibrate
from alembert_compiler.compile import compile_model
from alembert_compiler.cycles import predict
from alembert_compiler.image import Image
from alembert_compiler.load_model import load_model
from alembert_compiler.quantisation import Clip, Quantisation
from alembert_compiler.tensor_names import PARTS
from alembert_text.word_pieces import WordPieces
from compiler.coded_models import float_tensors
from compiler.compiled_models import BERT, CONFIG, TOKENS, random_model
from compiler.gguf_files import write_bert
from compiler.test_load_model import safetensors
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

Tensors = dict[str, NDArray]
NAME = "albert.encoder.embedding_hidden_mapping_in.weight"
IDS = "\n".join(" ".join(map(str, row)) for row in TOKENS.tolist())
PRESET = ["--preset", "tiny"]


def write_folder(folder: Path, tensors: Tensors, **config: object) -> None:
    stored = {name: ("F32", np.asarray(x, np.float32)) for name, x in tensors.items()}
    (folder / "model.safetensors").write_bytes(safetensors(stored))
    shape = {name: value for name, value in asdict(CONFIG).items() if value is not None}
    (folder / "config.json").write_text(json.dumps(shape | config))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint, a tokeniser, and token ids to calibrate with."""
    place = tmp_path / "model"
    place.mkdir()
    write_folder(place, float_tensors(random_model(CONFIG, (PARTS[0], PARTS[4]), classes=3)))
    (place / "ids.txt").write_text(IDS)
    WordPieces.learn(["oil prices"], 23).save(place / "tokenizer.json")
    return place


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["compile", *map(str, arguments)])


def test_what_saturates_is_warned_of(tmp_path: Path) -> None:
    """A line on standard error, and the image all the same."""
    place, output = tmp_path / "model", tmp_path / "x.image"
    place.mkdir()
    tensors = float_tensors(random_model(CONFIG, (PARTS[0], PARTS[4]), classes=3))
    tensors["off_ramps.1.bias"] = np.array([9e3, 0, 0])
    write_folder(place, tensors)
    (place / "ids.txt").write_text(IDS)
    result = run(place, *PRESET, "--calibrate", place / "ids.txt", "--output", output)
    assert (result.exit_code, output.is_file()) == (0, True)
    (line,) = result.stderr.splitlines()
    assert re.fullmatch(
        "warning: logits of classifier 1 saturate at ±4096: 1 of 3 reach further in the "
        r"calibration, class 0 ±\d+",
        line,
    )


def test_the_image_is_the_compilers(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "x.image"
    options = ["--length", "16", "--spans", "0,4", "--ranges", "percentile:99.5"]
    result = run(folder, "-o", output, *PRESET, "--calibrate", folder / "ids.txt", *options)
    assert (result.exit_code, result.stderr) == (0, "")
    machine, model = preset("tiny").machine, load_model(folder)
    wanted = compile_model(
        model,
        machine,
        calibrate(model, list(TOKENS), spans=[0, 4]),
        max_length=16,
        head="classifier",
        spans=[0, 4],
        quantisation=Quantisation(activation_range=Clip(rule="percentile", percent=99.5)),
    )
    image = Image.load(output)
    assert bytes(image.data) == bytes(wanted.data)
    first, last = predict(machine, image, length=16, passes=2).passes[-1]
    shown = re.findall(r"^  (\S.*?)  +([\d,]+)", result.stdout, re.MULTILINE)
    assert dict(shown) == {
        "instructions": f"{image.instructions:,}",
        "words of image": f"{len(image.data) // 4:,}",
        "words of scratchpad": f"{image.scratchpad_words:,}",
        "cycles of a pass, 16 tokens": f"{last - first + 1:,}",
    }
    assert f"{machine.scratchpad.words:,}" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["model", "x.image"]


def test_texts_and_what_lies_beside(folder: Path, tmp_path: Path) -> None:
    output, texts = tmp_path / "x.image", folder / "texts.txt"
    texts.write_text("oil prices\n" + "prices " * 22)
    result = run(folder, "-o", output, *PRESET, "--calibrate", texts)
    pattern = r"error: texts.txt, line 2: a sentence must have at most 21 tokens, not \d+\n"
    assert result.exit_code == 2 and re.fullmatch(pattern, result.stderr)
    assert run(folder, "-o", output, *PRESET, "--calibrate", texts, "--cut").exit_code == 0
    content = output.read_bytes()
    output.unlink()
    (folder / "calibration.json").write_text(json.dumps(TOKENS.tolist()))
    assert run(folder, "-o", output, *PRESET).exit_code == 0
    assert output.read_bytes() != content
    by_file = tmp_path / "y.image"
    # as an editor for Windows saves it
    (folder / "ids.txt").write_bytes(b"\xef\xbb\xbf" + IDS.replace("\n", "\r\n").encode())
    assert run(folder, "-o", by_file, *PRESET, "--calibrate", folder / "ids.txt").exit_code == 0
    assert by_file.read_bytes() == output.read_bytes()


def test_a_gguf_file(tmp_path: Path) -> None:
    file, output = tmp_path / "m.gguf", tmp_path / "x.image"
    tensors = float_tensors(random_model(BERT, (PARTS[0], *PARTS[2:4]), classes=3))
    write_bert(file, BERT, tensors)
    (tmp_path / "ids.txt").write_text(IDS)
    result = run(file, "-o", output, *PRESET, "--calibrate", tmp_path / "ids.txt")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "the pooler's tanh" in Image.load(output).notes


def test_gelu_of_the_other_form_is_noted(folder: Path, tmp_path: Path) -> None:
    shape = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(shape | {"hidden_act": "gelu_new"}))
    result = run(folder, "-o", tmp_path / "x", *PRESET, "--calibrate", folder / "ids.txt")
    assert result.exit_code == 0 and result.stderr.count("\n") == 1
    assert result.stderr.startswith("note: the model's activation is 'gelu_new', GELU's tanh form")
    assert (tmp_path / "x").is_file()


def test_raised_damping_is_noted_by_layer(folder: Path, tmp_path: Path) -> None:
    """A channel of 10⁸ leaves the others' covariance to rounding."""
    bias = "albert.encoder.albert_layer_groups.0.albert_layers.0.attention.LayerNorm.bias"
    _change(bias, lambda x: np.where(np.arange(len(x)) == 3, 1e8, x))(folder)
    arguments = [folder, "-o", tmp_path / "x", *PRESET, "--calibrate", folder / "ids.txt"]
    result = run(*arguments, "--preset", "edge16_int8")
    assert result.exit_code == 0
    damped = "the Hessian of the first feed-forward layer is not positive definite with damping "
    assert f"warning: {damped}" in result.stderr
    nearest = run(*arguments, "--preset", "edge16_int8", "--rounding", "nearest")
    assert nearest.exit_code == 0 and "Hessian" not in nearest.stderr


def _change(name: str, change: Callable[[NDArray], NDArray]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        tensors = dict(load_model(folder).tensors)
        tensors[name] = change(np.array(tensors[name]))
        write_folder(folder, tensors)

    return edit


def _lose(folder: Path) -> None:
    tensors = dict(load_model(folder).tensors)
    del tensors[NAME]
    write_folder(folder, tensors)


def _add(folder: Path) -> None:
    write_folder(folder, {**load_model(folder).tensors, "spare.weight": np.zeros(3)})


def _pieces(folder: Path) -> None:
    WordPieces.learn(["many other words than those"], 40).save(folder / "tokenizer.json")
    (folder / "ids.txt").write_text("many words")


def _as(name: str, content: str | bytes) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return edit


def _unreadable(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()


BAD: dict[str, tuple[Callable[[Path], None], list[str], str]] = {
    "preset": (
        lambda _: None,
        ["--preset", "huge"],
        "preset must be one of tiny, edge16, edge16_int8, edge16_ternary, not 'huge'",
    ),
    "missing": (_lose, [], f"model.safetensors: checkpoint lacks {NAME}"),
    "extra": (
        _add,
        [],
        "model.safetensors: checkpoint holds what belongs to no part: spare.weight",
    ),
    "nan": (
        _change(NAME, lambda x: x * np.nan),
        [],
        f"model.safetensors: {NAME} holds NaN or infinity",
    ),
    "shape": (
        _change(NAME, lambda x: x[:, 1:]),
        [],
        f"model.safetensors: {NAME} must be of shape (32, 12), not (32, 11)",
    ),
    "too large to compute": (
        _change(NAME, lambda x: np.full_like(x, 3e38)),
        [],
        "hidden of a calibration sequence holds NaN or infinity",
    ),
    "damaged": (
        _as("model.safetensors", b"\0\1"),
        [],
        "model.safetensors",
    ),
    "folder for a file": (
        _unreadable,
        [],
        "model must hold config.json and model.safetensors or pytorch_model.bin, "
        "whole or as shards and an index",
    ),
    "no config": (
        lambda folder: (folder / "config.json").unlink(),
        [],
        "model must hold config.json and model.safetensors or pytorch_model.bin, "
        "whole or as shards and an index",
    ),
    "config": (
        _as("config.json", "{"),
        [],
        "config.json: ",
    ),
    "empty": (_as("ids.txt", "\n"), [], "ids.txt holds no sentence"),
    "a word among token ids": (
        _as("ids.txt", f"{IDS}\noil"),
        [],
        f"ids.txt, line {len(TOKENS) + 1}: token ids must be whole numbers with blanks or commas "
        "between, not 'oil'; line 1 holds token ids, and --format texts reads all lines as texts",
    ),
    "texts for token ids": (
        _as("ids.txt", "oil prices"),
        ["--format", "ids"],
        "ids.txt, line 1: token ids must be whole numbers with blanks or commas between, not 'oil'"
        "\n",
    ),
    "token ids for texts": (
        lambda folder: (folder / "tokenizer.json").unlink(),
        ["--format", "texts"],
        "ids.txt holds texts, but there is no tokenizer.json, vocab.txt or spiece.model beside",
    ),
    "too long": (
        _as("ids.txt", "1 " * 22),
        [],
        "ids.txt, line 1: a sentence must have at most 21 tokens, not 22",
    ),
    "too long for the image": (
        lambda _: None,
        ["--length", "12"],
        "ids.txt, line 1: a sentence must have at most 12 tokens, not 13",
    ),
    "vocabulary": (_pieces, [], "ids.txt holds texts, but tokenizer.json has "),
    "length": (lambda _: None, ["--length", "22"], "--length must be between 1 and 21, not 22"),
    "head": (
        lambda _: None,
        ["--head", "mlm"],
        "the checkpoint has no masked-language head",
    ),
    "rounding": (
        lambda _: None,
        ["--rounding", "up"],
        "rounding must be 'nearest' or 'gptq', not 'up'",
    ),
    "ranges": (
        lambda _: None,
        ["--ranges", "kl"],
        "a range must be one of mse, absmax, percentile, entropy, not 'kl'",
    ),
    "codes": (
        lambda _: None,
        ["--preset", "edge16", "--ranges", "entropy"],
        "ranges by entropy are for codes of INT<n>, not AdaptivFloat<8,3>",
    ),
    "spans": (
        lambda _: None,
        ["--spans", "few"],
        "--spans must be whole numbers, 0,4,4,0, not 'few'",
    ),
    "spans of others": (
        lambda _: None,
        ["--spans", "1,2,3"],
        "spans must be of shape (2,)",
    ),
}


@pytest.mark.parametrize(("edit", "options", "message"), BAD.values(), ids=BAD)
def test_refused_in_one_line(
    edit: Callable[[Path], None], options: list[str], message: str, folder: Path, tmp_path: Path
) -> None:
    edit(folder)
    output = tmp_path / "x.image"
    chosen = options if "--preset" in options else [*PRESET, *options]
    result = run(folder, "-o", output, "--calibrate", folder / "ids.txt", *chosen)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith(f"error: {message}")
    assert result.stderr.count("\n") == 1 and result.stdout == ""
    assert list(tmp_path.iterdir()) == [folder]


def test_other_places(folder: Path, tmp_path: Path) -> None:
    ids = ["--calibrate", folder / "ids.txt"]
    for arguments, message in (
        (
            [folder, "-o", tmp_path / "x"],
            "--calibrate must name sentences to calibrate with: there is no calibration.json "
            "beside the checkpoint",
        ),
        (
            [tmp_path / "none", "-o", tmp_path / "x", *ids],
            "none must hold config.json and model.safetensors or pytorch_model.bin, "
            "whole or as shards and an index",
        ),
        ([tmp_path / "none.gguf", "-o", tmp_path / "x", *ids], "none.gguf is no file"),
        (
            [folder, "-o", tmp_path / "x", "--calibrate", tmp_path / "none"],
            "none cannot be read: No such file or directory",
        ),
        (
            [folder, "-o", tmp_path / "no" / "x", *ids],
            f"cannot write to {tmp_path / 'no' / 'x'}: No such file or directory",
        ),
    ):
        result = run(*arguments, *PRESET)
        assert (result.exit_code, result.stderr) == (2, f"error: {message}\n")
        assert list(tmp_path.iterdir()) == [folder]


def test_gguf_types_that_are_not_read(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    tensors = float_tensors(random_model(BERT, PARTS[:1]))
    write_bert(file, BERT, tensors)
    (tmp_path / "ids.txt").write_text(IDS)
    content = file.read_bytes()
    name = b"blk.0.ffn_up.weight"
    # behind a tensor's name: number of dimensions, the dimensions, and its type
    place = content.index(name) + len(name) + 4 + 2 * 8
    file.write_bytes(content[:place] + (26).to_bytes(4, "little") + content[place + 4 :])
    result = run(file, "-o", tmp_path / "x", *PRESET, "--calibrate", tmp_path / "ids.txt")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: m.gguf holds blk.0.ffn_up.weight of type I32, ")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "x").exists()
