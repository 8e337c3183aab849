"""``alembert reactions``: the pretrained ALBERT on the machine, as golden model or as RTL."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..config.isa import Unit
from ..config.machine import MachineConfig
from ..config.registers import SATURATING
from .common import shown_warnings

if TYPE_CHECKING:
    from alembert_compiler.workloads import ReactionModel
    from alembert_runtime import Device
    from alembert_runtime.reactions import ReactionRun

__all__ = ["Backend", "Masked", "NumReactions", "Threshold", "show_reactions"]


class Backend(enum.Enum):
    """What runs the program."""

    RTL = "rtl"
    """The machine's Verilog, compiled by Verilator."""
    GOLDEN = "golden"
    """The golden machine, which keeps no time."""


NumReactions = Annotated[int, typer.Option("--count", min=1, max=14, help="How many reactions.")]
Masked = Annotated[int, typer.Option("--masked", min=1, max=16, help="Tokens hidden in each.")]
Threshold = Annotated[
    float, typer.Option("--threshold", help="Leave when every entropy is below, in nats; 0: never.")
]


def show_reactions(
    console: Console,
    machine: MachineConfig,
    *,
    backend: Backend,
    count: int,
    masked: int,
    threshold: float,
) -> bool:
    """Compile, run, compare with the golden machine, print; whether all was equal.

    Raises
    ------
    PackageError, SimulationError, CompileError, OSError
        The checkpoint cannot be had, the simulation not be built, the model does not fit.
    """
    from alembert_compiler.workloads import load_albert
    from alembert_runtime import GoldenDevice, Session, note_on_saturation
    from alembert_runtime.reactions import compile_reactions, masked_reactions, run_reactions

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:

        def step(what: str) -> None:
            for task in progress.task_ids:
                progress.update(task, total=1, completed=1)
            progress.add_task(what, total=None)

        device: Device
        if backend is Backend.RTL:
            from alembert_runtime.simulated import SimulatedDevice
            from alembert_runtime.simulation_build import build_simulation

            device = SimulatedDevice(build_simulation(machine, progress=step))
        else:
            device = GoldenDevice(machine)
        step("pretrained ALBERT")
        model = load_albert()
        step("calibrate, quantise, pack")
        with shown_warnings():
            image = compile_reactions(model, machine)
        reactions = list(masked_reactions(model, masked))[:count]
        runs: list[ReactionRun] = []
        with Session(device, image) as session:
            running = run_reactions(
                session,
                machine,
                reactions,
                threshold,
                begin=lambda number: step(
                    f"reaction {number + 1} of {count}, {reactions[number].tokens.size} tokens"
                ),
            )
            runs += running
        for task in progress.task_ids:
            progress.update(task, total=1, completed=1)
    for run in runs:
        console.print(_reaction(model, run), highlight=False, soft_wrap=True)
    console.print(_table(model, runs))
    totals = {u: sum(run.answer.saturated.get(u, 0) for run in runs) for u in SATURATING}
    if note := note_on_saturation(totals):
        console.print(f"note: {note}", highlight=False, soft_wrap=True)
    return all(run.is_golden for run in runs)


def _reaction(model: ReactionModel, run: ReactionRun) -> str:
    """What the model saw, without [CLS] and [SEP]."""
    return " ".join(model.tokeniser.decode(run.reaction.tokens)[1:-1])


def _table(model: ReactionModel, runs: list[ReactionRun]) -> Table:
    table = Table(title="Masked tokens of real reactions", title_style="bold", box=box.SIMPLE_HEAD)
    for name in ("tokens", "predicted", "true", "left after", "entropy", "cycles", "% of MACs"):
        table.add_column(name, justify="left" if name in ("predicted", "true") else "right")
    table.add_column("busy: special, entropy, DMA, %")
    table.add_column("golden")
    for run in runs:
        answer, counters = run.answer, run.answer.counters
        predicted = [record.predicted_class for record in answer.records[-1]]
        timing = ["–", "–", "–"]
        if counters is not None:
            shares = [counters.units[u].busy / counters.cycles for u in _OTHERS]
            timing = [
                f"{counters.cycles:,}",
                f"{100 * counters.utilisation(Unit.MATRIX):.1f}",
                ", ".join(f"{100 * share:.0f}" for share in shares),
            ]
        table.add_row(
            str(run.reaction.tokens.size),
            " ".join(model.tokeniser.decode(predicted)),
            " ".join(model.tokeniser.decode(run.reaction.answers)),
            f"pass {answer.passes}",
            ", ".join(f"{record.entropy:.2f}" for record in answer.records[-1]),
            *timing,
            "equal" if run.is_golden else "DIFFERS",
        )
    return table


_OTHERS = (Unit.SPECIAL, Unit.ENTROPY, Unit.DMA)
