"""Stream payloads of the AdaptivFloat unit."""

from __future__ import annotations

from amaranth.hdl import signed
from amaranth.lib import data

from ..config import AdaptivFloatFormat
from ..config.adaptivfloat import LSB_EXPONENT_WIDTH, BiasFinderConfig, QuantiserConfig
from ..formats import AdaptivFloat

__all__ = ["bias_layout", "code_beat", "tensor_beat"]


def tensor_beat(config: BiasFinderConfig | QuantiserConfig) -> data.StructLayout:
    """A beat of a fixed-point tensor: ``values``, lane 0 lowest, and ``last``."""
    values = data.ArrayLayout(signed(config.width), config.lanes)
    return data.StructLayout({"values": values, "last": 1})


def bias_layout() -> data.StructLayout:
    """A tensor's ``bias``, and ``exponent`` = its lsb_exponent − bias, as the encoder takes it."""
    return data.StructLayout(
        {"bias": signed(AdaptivFloatFormat.BIAS_WIDTH), "exponent": signed(LSB_EXPONENT_WIDTH)}
    )


def code_beat(config: QuantiserConfig) -> data.StructLayout:
    """A beat of a quantised tensor: ``codes``, lane 0 lowest, the tensor's ``bias``, ``last``."""
    codes = data.ArrayLayout(AdaptivFloat(config.fmt), config.lanes)
    bias = signed(AdaptivFloatFormat.BIAS_WIDTH)
    return data.StructLayout({"codes": codes, "bias": bias, "last": 1})
