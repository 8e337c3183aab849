"""Runs the demo's jobs over the cores, shows progress, prints the table."""

from __future__ import annotations

import os
from concurrent.futures import Future, ProcessPoolExecutor, as_completed

from alembert.config import preset
from alembert.flows.area_report import AreaReport
from alembert.flows.errors import FlowError
from alembert.flows.simulation import SimulationError
from alembert_compiler.packages import PackageError
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from support.real_tensors import model

from .jobs import JOBS, Job, Row, measure, rtl_of, run

__all__ = ["main"]


def main() -> int:
    """Everything; the exit code."""
    console = Console(width=max(Console().width, 145))
    try:
        rows, areas = _work(console)
    except (SimulationError, FlowError, PackageError, OSError) as error:
        console.print(f"error: {error}", style="bold red", highlight=False)
        return 1
    console.print(_table(rows, areas))
    values = sum(row.values for row in rows)
    console.print(
        f"{values:,} results of {len(rows)} runs on real tensors, "
        "each equal to its golden model bit for bit."
    )
    return 0


def _work(console: Console) -> tuple[list[Row], dict[tuple[str, str], AreaReport]]:
    progress = Progress(
        TextColumn("{task.description:<34}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    presets = list(dict.fromkeys(job.preset for job in JOBS))
    measured = list({(job.preset, job.design): job for job in JOBS}.values())
    with progress, ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        fetching = progress.add_task("pretrained ALBERT", total=1)
        generating = progress.add_task("Verilog of the presets", total=len(presets))
        simulating = progress.add_task("real tensors through RTL", total=len(JOBS))
        measuring = progress.add_task("area", total=len(measured))
        model()  # once, before every process wants it
        progress.advance(fetching)
        for future in as_completed([pool.submit(rtl_of, name) for name in presets]):
            future.result()
            progress.advance(generating)
        # a design's first run builds its simulation: the big ones first
        runs: list[Future[Row]] = [pool.submit(run, job) for job in JOBS]
        areas = [pool.submit(measure, job) for job in measured]
        for future in as_completed([*runs, *areas]):
            future.result()
            progress.advance(simulating if future in runs else measuring)
    reports = {(job.preset, job.design): report for job, report in (f.result() for f in areas)}
    return [future.result() for future in runs], reports


def _table(rows: list[Row], areas: dict[tuple[str, str], AreaReport]) -> Table:
    title = "Real ALBERT tensors through RTL (area: yosys, ECP5 without DSP blocks)"
    table = Table(title=title, title_style="bold", box=box.SIMPLE_HEAD, collapse_padding=True)
    table.add_column("datapath")
    table.add_column("tensors")
    for name in ("checked", "cycles", "util. %", "cells", "LUT4", "FF", "DSP", "transistors"):
        table.add_column(name, justify="right")
    table.add_column("LUT/MAC", justify="right")
    table.add_column("trans./MAC", justify="right")
    previous: Job | None = None
    for row in rows:
        job = row.job
        area = areas[job.preset, job.design]
        best = area.best
        is_new = previous is None or (job.preset, job.design) != (previous.preset, previous.design)
        arrays = preset(job.preset).arrays
        macs = arrays[job.design].macs if job.design in arrays else 0
        figures = [
            f"{best.cells:,}",
            f"{best.lut:,}",
            f"{best.flip_flops:,}",
            f"{best.mult18}",
            f"{area.transistors:,}",
            f"{best.lut / macs:.1f}" if macs else "–",
            f"{area.transistors / macs:,.0f}" if macs else "–",
        ]
        table.add_row(
            job.title if is_new else "",
            row.tensors,
            f"{row.values:,}",
            f"{row.cycles:,}",
            f"{row.utilisation:.1f}",
            *(figures if is_new else [""] * len(figures)),
        )
        previous = job
    return table
