"""Measures the tracked figures: each by the code that tests and demo use too."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from alembert.config import PRESETS, VmacConfig
from alembert.files import write_file
from alembert.flows.area import measure_area
from alembert.flows.designs import VMAC_FORMATS, Design, designs, format_pair, vmac_design
from demo.jobs import JOBS, Job, replay_design, rtl_of, run
from early_exit.oracle import max_entropy_error
from figures import Figure, load_figures
from machine_figures import (
    RUNS,
    cocotb_speed,
    golden_speed,
    layer_figures,
    machine_speed,
    planned_cycles,
    reaction_figures,
)
from precision import precision_figures
from r8_figures import RECIPE, r8_figures, recipe_figures
from rich.console import Console
from sfu.oracle_gelu import max_gelu_error
from sfu.oracle_layernorm import max_layernorm_error
from sfu.oracle_softmax import max_softmax_error
from support.real_tensors import array_recording, workloads

__all__ = ["main"]

_COMMAND = "make bench"
_ARRAY_OF = {"adaptivfloat8_3": "edge16", "int8": "edge16_int8", "ternary": "edge16_ternary"}
"""Format -> the preset whose main array multiplies it."""

_MACHINE, _SMALLEST = "alembert", "tiny"
_LARGE_MACHINE = re.compile(rf"area\.(?!{_SMALLEST}\.)\w+\.{_MACHINE}\.")
"""What figures of the kind ``area_machines`` are called."""

_SPECIAL_ERRORS: dict[str, tuple[Callable[[], float], str]] = {
    "softmax": (max_softmax_error, ""),
    "layernorm": (max_layernorm_error, "σ"),
    "gelu": (max_gelu_error, ""),
}
"""Largest errors and their units; GELU's is in units of max(1, |x|)."""

Measurement = Callable[[Path], Iterator[Figure]]


def _vmac_area(root: Path) -> Iterator[Figure]:
    """One 16-lane VMAC with its accumulator register, flat."""
    for slug in VMAC_FORMATS:
        design = vmac_design(VmacConfig(pair=format_pair(slug), lanes=16, rows=1))
        report = measure_area(design.verilog(), design.name, root / "build" / "area")
        command = f"alembert area --vmac {slug}"
        name = f"area.vmac16.{slug}"
        yield Figure(
            name=f"{name}.lut_per_mac",
            value=round(report.lut / design.macs, 2),
            unit="LUT",
            command=command,
        )
        yield Figure(
            name=f"{name}.transistors_per_mac",
            value=round(report.transistors / design.macs, 1),
            unit="transistors",
            command=command,
        )


def _design_area(root: Path) -> Iterator[Figure]:
    """Every design of every preset, module by module; of whole machines the smallest alone."""
    for preset in PRESETS.values():
        kept = [d for d in designs(preset) if preset.name == _SMALLEST or d.name != _MACHINE]
        yield from _areas(root, preset.name, kept)


def _machine_area(root: Path) -> Iterator[Figure]:
    """The other machines, unit by unit: some minutes each."""
    for preset in PRESETS.values():
        if preset.name != _SMALLEST:
            yield from _areas(root, preset.name, [d for d in designs(preset) if d.name == _MACHINE])


def _areas(root: Path, preset: str, chosen: Iterable[Design]) -> Iterator[Figure]:
    """LUTs and transistors of designs of a preset, and of what they are broken down by."""
    for design in chosen:
        whole = measure_area(
            design.verilog(),
            design.top,
            root / "build" / "area",
            flatten=False,
            units=design.unit_modules,
        )
        command = f"alembert area --preset {preset}"
        name = f"area.{preset}.{design.name}"
        parts = {f"{name}.{unit}": report for unit, report in whole.units.items()}
        for measured, report in {name: whole, **parts}.items():
            yield Figure(
                name=f"{measured.replace(' ', '_')}.lut",
                value=report.lut,
                unit="LUT",
                command=command,
            )
            yield Figure(
                name=f"{measured.replace(' ', '_')}.transistors",
                value=report.transistors,
                unit="transistors",
                command=command,
            )


def _utilisation(root: Path) -> Iterator[Figure]:
    """ALBERT's real products through RTL, from the first activation to the last result."""
    for slug, preset in _ARRAY_OF.items():
        rtl_of(preset)
        for name, matmul in workloads().items():
            row = run(Job(slug, preset, "vmac_array", name))
            yield Figure(
                name=f"array.utilisation.{slug}.{matmul.slug}",
                value=round(row.utilisation, 2),
                unit="%",
                command=_COMMAND,
            )


def _entropy(root: Path) -> Iterator[Figure]:
    """The comparator's entropy against float64's, adversarial rows included."""
    error, _ = max_entropy_error()
    yield Figure(name="entropy.max_error", value=float(error), unit="nats", command=_COMMAND)


