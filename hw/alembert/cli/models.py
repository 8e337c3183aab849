"""Commands about models: how long they take, and the pretrained one on real reactions."""

from __future__ import annotations

from typing import Annotated

import typer

from .common import FLOW_ERROR, USER_ERROR, PresetName, console, fail, preset_named, warn
from .cycles_report import shape_named, show_cycles
from .reactions_report import Backend, Masked, NumReactions, Threshold, show_reactions

__all__ = ["cycles", "reactions"]


def cycles(
    model: Annotated[
        str,
        typer.Option(help="albert_base, albert_large, rxnmapper, r8, or hidden,heads,ffn."),
    ] = "albert_base",
    name: PresetName = "edge16",
    length: Annotated[int, typer.Option(min=1, max=512, help="Tokens.")] = 128,
    passes: Annotated[int, typer.Option(min=1, max=64, help="Passes through the layer.")] = 1,
    latency: Annotated[
        int | None, typer.Option(min=1, help="Of memory, in cycles. [default: the bus's]")
    ] = None,
) -> None:
    """Predict the cycles of a model from its shape alone, by the cycle model.

    If the scratchpad has no room for the program, the cycles are those on a machine of a larger
    one: a warning says so, with the longest sentence that fits, and the exit code is 1.

    Example: alembert cycles --model albert_base --preset edge16 --length 128
    """
    machine = preset_named(name).machine
    try:
        unfit = show_cycles(
            console, machine, shape_named(model), length=length, passes=passes, latency=latency
        )
    except ValueError as error:
        fail(error, USER_ERROR)
    if unfit is not None:
        warn(f"the cycles are those on a machine of a larger scratchpad: {unfit}")
        raise typer.Exit(FLOW_ERROR)


def reactions(
    name: PresetName = "edge16",
    count: NumReactions = 3,
    masked: Masked = 1,
    threshold: Threshold = 0.6,
    backend: Annotated[Backend, typer.Option(help="Verilog, or the golden model.")] = Backend.RTL,
) -> None:
    """Run the pretrained ALBERT on real reactions with hidden tokens.

    Prints what the machine predicts beside what is true, after which pass it left, entropy, cycles
    and how busy its units were; all that it stores is compared with the golden machine.
    """
    from alembert_compiler.errors import CompileError
    from alembert_compiler.packages import PackageError
    from alembert_runtime import DeviceError

    from ..flows.errors import FlowError
    from ..flows.simulation import SimulationError

    try:
        is_golden = show_reactions(
            console,
            preset_named(name).machine,
            backend=backend,
            count=count,
            masked=masked,
            threshold=threshold,
        )
    except (CompileError, ValueError) as error:
        fail(error, USER_ERROR)
    except (PackageError, SimulationError, FlowError, DeviceError, OSError) as error:
        fail(error, FLOW_ERROR)
    if not is_golden:
        fail("the machine and its golden model differ", FLOW_ERROR)
