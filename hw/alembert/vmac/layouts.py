"""What moves on the matrix unit's streams, inside and out."""

from __future__ import annotations

from amaranth.hdl import signed
from amaranth.lib import data

from ..arithmetic.digits import FactorDigits
from ..config import VmacArrayConfig
from ..formats import shape_of

__all__ = [
    "ActivationBeat",
    "ChannelParameters",
    "MatmulCommand",
    "PreparedChannel",
    "ResultBeat",
    "Tile",
    "WeightBeat",
]


class MatmulCommand(data.StructLayout):
    """A matrix product [M, K] × [K, N]: ``rows`` M, ``depth`` K, ``columns`` N."""

    def __init__(self) -> None:
        width = VmacArrayConfig.DIMENSION_WIDTH
        super().__init__({"rows": width, "depth": width, "columns": width})


class ActivationBeat(data.ArrayLayout):
    """V activation codes of one row; lanes beyond K are ignored."""

    def __init__(self, config: VmacArrayConfig):
        super().__init__(shape_of(config.vmac.pair.activation), config.vmac.lanes)


class WeightBeat(data.ArrayLayout):
    """V weight codes of one output channel; lanes beyond K are ignored."""

    def __init__(self, config: VmacArrayConfig):
        super().__init__(shape_of(config.vmac.pair.weight), config.vmac.lanes)


class ChannelParameters(data.StructLayout):
    """What post-processing does with one output channel: bias and ReLU, then how to encode.

    ``wide``: the results leave as fixed point. An AdaptivFloat channel's ``exponent`` is then a
    right shift, in its lowest ``SHIFT_WIDTH`` bits.
    """

    def __init__(self, config: VmacArrayConfig):
        members = {"bias": signed(config.vmac.accumulator_width), "relu": 1, "wide": 1}
        if config.encodes_adaptivfloat:
            members["exponent"] = signed(config.EXPONENT_WIDTH)
        else:
            members["multiplier"] = config.MULTIPLIER_WIDTH
            members["shift"] = config.SHIFT_WIDTH
        super().__init__(members)


class PreparedChannel(data.StructLayout):
    """:class:`ChannelParameters` as the array holds them.

    The multiplier is in radix-4 digits, a wide channel's exponent as
    :func:`alembert.vmac.result_encoder.prepare_exponent` gives it.
    """

    def __init__(self, config: VmacArrayConfig):
        given = ChannelParameters(config)
        members = {name: field.shape for name, field in given if name != "multiplier"}
        if not config.encodes_adaptivfloat:
            members["factor"] = FactorDigits(config.MULTIPLIER_WIDTH)
        super().__init__(members)


class ResultBeat(data.StructLayout):
    """C results of one row; channels beyond N are zero. ``end``: the matrix's last beat.

    A wide result is a signed number, else the code is in the lowest bits and zeros are above it.
    """

    def __init__(self, config: VmacArrayConfig):
        values = data.ArrayLayout(config.RESULT_WIDTH, config.vmacs)
        super().__init__({"values": values, "end": 1})


class Tile(data.StructLayout):
    """One pass over the array: how much of it is used, and where it stands in the matrix."""

    def __init__(self, config: VmacArrayConfig):
        super().__init__(
            {
                "rows": range(config.vmac.rows + 1),
                "columns": range(config.vmacs + 1),
                "lanes": range(config.vmac.lanes + 1),
                "first": 1,  # of the tiles along K
                "last": 1,
                "end": 1,  # the matrix's last tile
            }
        )
