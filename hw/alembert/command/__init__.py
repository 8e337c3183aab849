"""The command processor: fetches programs, resolves loops, dispatches instructions to units."""

from .decoder import Decoder
from .fault_watch import FaultWatch
from .fetcher import Fetcher
from .layouts import (
    fetched_layout,
    instruction_layout,
    ranges_layout,
    unit_operands,
    units_of,
)
from .processor import CommandProcessor
from .queue import InstructionQueue
from .range_finder import RangeFinder
from .scoreboard import Scoreboard
from .sequencer import Sequencer
from .watchdog import Watchdog

__all__ = [
    "CommandProcessor",
    "Decoder",
    "FaultWatch",
    "Fetcher",
    "InstructionQueue",
    "RangeFinder",
    "Scoreboard",
    "Sequencer",
    "Watchdog",
    "fetched_layout",
    "instruction_layout",
    "ranges_layout",
    "unit_operands",
    "units_of",
]
