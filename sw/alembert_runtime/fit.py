"""Whether an image is for a machine of which only the configuration is at hand."""

from __future__ import annotations

from alembert.config.machine import MachineConfig
from alembert_compiler.image import Image

from .device import MemoryRange
from .discovery import discover, require_fit
from .golden import GoldenDevice
from .registers import RegisterAccess

__all__ = ["require_machine"]


def require_machine(machine: MachineConfig, image: Image) -> None:
    """Refuse an image that was compiled for another machine, by what its registers would say.

    Raises
    ------
    IncompatibleError
        As :func:`alembert_runtime.discovery.require_fit`.
    """
    device = GoldenDevice(machine, memory=MemoryRange(0, 1))
    require_fit(discover(RegisterAccess(device)), image)
