"""``alembert cycles``: models by name or by numbers, and what is refused."""

from __future__ import annotations

import re

import pytest
from alembert.cli import app
from alembert.cli.cycles_report import SHAPES, Shape, shape_named
from alembert.config import PRESETS, preset
from alembert_compiler.cycles import predict, shape_program
from typer.testing import CliRunner, Result


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["cycles", *arguments])


def test_models_have_names_or_numbers() -> None:
    assert shape_named("albert_base") == SHAPES["albert_base"] == Shape(768, 12, 3072, 128)
    assert shape_named("32,2,64") == Shape(32, 2, 64, 32)
    assert shape_named("256,8,512,96") == Shape(256, 8, 512, 96)


def test_what_is_printed_is_what_is_predicted() -> None:
    result = _run("--model", "32,2,64", "--preset", "tiny", "--length", "9", "--passes", "2")
    assert result.exit_code == 0
    machine = preset("tiny").machine
    program = shape_program(
        hidden=32, heads=2, ffn=64, layers=2, length=9, machine=machine, embedding=32
    )
    expected = predict(machine, program, length=9)
    first, last = expected.passes[-1]
    line = f"{expected.cycles:,} cycles, {last - first + 1:,} of them in the last pass"
    assert result.stdout.splitlines()[0] == line
    units = re.findall(r"^  ([a-z]+)  ", result.stdout, re.MULTILINE)
    assert units == ["unit", *(unit.name.lower() for unit in expected.units)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "gpt"], "model must be one of albert_base, albert_large, rxnmapper, r8, or "),
        (["--model", "32,2"], "model must be one of "),
        (["--model", "33,2,64", "--preset", "tiny"], ""),
        (["--preset", "huge"], "preset must be one of "),
    ],
)
def test_bad_models_are_refused(arguments: list[str], message: str) -> None:
    result = _run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {message}")
    assert result.stdout == ""


def test_what_does_not_fit_is_said() -> None:
    """With the longest sentence that does; the cycles are of a larger scratchpad."""
    refused = (
        r"warning: the cycles are those on a machine of a larger scratchpad: the model needs "
        r"(\d+) words of scratchpad for (\d+) tokens and 1 targets; the machine has 8192, room "
        r"for (\d+) tokens\n"
    )
    shape = ("--preset", "tiny", "--model", "64,1,512")
    result = _run(*shape, "--length", "64")
    found = re.fullmatch(refused, result.stderr)
    assert result.exit_code == 1
    assert found is not None and int(found[1]) > 8192
    assert re.match(r"[\d,]+ cycles, ", result.stdout)
    longest = found[3]
    result = _run(*shape, "--length", longest)
    assert (result.exit_code, result.stderr) == (0, "")
    assert int(re.findall(r"([\d,]+) words", result.stdout)[0].replace(",", "")) <= 8192
    assert _run(*shape, "--length", str(int(longest) + 1)).exit_code == 1


@pytest.mark.parametrize(
    ("name", "model"),
    [*(("tiny", model) for model in SHAPES), *((name, "64,1,128") for name in PRESETS)],
)
def test_every_preset_and_shape(name: str, model: str) -> None:
    """An answer, or one line; a shape that the machine cannot run at all is no prediction."""
    result = _run("--preset", name, "--model", model, "--length", "4")
    assert isinstance(result.exception, SystemExit | None)
    assert result.stderr.count("\n") == (result.exit_code != 0)
    assert (result.stdout == "") == (result.exit_code == 2)


def test_a_length_beyond_the_rows() -> None:
    result = _run("--preset", "tiny", "--model", "64,4,128", "--length", "70")
    assert result.exit_code == 2
    found = re.fullmatch(r"error: --length must be between 1 and (\d+), not 70\n", result.stderr)
    assert found is not None
    assert _run("--preset", "tiny", "--model", "64,4,128", "--length", found[1]).exit_code == 0
