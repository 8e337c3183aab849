"""The registers a host drives the machine with, behind AXI4-Lite."""

from .axi_lite import (
    AxiLiteBus,
    AxiLiteSignature,
    Response,
    axi_lite_ports,
    connect_axi_lite_ports,
)
from .counters import Counters, Sums, saturation_layout
from .file import RegisterFile
from .machine import Registers
from .subordinate import AxiLiteSubordinate

__all__ = [
    "AxiLiteBus",
    "AxiLiteSignature",
    "AxiLiteSubordinate",
    "Counters",
    "RegisterFile",
    "Registers",
    "Response",
    "Sums",
    "axi_lite_ports",
    "connect_axi_lite_ports",
    "saturation_layout",
]
