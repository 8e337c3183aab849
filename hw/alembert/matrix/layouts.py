"""What the matrix engine's parts hand one another."""

from __future__ import annotations

from amaranth.lib import data

from ..command.layouts import instruction_layout
from ..config import VmacArrayConfig
from ..config.axi import AxiConfig
from ..config.isa import OPERANDS, Unit

__all__ = [
    "Plan",
    "WalkCommand",
    "WalkStep",
    "WeightCommand",
    "matrix_instruction",
    "vector_layout",
]


def matrix_instruction() -> data.StructLayout:
    """LINEAR or MATMUL as the command processor hands it over."""
    return instruction_layout(Unit.MATRIX)


def vector_layout(array: VmacArrayConfig) -> data.StructLayout:
    """{codes: V of them, each in 8 bits, last: the operand's last vector}."""
    return data.StructLayout({"codes": array.vmac.lanes * 8, "last": 1})


class WeightCommand(data.StructLayout):
    """Words of weights to read from memory: ``offset`` words behind a base register's address."""

    def __init__(self) -> None:
        super().__init__(
            {
                "base": OPERANDS["memory_base"].width,
                "offset": OPERANDS["memory_offset"].width,
                "words": AxiConfig.WORDS_WIDTH,
            }
        )


class Plan(data.StructLayout):
    """An instruction that can be executed, and the words of weights that a block of rows needs."""

    def __init__(self) -> None:
        super().__init__(
            {
                "instruction": matrix_instruction(),
                "is_linear": 1,
                "weight_words": AxiConfig.WORDS_WIDTH,
            }
        )


class WalkCommand(data.StructLayout):
    """A product, the address of its first item and the distances between two.

    ``steps``, modulo the width of an address: between blocks, tiles, passes and items. Without an
    address only counting is left.
    """

    def __init__(self, address_width: int | None):
        width = VmacArrayConfig.DIMENSION_WIDTH
        members: dict = {"rows": width, "depth": width, "columns": width}
        if address_width is not None:
            members["address"] = address_width
            members["steps"] = data.ArrayLayout(address_width, 4)
        super().__init__(members)


class WalkStep(data.StructLayout):
    """An item: its address, how much of the array its pass uses, and which loops end with it.

    ``ends``, from the outermost: it is in the last block, in its block's last tile, in its tile's
    last pass, its pass's last item.
    """

    def __init__(self, array: VmacArrayConfig, address_width: int | None):
        members: dict = {} if address_width is None else {"address": address_width}
        members["rows"] = range(array.vmac.rows + 1)
        members["columns"] = range(array.vmacs + 1)
        members["lanes"] = range(array.vmac.lanes + 1)
        members["ends"] = 4
        super().__init__(members)
