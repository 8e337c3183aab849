"""AdaptivFloat: decoder, encoder, exponent-bias finder and streaming quantiser."""

from .bias_finder import BiasFinder
from .decoder import Decoder
from .encoder import Encoder
from .quantiser import Quantiser

__all__ = ["BiasFinder", "Decoder", "Encoder", "Quantiser"]
