"""The entropy early-exit comparator and its parts."""

from .accumulator import EntropyAccumulator
from .comparator import EntropyComparator
from .entropy import EarlyExit
from .exponential import Exponential
from .layouts import Decision, Distance, EarlyExitResult, Logit, Sums, VectorHead
from .logarithm import Logarithm
from .logit_buffer import LogitBuffer

__all__ = [
    "Decision",
    "Distance",
    "EarlyExit",
    "EarlyExitResult",
    "EntropyAccumulator",
    "EntropyComparator",
    "Exponential",
    "Logarithm",
    "Logit",
    "LogitBuffer",
    "Sums",
    "VectorHead",
]
