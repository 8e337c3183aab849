"""Weight memory: its parameter object, and the RTL against golden in both packings."""

from __future__ import annotations

import pytest
from alembert.config.ternary import Packing, WeightMemoryConfig
from alembert.ternary.weight_memory import WeightMemory
from support.simulate import simulate

# a last byte that is not full, and rows that are or are not a power of two
CONFIGS = {
    "two_bit": WeightMemoryConfig(lanes=6, rows=13, packing=Packing.TWO_BIT),
    "five_trits": WeightMemoryConfig(lanes=12, rows=16, packing=Packing.FIVE_TRITS),
}


def test_config_widths() -> None:
    config = WeightMemoryConfig(lanes=16, rows=256, packing=Packing.TWO_BIT)
    assert (config.row_bytes, config.row_width) == (4, 32)
    assert (config.address_width, config.count_width) == (8, 9)
    config = WeightMemoryConfig(lanes=20, rows=2, packing=Packing.FIVE_TRITS)
    assert (config.row_bytes, config.row_width) == (4, 32)
    assert (config.address_width, config.count_width) == (1, 2)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"lanes": 0}, ValueError, "weight memory lanes must be between 1 and 1024, not 0"),
        ({"lanes": True}, TypeError, "weight memory lanes must be an int, not True"),
        ({"rows": 1}, ValueError, "weight memory rows must be between 2 and 65536, not 1"),
        ({"rows": 2.0}, TypeError, r"weight memory rows must be an int, not 2\.0"),
        ({"packing": 2}, TypeError, "weight memory packing must be a Packing, not 2"),
    ],
)
def test_config_refuses(fields: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}$"):
        WeightMemoryConfig(**fields)


@pytest.mark.parametrize("name", CONFIGS)
def test_rtl_equals_golden(simulator: str, name: str) -> None:
    config = CONFIGS[name]
    simulate(
        WeightMemory(config),
        simulator=simulator,
        module="ternary.bench_weight_memory",
        top=f"weight_memory_{name}",
        lanes=config.lanes,
        rows=config.rows,
        packing=config.packing.value,
    )
