"""Rows of words between external memory and the scratchpad."""

from .engine import DmaEngine

__all__ = ["DmaEngine"]
