"""Ternary weights: packed memory and decoders; INT8 activations and rescaling around them."""

from .activation_quantiser import ActivationQuantiser
from .rescale import Rescale
from .unpack import TritDecoder, TwoBitDecoder
from .weight_memory import WeightMemory

__all__ = ["ActivationQuantiser", "Rescale", "TritDecoder", "TwoBitDecoder", "WeightMemory"]
