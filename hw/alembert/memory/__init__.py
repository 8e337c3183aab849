"""What stores tensors between the units, and rearranges them."""

from .transposer import Transposer

__all__ = ["Transposer"]
