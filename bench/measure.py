"""Measures the tracked figures: each by the code that tests and demo use too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from alembert.config import PRESETS, VmacConfig
from alembert.flows.area import measure_area
from alembert.flows.designs import VMAC_FORMATS, designs, format_pair, vmac_design
from demo.jobs import JOBS, Job, replay_design, rtl_of, run
from early_exit.oracle import max_entropy_error
from figures import Figure
from rich.console import Console
from support.real_tensors import array_recording, workloads

__all__ = ["main"]

_COMMAND = "make bench"
_ARRAY_OF = {"adaptivfloat8_3": "edge16", "int8": "edge16_int8", "ternary": "edge16_ternary"}
"""Format -> the preset whose main array multiplies it."""

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
    """Every design of every preset, module by module."""
    for preset in PRESETS.values():
        for design in designs(preset):
            report = measure_area(
                design.verilog(), design.name, root / "build" / "area", flatten=False
            )
            command = f"alembert area --preset {preset.name}"
            name = f"area.{preset.name}.{design.name}"
            yield Figure(name=f"{name}.lut", value=report.lut, unit="LUT", command=command)
            yield Figure(
                name=f"{name}.transistors",
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


def _simulation_speed(root: Path) -> Iterator[Figure]:
    """Cycles a second of processor time, edge16 driven by cocotb under Verilator, no monitors."""
    rtl_of("edge16")
    array = PRESETS["edge16"].arrays["vmac_array"]
    job = next(j for j in JOBS if j.preset == "edge16" and j.design == "vmac_array")
    recording = array_recording(workloads()["ffn"], array, monitors=False).recording
    result = replay_design(job, recording)
    yield Figure(
        name="simulation.edge16.cycles_per_second",
        value=round(result.cycles_per_second),
        unit="1/s",
        command=_COMMAND,
    )


_MEASUREMENTS: tuple[Measurement, ...] = (
    _utilisation,
    _vmac_area,
    _entropy,
    _simulation_speed,
    _design_area,
)


def main(root: Path) -> int:
    """Measure everything, then write the results; nothing is written if a measurement fails."""
    console = Console(highlight=False)
    results: list[Figure] = []
    for measurement in _MEASUREMENTS:
        for figure in measurement(root):
            console.print(f"{figure.name:<56} {figure}")
            results.append(figure)
    plain = [
        {"name": f.name, "value": f.value, "unit": f.unit, "command": f.command} for f in results
    ]
    path = root / "bench" / "results.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
    return 0
