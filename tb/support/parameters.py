"""What pytest gives a simulation: on the cocotb side, and without Amaranth, which takes a while."""

from __future__ import annotations

import json
import os
from typing import Any

__all__ = ["INPUTS", "PARAMETERS", "input_ports", "parameters"]

PARAMETERS = "ALEMBERT_TB_PARAMETERS"
INPUTS = "ALEMBERT_TB_INPUTS"
"""Variables of the environment."""


def input_ports() -> list[str]:
    """Names of the device's inputs, without clock and reset."""
    return json.loads(os.environ[INPUTS])


def parameters() -> dict[str, Any]:
    """The keyword parameters given to :func:`support.simulate.simulate`."""
    return json.loads(os.environ.get(PARAMETERS, "{}"))
