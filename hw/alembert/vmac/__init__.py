"""The systolic VMAC array: VMACs, accumulators, sequencing, post-processing."""

from .array import VmacArray
from .matrix_unit import MatrixUnit
from .vmac import Vmac

__all__ = ["MatrixUnit", "Vmac", "VmacArray"]
