"""What passes between the registers and what is behind them."""

from __future__ import annotations

from amaranth.lib import data

from ..config.axi import AxiFault
from ..config.command import PASS_WIDTH, PC_WIDTH
from ..config.isa import MemoryBase
from ..config.machine import MachineConfig

__all__ = ["report_layout", "run_layout"]


def run_layout(machine: MachineConfig) -> data.StructLayout:
    """What to run: {program, image, input, output, scratch, length, targets, threshold,
    max_passes, refused}.

    ``program`` counts words from ``image``; the bases are byte addresses. ``refused``: one of these
    is outside what the bus reaches, or between two words.
    """
    bases = {each.name.lower(): machine.axi.address_width for each in MemoryBase}
    return data.StructLayout(
        {
            "program": 32,
            **bases,
            "length": 16,
            "targets": 16,
            "threshold": machine.entropy.ENTROPY_WIDTH,
            "max_passes": PASS_WIDTH,
            "refused": AxiFault,
        }
    )


def report_layout(machine: MachineConfig) -> data.StructLayout:
    """What a run came to: {error: {code, unit, detail}, error_pc, error_address, passes, exited,
    predicted_class, entropy}.
    """
    return data.StructLayout(
        {
            "error": data.StructLayout({"code": 8, "unit": 4, "detail": 8}),
            "error_pc": PC_WIDTH,
            "error_address": machine.axi.address_width,
            "passes": PASS_WIDTH,
            "exited": 1,
            "predicted_class": 16,
            "entropy": machine.entropy.ENTROPY_WIDTH,
        }
    )
