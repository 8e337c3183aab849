"""A machine's Verilog and the harness, compiled into a shared library."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from alembert.config.machine import MachineConfig
from alembert.files import write_file
from alembert.flows.simulation import (
    VERILATOR_MAKEFLAGS,
    SimulationError,
    tool_environment,
    waivers_path,
)
from alembert.flows.space_free import space_free
from alembert.flows.verilog import generate_verilog
from alembert.machine import Alembert

from .clocked import CLOCKED, TOP, clocked_top

__all__ = ["BUILD_ROOT", "Simulation", "build_simulation", "load_library"]

BUILD_ROOT = Path("build") / "runtime"
"""Where simulations are built, from the folder that a program runs in."""

_HARNESS = Path(__file__).with_name("harness.cpp")
_LIBRARY = "libalembert.so"

# Only the top's ports are seen from outside. Nothing depends on a value before reset, so that what
# has none may be what is fastest. Short functions, as in every simulation of the project; hidden
# ones call each other directly, which alone makes a library a quarter faster.
_VERILATE = (
    *("verilator", "--cc", "--top-module", CLOCKED, "--prefix", "Vmodel", "--Mdir", "model"),
    *("--timescale", "1ns/1ps", "--no-timing", "--x-assign", "fast", "--x-initial", "fast"),
    *("--output-split-cfuncs", "300", "-CFLAGS", "-fPIC -fvisibility=hidden"),
)
# What runs every cycle is more code than a first cache holds: the shortest is the fastest.
_MAKE = ("make", "-s", "-j", "-C", "model", "-f", "Vmodel.mk", "OPT_FAST=-Os", "libVmodel")
_LINK = ("g++", "-std=c++17", "-O2", "-fPIC", "-shared", "-o", _LIBRARY)


@dataclass(frozen=True)
class Simulation:
    """A compiled machine.

    Parameters
    ----------
    config : MachineConfig
        The machine.
    library : Path
        Functions that :class:`alembert_runtime.simulated.SimulatedDevice` calls.
    """

    config: MachineConfig
    library: Path


def build_simulation(
    config: MachineConfig,
    *,
    build_root: Path = BUILD_ROOT,
    verilog: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> Simulation:
    """Compile a machine, unless that has been done before.

    The first build takes a minute or more. Builds are kept by Verilog, harness and flags.

    Parameters
    ----------
    config : MachineConfig
        The machine.
    build_root : Path
        Folder of all builds.
    verilog : str, optional
        Its Verilog, with the top module ``alembert``; generated otherwise.
    progress : callable, optional
        Called with a few words before each step that takes time.

    Raises
    ------
    SimulationError
        A tool is missing, or refuses its input; the message has the end of what it said.
    """
    report = progress or (lambda step: None)
    if verilog is None:
        report("generate Verilog")
        verilog = generate_verilog(Alembert(config), name=TOP)
    flags = [VERILATOR_MAKEFLAGS, *_VERILATE, *_MAKE, *_LINK, str(config.axi.beat_bytes)]
    verilog += clocked_top(config)
    text = "\n".join([shlex.join(flags), waivers_path().read_text("utf-8"), verilog])
    digest = hashlib.sha256(text.encode() + _HARNESS.read_bytes()).hexdigest()[:16]
    folder = build_root.absolute() / f"{TOP}-{digest}"
    with _locked(folder.with_suffix(".lock")):
        if not (folder / _LIBRARY).exists():
            _build(folder, verilog, config.axi.beat_bytes, report)
    return Simulation(config, folder / _LIBRARY)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time in a build's folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(folder: Path, verilog: str, beat_bytes: int, report: Callable[[str], None]) -> None:
    environment = tool_environment("verilator")
    folder.mkdir(parents=True, exist_ok=True)
    folder = space_free(folder)
    source = folder / f"{TOP}.v"
    write_file(source, verilog)

    def call(step: str, *command: str) -> None:
        report(step)
        _call(step, command, folder, environment)

    call("Verilog to C++", *_VERILATE, str(waivers_path()), source.name)
    call("compile", *_MAKE, f"CURDIR={folder / 'model'}")  # without spaces
    root = _runtime_folder(folder)
    headers = (f"-I{part}" for part in ("model", str(root), str(root / "vltstd")))
    archives = ("model/libVmodel.a", "model/libverilated.a")
    unfinished = f"{_LIBRARY}.part"
    link = (*_LINK[:-1], unfinished)
    call("link", *link, f"-DBEAT_BYTES={beat_bytes}", *headers, str(_HARNESS), *archives)
    (folder / unfinished).replace(folder / _LIBRARY)


def _runtime_folder(folder: Path) -> Path:
    """Verilator's headers, as the makefile that it wrote names them."""
    for line in (folder / "model" / "Vmodel.mk").read_text("utf-8").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "VERILATOR_ROOT":
            return Path(value.strip()) / "include"
    raise SimulationError("the makefile that Verilator wrote must name VERILATOR_ROOT")


def _call(
    step: str, command: tuple[str, ...], folder: Path, environment: Mapping[str, str]
) -> None:
    done = subprocess.run(
        command, cwd=folder, env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        tail = (done.stdout + done.stderr).splitlines()[-40:]
        raise SimulationError("\n".join([f"{step} failed: {shlex.join(command)}", *tail]))


def load_library(path: Path) -> ctypes.CDLL:
    """The functions of a compiled machine, with the types of their arguments."""
    library = ctypes.CDLL(str(path))
    handle, number, small = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32
    types = {
        "open": (handle, (small, small)),
        "close": (None, (handle,)),
        "add_region": (ctypes.c_int, (handle, number, number)),
        "load": (ctypes.c_int, (handle, number, ctypes.c_void_p, number)),
        "store": (ctypes.c_int, (handle, number, ctypes.c_void_p, number)),
        "read": (ctypes.c_int, (handle, small, ctypes.POINTER(small))),
        "write": (ctypes.c_int, (handle, small, small)),
        "run": (number, (handle, number)),
        "step": (None, (handle, number)),
        "cycles": (number, (handle,)),
        "irq": (ctypes.c_int, (handle,)),
        "violation": (ctypes.c_int, (handle,)),
    }
    for name, (result, arguments) in types.items():
        function = getattr(library, f"alembert_{name}")
        function.restype, function.argtypes = result, arguments
    return library
