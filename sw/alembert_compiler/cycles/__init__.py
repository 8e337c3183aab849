"""The cycle model: how long a program takes, without simulating the hardware."""

from .predict import Prediction, UnitCycles, predict
from .shape import shape_model, shape_program
from .units import Record

__all__ = ["Prediction", "Record", "UnitCycles", "predict", "shape_model", "shape_program"]