def _special_functions(root: Path) -> Iterator[Figure]:
    """Softmax, layer norm and GELU against float64, by the inputs of their tests."""
    for kind, (error, unit) in _SPECIAL_ERRORS.items():
        yield Figure(name=f"{kind}.max_error", value=error(), unit=unit, command="python bench sfu")


def _simulation_speed(root: Path) -> Iterator[Figure]:
    """Cycles a second of processor time, edge16 driven by cocotb under Verilator, no monitors."""
    rtl_of("edge16")
    array = PRESETS["edge16"].arrays["vmac_array"]
    job = next(j for j in JOBS if j.preset == "edge16" and j.design == "vmac_array")
    recording = array_recording(workloads()["ffn"], array, monitors=False).recording
    results = [replay_design(job, recording) for _ in range(RUNS)]
    result = max(results, key=lambda each: each.cycles_per_second)
    yield Figure(
        name="simulation.edge16.cycles_per_second",
        value=round(result.cycles_per_second),
        unit="1/s",
        command=_COMMAND,
    )


def _precision(root: Path) -> Iterator[Figure]:
    """What the formats of a machine's tensors cost the pretrained ALBERT."""
    yield from precision_figures("python bench precision")


def _machine_speed(root: Path) -> Iterator[Figure]:
    """The whole machine, compiled, and under cocotb."""
    yield from machine_speed("python bench simulation")
    yield from cocotb_speed("python bench simulation")


def _layer(root: Path) -> Iterator[Figure]:
    """A pass on the whole machine, and how far the cycle model is off."""
    yield from layer_figures("python bench layer")
    yield from planned_cycles("alembert cycles --model albert_base --preset edge16 --length 128")


def _golden_speed(root: Path) -> Iterator[Figure]:
    """The golden machine, many sentences at once."""
    yield from golden_speed("python bench golden")


def _reactions(root: Path) -> Iterator[Figure]:
    """The pretrained ALBERT on the machine, bit for bit."""
    yield from reaction_figures("python bench rxnmapper")


def _r8(root: Path) -> Iterator[Figure]:
    """The classifier of news stories, trained three times."""
    yield from r8_figures(root, "python bench r8")


def _recipe(root: Path) -> Iterator[Figure]:
    """The same classifier pruned, with learned spans."""
    yield from recipe_figures(root, "python bench recipe")


_MEASUREMENTS: tuple[tuple[str, Measurement], ...] = (
    ("array", _utilisation),
    ("area", _vmac_area),
    ("entropy", _entropy),
    ("sfu", _special_functions),
    ("simulation", _simulation_speed),
    ("simulation", _machine_speed),
    ("layer", _layer),
    ("golden", _golden_speed),
    ("rxnmapper", _reactions),
    ("r8", _r8),
    ("recipe", _recipe),
    ("area", _design_area),
    ("area_machines", _machine_area),
    ("precision", _precision),
)
"""What measures the figures of each kind."""


def _kind(name: str) -> str:
    """The kind of a figure: its name up to the first dot, but for special functions and two more.

    The areas of large machines and EdgeBERT's recipe take so long that they are kinds of their own.
    """
    if _LARGE_MACHINE.match(name):
        return "area_machines"
    first, _, rest = name.partition(".")
    if first == "r8" and rest.partition(".")[2] in RECIPE:
        return "recipe"
    return "sfu" if first in _SPECIAL_ERRORS else first


def _save(figures: Iterable[Figure], path: Path) -> None:
    plain = [
        {"name": f.name, "value": f.value, "unit": f.unit, "command": f.command} for f in figures
    ]
    write_file(path, json.dumps(plain, indent=2) + "\n")


def main(root: Path, arguments: Sequence[str] | None = None) -> int:
    """Measure, then write the results; nothing is written if a measurement fails.

    Parameters
    ----------
    root : Path
        The checkout.
    arguments : sequence of str, optional
        The kinds to measure, every kind if none; figures of other kinds stay as they are.
    """
    kinds = list(dict.fromkeys(kind for kind, _ in _MEASUREMENTS))
    parser = argparse.ArgumentParser(
        prog="python bench", description="Measure the tracked figures into bench/results.json."
    )
    parser.add_argument("kinds", nargs="*", metavar="kind", help=f"of {', '.join(kinds)}; or all")
    chosen = parser.parse_args(arguments).kinds
    wanted = chosen or kinds
    for kind in wanted:
        if kind not in kinds:
            parser.error(f"kind must be one of {', '.join(kinds)}, not {kind}")
    path = root / "bench" / "results.json"
    known = load_figures(path) if chosen else {}
    results = {n: f for n, f in known.items() if _kind(n) not in wanted}
    console = Console(highlight=False)
    for kind, measurement in _MEASUREMENTS:
        if kind in wanted:
            for figure in measurement(root):
                console.print(f"{figure.name:<56} {figure}")
                results[figure.name] = figure  # some measurements have figures of two kinds
    _save(results.values(), path)
    return 0
