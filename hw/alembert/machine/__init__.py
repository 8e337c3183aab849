"""The machine as a whole: registers before it, units and scratchpad behind."""

from .core import Core
from .soft_reset import SoftReset
from .top import Alembert, units_of_top

__all__ = ["Alembert", "Core", "SoftReset", "units_of_top"]
