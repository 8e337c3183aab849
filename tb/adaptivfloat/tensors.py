"""Fixed-point tensors for the benches of the bias finder and the quantiser."""

from __future__ import annotations

import random
from dataclasses import dataclass

from support.streams import Source, pack

__all__ = ["Tensor", "corner_tensors", "random_tensor", "send"]


@dataclass
class Tensor:
    """Rows of one value a lane, and the exponent of their lowest bit."""

    rows: list[list[int]]
    lsb_exponent: int

    def values(self) -> list[int]:
        """All values in a row."""
        return [value for row in self.rows for value in row]


def random_tensor(length: int, lanes: int, width: int) -> Tensor:
    """Every size of the largest value is alike likely."""
    half = 1 << random.randrange(width)
    rows = [[random.randrange(-half, half) for _ in range(lanes)] for _ in range(length)]
    return Tensor(rows, random.randrange(-20, 20))


def corner_tensors(lanes: int, width: int) -> list[Tensor]:
    """Zeros, extremes and powers of two; large before small; biases beyond the register."""
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    zeros = [0] * lanes
    corners = [[low], [high], [-1], [1], [0], [-4], [4], [-5], [3], [low + 1]]
    single = [[zeros[:-1] + value] for value in corners]
    several = [
        [[low] * lanes, zeros],
        [zeros, zeros],
        [zeros, [1, *zeros[1:]], zeros],
        [[high] * lanes, [low] * lanes, [-1] * lanes],
    ]
    tensors = [Tensor(rows, 0) for rows in single + several]
    ends = [-512, -511, -140, -139, -122, 120, 130, 140, 500, 511]
    tensors += [Tensor([[low] * lanes], end) for end in ends]
    # a bias at the register's ends, and by one beyond: floor(log2 1) + end − 7 with e = 3
    ends = [133, 134, 135, 136, -120, -121, -122, -123]
    tensors += [Tensor([[*zeros[1:], 1]], end) for end in ends]
    return tensors + [Tensor([zeros], end) for end in (-512, 511)]


async def send(dut, source: Source, tensor: Tensor, width: int) -> None:
    """Send a tensor; its exponent is there with the last beat only."""
    lanes = len(tensor.rows[0])
    last = 1 << (lanes * width)
    beats = [pack(row, width) for row in tensor.rows]
    dut.i_lsb_exponent.value = random.randrange(1 << 10)
    await source.send(beats[:-1])
    dut.i_lsb_exponent.value = tensor.lsb_exponent & 0x3FF
    await source.send([beats[-1] | last])
