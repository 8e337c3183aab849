"""What the demo runs: each datapath of the presets, on which real tensors."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembert.config import preset
from alembert.flows.area import measure_area
from alembert.flows.area_report import AreaReport
from alembert.flows.designs import designs
from alembert.flows.generate import generate
from support.real_streams import (
    StreamWorkload,
    activation_quantiser_recording,
    early_exit_recording,
    quantiser_recording,
    rescale_recording,
    weight_memory_recording,
)
from support.real_tensors import array_recording, workloads
from support.replay import Recording, ReplayResult
from support.simulate import BUILD_ROOT, simulate_verilog

__all__ = ["JOBS", "Job", "Row", "measure", "replay_design", "rtl_of", "run"]

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Job:
    """One datapath and its tensors.

    Parameters
    ----------
    title : str
        What the table calls it.
    preset, design : str
        Which generated Verilog.
    workload : str
        For a matrix unit, the product by name; empty otherwise.
    """

    title: str
    preset: str
    design: str
    workload: str = ""


JOBS = (
    *(
        Job(f"{title} array", name, "vmac_array", workload)
        for title, name in (
            ("AdaptivFloat<8,3>", "edge16"),
            ("INT8", "edge16_int8"),
            ("ternary", "edge16_ternary"),
        )
        for workload in ("query", "ffn", "ffn_output")
    ),
    Job("AdaptivFloat quantiser", "edge16", "adaptivfloat_quantiser"),
    Job("ternary weight memory", "edge16_ternary", "ternary_weight_memory"),
    Job("activation quantiser", "edge16_ternary", "activation_quantiser"),
    Job("ternary rescaler", "edge16_ternary", "rescale"),
    Job("entropy early exit", "edge16", "early_exit"),
)


@dataclass(frozen=True)
class Row:
    """A line of the table, but for the area."""

    job: Job
    tensors: str
    values: int
    cycles: int
    utilisation: float


def _config(job_preset: str, name: str) -> Any:
    """The parameter object of a design."""
    design = next(d for d in designs(preset(job_preset)) if d.name == name)
    component: Any = design.component()
    return component.config


def _is_fresh(directory: Path, names: list[str]) -> bool:
    """Whether the Verilog is newer than every source it is generated from."""
    files = [directory / f"{name}.v" for name in names]
    if not all(file.exists() for file in files):
        return False
    newest = max(p.stat().st_mtime for p in (_ROOT / "hw").rglob("*.py"))
    return min(file.stat().st_mtime for file in files) > newest


def rtl_of(name: str) -> str:
    """Generate a preset into rtl_out/ unless what is there is up to date; returns its name."""
    directory = _ROOT / "rtl_out" / name
    parts = designs(preset(name))
    if not _is_fresh(directory, [part.name for part in parts]):
        generate(parts, directory)
    return name


def _verilog_path(job: Job) -> Path:
    return _ROOT / "rtl_out" / job.preset / f"{job.design}.v"


def _verilog(job: Job) -> str:
    return _verilog_path(job).read_text(encoding="utf-8")


def _stream_workload(job: Job) -> StreamWorkload:
    config = _config(job.preset, job.design)
    match job.design:
        case "adaptivfloat_quantiser":
            return quantiser_recording(config)
        case "ternary_weight_memory":
            return weight_memory_recording(config)
        case "activation_quantiser":
            return activation_quantiser_recording(config)
        case "rescale":
            return rescale_recording(config, _config(job.preset, "activation_quantiser"))
        case "early_exit":
            return early_exit_recording(config)
    raise ValueError(f"no tensors for design {job.design!r}")


def replay_design(job: Job, recording: Recording, *, simulator: str = "verilator") -> ReplayResult:
    """Replay a recording on the job's generated Verilog; raises if a single bit differs."""
    run_dir = BUILD_ROOT / "replays" / f"{job.design}-{uuid.uuid4().hex[:8]}"
    run_dir.mkdir(parents=True)
    recording.save(run_dir / "recording.json")
    sidecar = json.loads(_verilog_path(job).with_suffix(".json").read_text(encoding="utf-8"))
    inputs = [
        name
        for name, port in sidecar["ports"].items()
        if port["direction"] == "input" and port["width"] and name not in ("clk", "rst")
    ]
    simulate_verilog(
        _verilog(job),
        inputs,
        simulator=simulator,
        module="support.replay",
        top=sidecar["top"],
        recording=str(run_dir / "recording.json"),
        result=str(run_dir / "result.json"),
    )
    return ReplayResult.load(run_dir / "result.json")


def run(job: Job) -> Row:
    """Real tensors through the job's RTL, compared with golden bit for bit."""
    if job.workload:
        array = preset(job.preset).arrays[job.design]
        matmul = workloads()[job.workload]
        product = array_recording(matmul, array)
        result = replay_design(job, product.recording)
        utilisation = 100 * product.macs / (result.cycles * array.macs)
        tensors = f"{job.workload} {matmul.slug}"
        return Row(job, tensors, product.values, result.cycles, utilisation)
    stream = _stream_workload(job)
    result = replay_design(job, stream.recording)
    utilisation = 100 * stream.beats / result.cycles
    return Row(job, stream.source, stream.values, result.cycles, utilisation)


def measure(job: Job) -> tuple[Job, AreaReport]:
    """The area of the job's design, module by module."""
    report = measure_area(_verilog(job), job.design, _ROOT / "build" / "area", flatten=False)
    return job, report
