"""Generated Verilog and sidecars: they agree, are reproducible, and appear whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from alembert import __version__
from alembert.config import preset
from alembert.flows.designs import Design, designs
from alembert.flows.generate import generate

TINY = designs(preset("tiny"))
NAMES = [
    "alembert",
    "vmac_array",
    "adaptivfloat_quantiser",
    "softmax",
    "residual_add",
    "layer_norm",
    "gelu",
    "tanh",
    "early_exit",
]
FILES = [f"{name}.{suffix}" for name in NAMES for suffix in ("v", "json")]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``alembert generate --preset tiny`` would write."""
    directory = tmp_path_factory.mktemp("rtl") / "new" / "tiny"
    told: list[str] = []
    paths = generate(TINY, directory, report=told.append)
    assert told == NAMES
    assert paths == [directory / name for name in FILES]
    assert sorted(path.name for path in directory.iterdir()) == sorted(FILES)
    return directory


def _sidecar(directory: Path, name: str) -> dict[str, Any]:
    return json.loads((directory / f"{name}.json").read_text(encoding="utf-8"))


def _module(text: str, name: str) -> str:
    found = re.findall(rf"^module {name}\(.*?^endmodule$", text, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return found[0]


def _header(module: str) -> list[str]:
    return re.findall(r"\w+", module.partition("(")[2].partition(")")[0])


def _declared(module: str) -> Iterator[tuple[str, tuple[str, int]]]:
    pattern = r"^  (input|output) (?:reg )?(?:\[(\d+):0\] )?(\w+)\b"
    for direction, top_bit, port in re.findall(pattern, module, re.MULTILINE):
        yield port, (direction, int(top_bit or 0) + 1)


@pytest.mark.parametrize("name", NAMES)
def test_sidecar_has_the_ports_of_the_verilog(tiny: Path, name: str) -> None:
    sidecar = _sidecar(tiny, name)
    module = _module((tiny / f"{name}.v").read_text(encoding="utf-8"), sidecar["top"])
    ports = sidecar["ports"]
    header = _header(module)
    assert sorted(header) == sorted(ports)
    assert len(set(header)) == len(header)
    described = {port: (entry["direction"], entry["width"]) for port, entry in ports.items()}
    assert dict(_declared(module)) == described
    for port in ("clk", "rst"):
        assert ports[port] == {"direction": "input", "width": 1, "signed": False}


@pytest.mark.parametrize("design", TINY, ids=lambda design: design.name)
def test_sidecar_says_where_it_comes_from(tiny: Path, design: Design) -> None:
    found = _sidecar(tiny, design.name)
    assert list(found) == ["generator", "top", "config", "ports", "interface"]
    assert found["generator"] == {"name": "alembert", "version": __version__}
    assert found["top"] == design.top == f"{design.name}_tiny"
    assert found["config"] == design.config
    members = tuple(found["interface"]["members"])
    ports = [port for port in found["ports"] if port not in ("clk", "rst")]
    assert all(port.startswith(members) for port in ports)
    assert all(any(port.startswith(member) for port in ports) for member in members)


def test_sidecar_has_signedness_and_configuration(tiny: Path) -> None:
    """By hand, once: what the sidecar says of a port and of a parameter that are known."""
    quantiser = _sidecar(tiny, "adaptivfloat_quantiser")
    assert quantiser["config"] == {"fmt": "AdaptivFloat<8,3>", "lanes": 4, "width": 24, "depth": 8}
    ports = quantiser["ports"]
    assert ports["i_payload"] == {"direction": "input", "width": 4 * 24 + 1, "signed": False}
    assert ports["i_lsb_exponent"] == {"direction": "input", "width": 10, "signed": True}
    assert ports["i_ready"] == {"direction": "output", "width": 1, "signed": False}
    array = _sidecar(tiny, "vmac_array")["config"]
    assert array == preset("tiny").arrays["vmac_array"].describe()


def test_repeated_modules_are_emitted_once(tiny: Path) -> None:
    text = (tiny / "vmac_array.v").read_text(encoding="utf-8")
    modules = re.findall(r"^module (\S+)\(", text, re.MULTILINE)
    assert len(set(modules)) == len(modules)
    assert "vmac_array_tiny_vmac_0" in modules
    assert "vmac_array_tiny_vmac_1" not in modules
    assert len(re.findall(r"^  vmac_array_tiny_vmac_0 \S+ \(", text, re.MULTILINE)) == 4
    product = r"^  vmac_array_tiny_adaptiv_float_product_0 \S+ \("
    assert len(re.findall(product, text, re.MULTILINE)) == 4  # lanes of the one VMAC module


_BYTES = """\
import hashlib, sys
from pathlib import Path
from alembert.config import preset
from alembert.flows.designs import designs
from alembert.flows.generate import generate
for path in generate(designs(preset("tiny")), Path(sys.argv[1])):
    print(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
"""


def test_same_bytes_whatever_the_hash_seed(tiny: Path, tmp_path: Path) -> None:
    """This process has a seed of its own, another one is given another."""
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    done = subprocess.run(
        [sys.executable, "-c", _BYTES, str(tmp_path / "again")],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    digests = {name: hashlib.sha256((tiny / name).read_bytes()).hexdigest() for name in FILES}
    assert done.stdout.splitlines() == [f"{name} {digests[name]}" for name in FILES]


@pytest.mark.parametrize("chosen", ["system", "nonsense", "javascript,system"])
def test_the_environment_chooses_no_other_yosys(
    tiny: Path, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is it changed."""
    monkeypatch.setenv("AMARANTH_USE_YOSYS", chosen)
    assert TINY[-1].verilog() == (tiny / "early_exit.v").read_text(encoding="utf-8")
    assert os.environ["AMARANTH_USE_YOSYS"] == chosen


def _fails() -> NoReturn:
    raise RuntimeError("this design cannot be made")


def test_nothing_changes_when_a_design_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "early_exit.v").write_text("earlier\n", encoding="utf-8")
    broken = replace(TINY[0], name="broken", component=_fails)
    with pytest.raises(RuntimeError, match=r"^this design cannot be made$"):
        generate([TINY[-1], broken], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["early_exit.v"]
    assert (tmp_path / "early_exit.v").read_text(encoding="utf-8") == "earlier\n"


def test_nothing_changes_when_a_folder_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "early_exit.json").mkdir()
    with pytest.raises(IsADirectoryError) as raised:
        generate(TINY[-1:], tmp_path)
    assert raised.value.filename == str(tmp_path / "early_exit.json")
    assert [path.name for path in tmp_path.iterdir()] == ["early_exit.json"]


def test_files_of_an_earlier_run_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "early_exit.v").write_text("earlier\n", encoding="utf-8")
    (tmp_path / "mine.txt").write_text("kept\n", encoding="utf-8")
    verilog, _ = generate(TINY[-1:], tmp_path)
    assert "module early_exit_tiny(" in verilog.read_text(encoding="utf-8")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["early_exit.json", "early_exit.v", "mine.txt"]
