"""The machine as a whole: registers before it, units and scratchpad behind."""

from .core import Core
from .soft_reset import SoftReset
from .top import Alembert

__all__ = ["Alembert", "Core", "SoftReset"]
