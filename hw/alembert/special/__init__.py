"""What turns instructions into the streams of the special functions and of the early-exit test."""

from .engine import SpecialEngine
from .entropy_engine import EntropyEngine

__all__ = ["EntropyEngine", "SpecialEngine"]
