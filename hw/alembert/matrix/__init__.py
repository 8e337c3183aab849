"""What turns matrix instructions into the streams of a matrix unit."""

from .engine import MatrixEngine

__all__ = ["MatrixEngine"]
