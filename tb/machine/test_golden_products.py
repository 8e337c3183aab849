"""LINEAR and MATMUL of the golden machine, and linear layers in memory."""

from __future__ import annotations

import re

import numpy as np
import pytest
from alembert.config.isa import Instruction, MemoryBase, Opcode, ResultKind
from alembert.config.machine import MachineConfig
from alembert_golden.matrix_engine import MatrixEngine
from alembert_golden.postprocess import ChannelParameters
from alembert_golden.weights_layout import linear_words, pack_linear, unpack_linear
from hypothesis import given, settings
from hypothesis import strategies as st
from machine.golden_layers import any_parameters, any_weights
from machine.golden_machines import MACHINES, memory_of, random_scratchpad, resolved
from machine.golden_oracle import code_integer, product, read_codes, write_results

DIMENSION = st.integers(1, 19)
NAMES = st.sampled_from(sorted(MACHINES))


def kinds_of(config: MachineConfig, unit: int = 0) -> list[ResultKind]:
    array = config.arrays[unit]
    whole = array.vmacs == config.word_codes
    return [ResultKind.CODES, ResultKind.WIDE] + [ResultKind.COLUMNS] * whole


def places(rng, config: MachineConfig, kind: ResultKind, m: int, k: int, n: int) -> dict[str, int]:
    """Addresses and strides that do not touch, with gaps, anywhere in the scratchpad."""
    per_word = config.word_wides if kind is ResultKind.WIDE else config.word_codes
    shapes = {
        "a": (m, -(-k // config.word_codes)),
        "b": (n, -(-k // config.word_codes)),
        "o": (n, -(-m // per_word)) if kind is ResultKind.COLUMNS else (m, -(-n // per_word)),
    }
    found, place = {}, int(rng.integers(0, 5))
    for name in rng.permutation(list(shapes)):
        rows, words = shapes[name]
        stride = words + int(rng.integers(0, 3)) if rows > 1 else int(rng.integers(0, words + 2))
        found |= {f"{name}_address": place, f"{name}_stride": stride}
        place += max(rows * stride, words) + int(rng.integers(0, 3))
    assert place <= config.scratchpad.words
    return found


@settings(max_examples=60)
@given(NAMES, DIMENSION, DIMENSION, DIMENSION, st.integers(0, 2), st.integers(0, 2**32 - 1))
def test_linear(name: str, m: int, k: int, n: int, which: int, seed: int) -> None:
    config, rng = MACHINES[name], np.random.default_rng(seed)
    kinds = kinds_of(config)
    kind, array, pair = kinds[which % len(kinds)], config.main, config.main.vmac.pair
    weights = any_weights(rng, pair.weight, k, n)
    # channels may disagree with the layout
    wide = rng.random(n) < 0.5 if rng.random() < 0.3 else kind is ResultKind.WIDE
    parameters = any_parameters(rng, array, k, n, wide)
    packed = pack_linear(weights, parameters, array, config)
    offset = int(rng.integers(0, 5))
    image = bytes(offset * config.word_bytes) + packed + b"\xff"
    dims = {"rows": m, "columns": n, "depth": k, "kind": int(kind), "memory_offset": offset}
    where = places(rng, config, kind, m, k, n)
    operands = dims | {key: where[key] for key in where if key[0] != "b"}
    instruction = resolved(Instruction(Opcode.LINEAR, operands), config)

    scratchpad = random_scratchpad(rng, config, 2)
    expected = scratchpad.copy()
    columns = [[code_integer(int(w), pair.weight) for w in weights[:, c]] for c in range(n)]
    for words in expected:
        addresses = [where["a_address"] + r * where["a_stride"] for r in range(m)]
        a = [
            [code_integer(code, pair.activation) for code in read_codes(words, address, k)]
            for address in addresses
        ]
        results = product(a, columns, parameters, pair.activation)
        write_results(words, results, kind, where["o_address"], where["o_stride"])
    MatrixEngine(config).linear(instruction, scratchpad, memory_of(config, image))
    np.testing.assert_array_equal(scratchpad, expected)


@settings(max_examples=60)
@given(NAMES, DIMENSION, DIMENSION, DIMENSION, st.integers(0, 2), st.integers(0, 2**32 - 1))
def test_matmul(name: str, m: int, k: int, n: int, which: int, seed: int) -> None:
    config, rng = MACHINES[name], np.random.default_rng(seed)
    unit = len(config.arrays) - 1
    kinds = kinds_of(config, unit)
    kind, array, fmt = kinds[which % len(kinds)], config.arrays[unit], config.fmt
    one = any_parameters(rng, array, k, 1, kind is ResultKind.WIDE)
    given_numbers = {f: int(getattr(one, f)[0]) for f in ("multiplier", "shift", "exponent")}
    if kind is ResultKind.WIDE and rng.random() < 0.5:
        given_numbers["exponent"] -= 64  # only the lower 6 bits count
    where = places(rng, config, kind, m, k, n)
    dims = {"rows": m, "columns": n, "depth": k, "kind": int(kind), "unit": unit}
    instruction = resolved(Instruction(Opcode.MATMUL, dims | where | given_numbers), config)

    scratchpad = random_scratchpad(rng, config, 2)
    expected = scratchpad.copy()
    parameters = ChannelParameters.of(
        n,
        wide=kind is ResultKind.WIDE,
        multiplier=one.multiplier[0],
        shift=one.shift[0],
        exponent=one.exponent[0],
    )
    for words in expected:
        a, b = (
            [
                [code_integer(code, fmt) for code in read_codes(words, address, k)]
                for address in (
                    where[f"{t}_address"] + r * where[f"{t}_stride"] for r in range(num)
                )
            ]
            for t, num in (("a", m), ("b", n))
        )
        write_results(
            words, product(a, b, parameters, fmt), kind, where["o_address"], where["o_stride"]
        )
    MatrixEngine(config).matmul(instruction, scratchpad)
    np.testing.assert_array_equal(scratchpad, expected)


def test_layouts_by_hand() -> None:
    """Two rows × identity-like weights on words of four codes."""
    config = MACHINES["int8"]
    scratchpad = np.zeros((1, 512, 4), dtype=np.uint8)
    scratchpad[0, 10:13] = [[1, 2, 3, 4], [5, 255, 0, 0], [0, 0, 0, 0]]
    scratchpad[0, 20:22] = [[1, 1, 1, 1], [1, 1, 9, 9]]  # what is beyond the depth is not seen
    scratchpad[0, 30:32] = [[2, 0, 0, 0], [0, 254, 9, 9]]
    scratchpad[0, 32:34] = [[0, 0, 0, 0], [3, 0, 9, 9]]
    scratchpad[0, 40:] = 7
    operands = {
        "rows": 2,
        "columns": 2,
        "depth": 6,
        "multiplier": 3,
        "shift": 1,
        "a_address": 10,
        "a_stride": 10,
        "b_address": 30,
        "b_stride": 2,
    }
    # sums: row 0: 2·1 + (−2)·(−1) = 4 and 3·5 = 15; row 1: 2 − 2 = 0 and 3; times 3/2, to even
    engine = MatrixEngine(config)
    codes = Instruction(Opcode.MATMUL, operands | {"o_address": 40, "o_stride": 3})
    engine.matmul(resolved(codes, config), scratchpad)
    assert scratchpad[0, 40:44].tolist() == [[6, 22, 0, 0], [7] * 4, [7] * 4, [0, 4, 0, 0]]
    wide = Instruction(Opcode.MATMUL, operands | {"o_address": 50, "o_stride": 1, "kind": 1})
    engine.matmul(resolved(wide, config), scratchpad)
    assert scratchpad[0, 50:53].tolist() == [[6, 0, 22, 0], [0, 0, 4, 0], [7] * 4]
    columns = MACHINES["ternary"]
    turned = Instruction(
        Opcode.MATMUL, operands | {"o_address": 60, "o_stride": 2, "kind": 2, "unit": 1}
    )
    MatrixEngine(columns).matmul(resolved(turned, columns), scratchpad)
    assert scratchpad[0, 60:64].tolist() == [[6, 0, 0, 0], [7] * 4, [22, 4, 0, 0], [7] * 4]


def test_linear_words_by_hand() -> None:
    """Ternary, V = 16, C = 4, K = 17, N = 5: two passes; a tile of four channels, one of one."""
    config = MACHINES["ternary"]
    weights = np.zeros((17, 5), dtype=np.int64)
    weights[0, 0], weights[15, 0], weights[16, 1], weights[1, 4] = 1, -1, -1, 1
    parameters = ChannelParameters.of(
        5,
        bias=[-2, 0, 0, 0, 3],
        relu=[True, False, False, False, False],
        wide=[False, True, False, False, False],
        multiplier=[1, 2, 3, 4, 0xFFFF_FFFF],
        shift=[0, 1, 2, 3, 63],
        exponent=[-1, 5, 0, 0, -512],
    )
    words = np.frombuffer(pack_linear(weights, parameters, config.main, config), "<u4").tolist()
    assert len(words) == 5 * (2 * 1 + 4) == linear_words(17, 5, config.main, config)
    assert words[:8] == [1 | 0b11 << 30, 0, 0, 0, 0, 0b11, 0, 0]  # passes, channels 0–3
    assert words[8:12] == [0xFFFF_FFFE, 0xFFFF_FFFF, 1, 0x3FF << 6 | 1 << 16]
    assert words[12:16] == [0, 0, 2, 1 | 5 << 6 | 1 << 17]
    assert words[24:26] == [1 << 2, 0]  # the last tile
    assert words[26:] == [3, 0, 0xFFFF_FFFF, 63 | 0x200 << 6]


@settings(max_examples=50)
@given(NAMES, DIMENSION, DIMENSION, st.integers(0, 2**32 - 1))
def test_packing_is_lossless(name: str, k: int, n: int, seed: int) -> None:
    config, rng = MACHINES[name], np.random.default_rng(seed)
    weights = any_weights(rng, config.main.vmac.pair.weight, k, n)
    parameters = any_parameters(rng, config.main, k, n, rng.random(n) < 0.5)
    data = pack_linear(weights, parameters, config.main, config)
    assert len(data) == linear_words(k, n, config.main, config) * config.word_bytes
    again, fields = unpack_linear(data, k, n, config.main, config)
    np.testing.assert_array_equal(again, weights)
    for field, values in vars(parameters).items():
        np.testing.assert_array_equal(getattr(fields, field), values, err_msg=field)


def test_what_the_machine_reads_of_a_bad_layer() -> None:
    config = MACHINES["adaptivfloat"]
    data = bytearray(pack_linear([[1]], ChannelParameters.of(1), config.main, config))
    data[4:12] = (1 << (config.main.vmac.accumulator_width - 1)).to_bytes(8, "little")
    data[16:20] = (0x3FF << 6 | 1 << 17).to_bytes(4, "little")
    _, parameters = unpack_linear(bytes(data), 1, 1, config.main, config)
    assert parameters.bias.tolist() == [-(1 << (config.main.vmac.accumulator_width - 1))]
    assert parameters.exponent.tolist() == [63]  # of −1, the lower 6 bits


@pytest.mark.parametrize(
    ("weights", "parameters", "message"),
    [
        ([1], ChannelParameters.of(1), "weights must be [K, N] with K and N positive, not [1]"),
        (
            np.zeros((0, 2)),
            ChannelParameters.of(2),
            "weights must be [K, N] with K and N positive, not [0, 2]",
        ),
        ([[1, 1]], ChannelParameters.of(3), "parameters must be those of the 2 channels, not of 3"),
        ([[2]], ChannelParameters.of(1), "ternary codes must be between -1 and 1, not 2…2"),
        (
            [[1]],
            ChannelParameters.of(1, shift=64),
            "channel shift must be between 0 and 63, not 64…64",
        ),
    ],
)
def test_bad_layers_are_refused(weights, parameters, message: str) -> None:
    config = MACHINES["ternary"]
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pack_linear(weights, parameters, config.main, config)


def test_bad_layers_in_memory_are_refused() -> None:
    config = MACHINES["ternary"]
    data = bytearray(pack_linear([[1]], ChannelParameters.of(1), config.main, config))
    with pytest.raises(ValueError, match=r"^weights \[1, 2\] must be 40 bytes in memory, not 20$"):
        unpack_linear(bytes(data), 1, 2, config.main, config)
    data[0] = 2
    with pytest.raises(
        ValueError, match=r"^ternary weights in memory must be 00, 01 or 11, not 10$"
    ):
        unpack_linear(bytes(data), 1, 1, config.main, config)


def test_a_layer_of_each_sentence() -> None:
    """Weights in SCRATCH differ from sentence to sentence."""
    config = MACHINES["adaptivfloat"]
    rng = np.random.default_rng(5)
    layers = [
        pack_linear(rng.integers(0, 256, (6, 3)), ChannelParameters.of(3), config.main, config)
        for _ in range(3)
    ]
    operands = {"rows": 2, "columns": 3, "depth": 6, "a_stride": 2, "o_address": 50, "o_stride": 1}
    engine = MatrixEngine(config)
    before = random_scratchpad(rng, config, 3)
    expected = before.copy()
    for sentence, layer in enumerate(layers):
        one = resolved(Instruction(Opcode.LINEAR, operands), config)
        part = expected[sentence : sentence + 1]
        MatrixEngine(config).linear(one, part, memory_of(config, layer))
    regions = {MemoryBase.SCRATCH: np.array([np.frombuffer(each, np.uint8) for each in layers])}
    own = resolved(Instruction(Opcode.LINEAR, operands | {"memory_base": 3}), config)
    engine.linear(own, before, memory_of(config, regions=regions))
    np.testing.assert_array_equal(before, expected)
