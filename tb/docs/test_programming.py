"""The programmer's guide does what it says: its driver compiles, its program computes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from alembert.config import preset
from alembert.config.isa import MemoryBase
from alembert.config.registers import REGISTERS
from alembert.flows.registers import c_header
from alembert_compiler.assembler import assemble, to_bytes
from alembert_golden.machine import Machine
from alembert_golden.matrix_unit import matmul
from alembert_golden.postprocess import ChannelParameters
from alembert_golden.weights_layout import pack_linear
from docs.pages import PAGES, blocks

TEXT = PAGES["docs/programming.md"]


@pytest.mark.parametrize("language", [["-xc", "-std=c99"], ["-xc++", "-std=c++11"]], ids="".join)
@pytest.mark.parametrize(("page", "block"), list(blocks("c")), ids=lambda text: text[:20])
def test_drivers_compile(page: str, block: str, language: list[str], tmp_path: Path) -> None:
    """As they stand, with the exported header beside them."""
    (tmp_path / "alembert_registers.h").write_text(c_header(REGISTERS), encoding="utf-8")
    (tmp_path / "driver").write_text(block, encoding="utf-8")
    flags = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only"]
    command = ["g++", *language, *flags, str(tmp_path / "driver")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{page}: {done.stderr}"


def test_registers_that_are_named_exist() -> None:
    names = {each.name for each in REGISTERS.registers} | {b.name for b in MemoryBase}
    names |= {each.name.removesuffix("_LO") for each in REGISTERS.registers}
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)\b", TEXT))
    assert named
    assert named <= names, f"no registers: {named - names}"


def test_the_program_by_hand_computes_a_product() -> None:
    """With INT8, whose numbers can be followed by hand."""
    machine = preset("edge16_int8").machine
    (text,) = (block for _, block in blocks("asm"))
    code = to_bytes(assemble(text))
    assert f"makes {len(code)} bytes of it" in TEXT
    rng = np.random.default_rng(1)
    rows = rng.integers(-100, 100, (16, 32), dtype=np.int8)
    weights = rng.integers(-100, 100, (32, 16))
    parameters = ChannelParameters.of(16, bias=np.arange(16), multiplier=3, shift=10)
    image = code.ljust(64 * machine.word_bytes, b"\0")
    image += bytes(pack_linear(weights, parameters, machine.main, machine))
    result = Machine(machine).run(
        image,
        np.frombuffer(rows.tobytes(), dtype=np.uint8)[np.newaxis],
        program=0,
        length=1,
        targets=1,
        threshold=0,
        output_bytes=256,
    )
    assert result.reason == ("",)
    found = result.output[0].view(np.int8).reshape(16, 16)
    exact = (rows.astype(np.int64) @ weights + np.arange(16)) * 3 / 1024
    assert (found == np.clip(np.rint(exact), -128, 127)).all()
    assert (found == matmul(rows, weights, parameters, machine.main)).all()
