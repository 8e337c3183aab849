"""LINEAR and MATMUL: products of codes, in the layouts of the scratchpad.

What the values are is :func:`alembert_golden.matrix_unit.matmul`; what is here on top is where they
lie. A wide result that is stored among codes keeps its lower 8 bits; a code that is stored among
wide numbers has zeros above it.
"""

from __future__ import annotations

import numpy as np
from alembert.config import VmacArrayConfig
from alembert.config.command import MachineFault
from alembert.config.isa import MemoryBase, ResultKind
from alembert.config.machine import MachineConfig
from numpy.typing import NDArray

from .decoder import Resolved
from .memory_image import ExternalMemory, rows_of
from .postprocess import ChannelParameters
from .quick_product import QuickProduct
from .weights_layout import linear_words, unpack_linear

__all__ = ["MatrixEngine"]

_PRODUCT_OPERANDS = ("unit", "columns", "depth", "kind", "multiplier", "shift", "exponent")
_BLOCK = 1 << 16
"""Results worked on at a time, so that what is in between stays in the cache."""


class MatrixEngine:
    """Executes products; keeps the weights of an image decoded.

    Parameters
    ----------
    machine : MachineConfig
        What executes the instructions.
    """

    def __init__(self, machine: MachineConfig):
        self._machine = machine
        self._layers: dict[tuple[int, int, int], QuickProduct] = {}
        self._products: dict[tuple[int, ...], QuickProduct] = {}
        self._operands = _Operands()

    def linear(
        self, instruction: Resolved, scratchpad: NDArray[np.uint8], memory: ExternalMemory
    ) -> NDArray[np.int64]:
        """Codes [rows, depth] × weights [depth, columns] from ``memory_offset``.

        Layers from IMAGE are decoded once, whatever the sentences: an engine must not see another
        image.

        Parameters
        ----------
        instruction : Instruction
            LINEAR, resolved.
        scratchpad : array of uint8, [batch, words, W]
            Changed in place.
        memory : ExternalMemory
            Of the same batch.

        Returns
        -------
        array of int64, [batch]
            How many wide results were saturated.

        Raises
        ------
        InstructionError
            WEIGHTS_READ: the weights are not all inside their region.
        ValueError
            They hold the illegal ternary code.
        """
        machine, array = self._machine, self._machine.main
        depth, columns = instruction["depth"], instruction["columns"]
        base, offset = instruction["memory_base"], instruction["memory_offset"]
        key = (offset, depth, columns)
        if base != MemoryBase.IMAGE or key not in self._layers:
            words = linear_words(depth, columns, array, machine)
            data = memory.read(base, offset, words, MachineFault.WEIGHTS_READ)

            def product(sentence: int) -> QuickProduct:
                raw = np.ascontiguousarray(data[sentence])
                return QuickProduct.of_layer(
                    *unpack_linear(raw, depth, columns, array, machine), array
                )

            if base != MemoryBase.IMAGE:
                each = (scratchpad[k : k + 1] for k in range(len(scratchpad)))
                saturated = [
                    self._execute(instruction, one, product(k)) for k, one in enumerate(each)
                ]
                return np.concatenate(saturated)
            self._layers[key] = product(0)
        return self._execute(instruction, scratchpad, self._layers[key])

    def matmul(self, instruction: Resolved, scratchpad: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Codes [rows, depth] × codes: row n of b has those of result column n.

        All channels have no bias, no ReLU, and the instruction's multiplier, shift and exponent;
        they are wide if ``kind`` is WIDE.

        Parameters
        ----------
        instruction : Instruction
            MATMUL, resolved.
        scratchpad : array of uint8, [batch, words, W]
            Changed in place.

        Returns
        -------
        array of int64, [batch]
            As :meth:`linear`.
        """
        array = self._machine.arrays[instruction["unit"]]
        key = tuple(instruction[name] for name in _PRODUCT_OPERANDS)
        if key not in self._products:
            self._products[key] = self._product(instruction, array)
        return self._execute(instruction, scratchpad, self._products[key])

    def _product(self, instruction: Resolved, array: VmacArrayConfig) -> QuickProduct:
        wide = instruction["kind"] == ResultKind.WIDE
        exponent = instruction["exponent"]
        parameters = ChannelParameters.of(
            instruction["columns"],
            wide=wide,
            multiplier=instruction["multiplier"],
            shift=instruction["shift"],
            exponent=exponent & ((1 << array.SHIFT_WIDTH) - 1) if wide else exponent,
        )
        return QuickProduct(parameters, instruction["depth"], array)

    def _execute(
        self,
        instruction: Resolved,
        scratchpad: NDArray[np.uint8],
        product: QuickProduct,
    ) -> NDArray[np.int64]:
        places = instruction.places
        depth, columns = instruction["depth"], instruction["columns"]
        kind = instruction["kind"]
        a = rows_of(scratchpad, places["a"])[..., :depth]
        b = rows_of(scratchpad, places["b"])[..., :depth] if "b" in places else None
        o = rows_of(scratchpad, places["o"], wide=kind == ResultKind.WIDE)
        if kind == ResultKind.COLUMNS:
            o, columns = o.swapaxes(1, 2), instruction["rows"]
        results = o[:, :columns] if kind == ResultKind.COLUMNS else o[..., :columns]
        padding = o[:, columns:] if kind == ResultKind.COLUMNS else o[..., columns:]
        step = max(1, _BLOCK // (instruction["rows"] * instruction["columns"]))
        saturated = np.zeros(len(a), dtype=np.int64)
        for start in range(0, len(a), step):
            some = slice(start, start + step)
            left = self._operands(product, a[some], start)
            values, saturated[some] = product.of_left(left, None if b is None else b[some])
            # not before all operands are read
            results[some], padding[some] = values, 0
        return saturated


class _Operands:
    """Left operands, decoded; those of the instruction before are kept.

    The slices of a wide layer, and queries, keys and values, read the same codes one after the
    other. That they are the same is seen by comparing them, an order of magnitude faster than
    decoding. Threads may share it: a block that another one has put there does not compare equal.
    """

    def __init__(self) -> None:
        self._kind: tuple | None = None
        self._blocks: dict[int, tuple[NDArray[np.uint8], NDArray]] = {}

    def __call__(self, product: QuickProduct, codes: NDArray[np.uint8], start: int) -> NDArray:
        """Codes of the sentences from ``start`` on, decoded for a product; not to be written to."""
        kind = (product.left_kind, codes.shape[1:])
        if kind != self._kind:
            self._kind, self._blocks = kind, {}
        blocks = self._blocks
        known = blocks.get(start)
        if known is not None and np.array_equal(known[0], codes):
            return known[1]
        left = product.left(codes)
        blocks[start] = codes.copy(), left
        return left
