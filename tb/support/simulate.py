"""Run a cocotb module against a component, from pytest."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

from alembert.flows.identifiers import ports_of
from alembert.flows.simulation import SIMULATORS, run_cocotb
from alembert.flows.verilog import generate_verilog
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from .parameters import INPUTS, PARAMETERS

__all__ = ["BUILD_ROOT", "SIMULATORS", "simulate", "simulate_verilog"]

_TB = Path(__file__).resolve().parents[1]
BUILD_ROOT = _TB.parent / "build" / "sim"


def simulate(
    component: wiring.Component,
    *,
    simulator: str,
    module: str,
    top: str,
    testcase: str | None = None,
    **parameters: Any,
) -> None:
    """Generate the component's Verilog and run the cocotb tests of ``module`` against it.

    Parameters
    ----------
    component : wiring.Component
        The device under test.
    simulator : str
        "verilator" or "icarus".
    module : str
        The cocotb module below ``tb/``, e.g. ``"adaptivfloat.bench_encoder"``.
    top : str
        Name given to the Verilog's top module.
    testcase : str, optional
        The one test to run; all of the module's otherwise.
    **parameters
        JSON-able values that the cocotb side reads back with :func:`support.parameters.parameters`.
    """
    simulate_verilog(
        generate_verilog(component, name=top),
        _inputs_of(component),
        simulator=simulator,
        module=module,
        top=top,
        testcase=testcase,
        optimisation=1,  # few cycles: compilers take longer than what they compile
        **parameters,
    )


def simulate_verilog(
    verilog: str,
    inputs: list[str],
    *,
    simulator: str,
    module: str,
    top: str,
    testcase: str | None = None,
    optimisation: int = 2,
    **parameters: Any,
) -> None:
    """The same for Verilog that is there already, whose input ports are ``inputs``."""
    logs = BUILD_ROOT / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    run_cocotb(
        verilog,
        top=top,
        simulator=simulator,
        test_module=module,
        testcase=testcase,
        build_root=BUILD_ROOT,
        environment={PARAMETERS: json.dumps(parameters), INPUTS: json.dumps(inputs)},
        python_path=(_TB,),
        seed=_seed(),
        optimisation=optimisation,
        log_file=logs / f"{top}-{simulator}-{uuid.uuid4().hex[:8]}.log",
    )


def _seed() -> int | None:
    """Of every simulation: ALEMBERT_SEED, or 1; None for "random", a new one that is logged."""
    chosen = os.environ.get("ALEMBERT_SEED", "1")
    return None if chosen == "random" else int(chosen)


def _inputs_of(component: wiring.Component) -> list[str]:
    return [name for name, port in ports_of(component).items() if port.member.flow is In]
