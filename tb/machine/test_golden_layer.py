"""A small transformer layer, run twice by the golden machine, against float64."""

from __future__ import annotations

from math import erf

import numpy as np
from alembert.config import AdaptivFloatFormat
from alembert.config.command import MachineFault
from alembert_compiler.assembler import assemble, to_bytes
from alembert_golden.adaptivfloat import bias_of_tensor, decode, encode
from alembert_golden.machine import Machine
from alembert_golden.postprocess import ChannelParameters
from alembert_golden.weights_layout import pack_linear
from machine.golden_machines import MACHINES

CONFIG = MACHINES["adaptivfloat"]
FMT = AdaptivFloatFormat()
H, HEADS, F, TOKENS, VOCABULARY = 16, 2, 32, 6, 10
D = H // HEADS
STATE, QUERY, PROBABILITY, CONTEXT, GELU = -5, -5, -7, -6, -6
"""Exponent biases of the tensors that are codes."""
SCORE, SUM, INNER = 9, 10, 11
"""Fraction bits of those that are wide."""

PROGRAM = f"""
    load   rows=1 columns=16 o_address=480 o_stride=16 memory_offset=NORM
    gather rows=LENGTH columns=4 o_address=0 o_stride=4 memory_offset=TABLE index_base=INPUT \
index_limit={VOCABULARY}
pass:
    linear rows=LENGTH columns=16 depth=16 a_stride=4 o_address=40 o_stride=4 memory_offset=Q
    linear rows=LENGTH columns=16 depth=16 a_stride=4 o_address=80 o_stride=4 memory_offset=K
    linear rows=LENGTH columns=16 depth=16 a_stride=4 o_address=120 o_stride=2 kind=COLUMNS \
memory_offset=V
HEADS
    linear rows=LENGTH columns=16 depth=16 a_address=160 a_stride=4 o_address=240 o_stride=8 \
kind=WIDE memory_offset=O
    layernorm rows=LENGTH columns=16 has_a=1 a_address=240 a_stride=8 has_b=1 b_stride=4 \
b_multiplier=2 epsilon=1 p_address=480 o_stride=4 exponent={-11 - STATE}
    linear rows=LENGTH columns=32 depth=16 a_stride=4 o_address=300 o_stride=16 kind=WIDE \
memory_offset=UP
    gelu   rows=LENGTH columns=32 a_address=300 a_stride=16 o_address=400 o_stride=8 \
exponent={-11 - GELU}
    linear rows=LENGTH columns=16 depth=32 a_address=400 a_stride=8 o_address=240 o_stride=8 \
kind=WIDE memory_offset=DOWN
    layernorm rows=LENGTH columns=16 has_a=1 a_address=240 a_stride=8 has_b=1 b_stride=4 \
b_multiplier=2 epsilon=1 p_address=480 o_stride=4 exponent={-11 - STATE}
    loop   target=pass count=2
    store  rows=LENGTH columns=4 a_stride=4 memory_base=OUTPUT
    halt
"""
HEAD = """
    matmul rows=LENGTH columns=LENGTH depth=8 a_address={q} a_stride=4 b_address={k} b_stride=4 \
o_address=200 o_stride=3 kind=WIDE exponent={shift}
    softmax rows=LENGTH columns=LENGTH a_address=200 a_stride=3 o_address=220 o_stride=2 \
exponent={probability}
    matmul rows=LENGTH columns=8 depth=LENGTH a_address=220 a_stride=2 b_address={v} b_stride=2 \
o_address={context} o_stride=4 exponent={exponent}
"""


def heads() -> str:
    """Attention of every head; a head's columns are whole words."""
    return "".join(
        HEAD.format(
            q=40 + head * D // 4,
            k=80 + head * D // 4,
            v=120 + head * D * 2,
            context=160 + head * D // 4,
            shift=-SCORE - (2 * QUERY - 8),
            probability=-15 - PROBABILITY,
            exponent=PROBABILITY + QUERY - 8 - CONTEXT,
        )
        for head in range(HEADS)
    )


def test_a_layer_is_close_to_float64() -> None:
    rng = np.random.default_rng(3)
    table = encode(rng.standard_normal((VOCABULARY, H)), STATE, FMT)
    shapes = {
        **dict.fromkeys("QKVO", (H, H)),
        "UP": (H, F),
        "DOWN": (F, H),
    }
    floats, codes, biases = {}, {}, {}
    for name, shape in shapes.items():
        values = rng.standard_normal(shape) / np.sqrt(shape[0])
        if name == "Q":
            values *= 1.442695 / np.sqrt(D)
        biases[name] = bias_of_tensor(values, FMT)
        codes[name] = encode(values, biases[name], FMT)
        floats[name] = decode(codes[name], biases[name], FMT)
    bias_floats = {name: rng.standard_normal(shape[1]) / 8 for name, shape in shapes.items()}
    results = {  # bias of the operand, and of the codes or fraction bits of the wide numbers
        **dict.fromkeys("QKV", (STATE, QUERY, None)),
        "O": (CONTEXT, None, SUM),
        "UP": (STATE, None, INNER),
        "DOWN": (GELU, None, SUM),
    }
    gamma, beta = rng.uniform(0.8, 1.2, H), rng.standard_normal(H) / 10
    gamma_codes, beta_codes = np.rint(gamma * 4096), np.rint(beta * 2048)
    norm = np.stack([gamma_codes.reshape(-1, 2), beta_codes.reshape(-1, 2)], axis=1)

    image, places = bytearray(4096), {}

    def put(name: str, data: bytes) -> None:
        places[name] = len(image) // CONFIG.word_bytes
        image.extend(data)

    for name, (operand, result, fraction) in results.items():
        scale = operand + biases[name] - 2 * FMT.mantissa_width
        bias = np.rint(np.ldexp(bias_floats[name], -scale)).astype(np.int64)
        bias_floats[name] = np.ldexp(bias.astype(float), scale)
        exponent = scale - result if fraction is None else -fraction - scale
        parameters = ChannelParameters.of(
            len(bias), bias=bias, wide=fraction is not None, exponent=exponent
        )
        put(name, pack_linear(codes[name], parameters, CONFIG.main, CONFIG))
    put("NORM", norm.astype("<i2").tobytes())
    put("TABLE", table.astype(np.uint8).tobytes())
    text = PROGRAM.replace("HEADS", heads())
    for name, place in places.items():
        text = text.replace(f"memory_offset={name}\n", f"memory_offset={place}\n")
        text = text.replace(f"memory_offset={name} ", f"memory_offset={place} ")
    program = to_bytes(assemble(text))
    image[: len(program)] = program

    ids = rng.integers(0, VOCABULARY, (20, TOKENS))
    result = Machine(CONFIG).run(
        bytes(image),
        ids.astype("<u4").view(np.uint8),
        program=0,
        length=TOKENS,
        targets=1,
        threshold=0,
        output_bytes=TOKENS * H,
    )
    assert set(result.fault) == {MachineFault.NONE}, result.reason[0]
    got = decode(result.output.reshape(20, TOKENS, H), STATE, FMT)

    def linear(x, name: str):
        return x @ floats[name] + bias_floats[name]

    def normalised(x):
        x = x - x.mean(axis=-1, keepdims=True)
        ratio = x / np.sqrt((x * x).mean(axis=-1, keepdims=True))
        return ratio * gamma_codes / 4096 + beta_codes / 2048

    def split(x):
        return x.reshape(20, TOKENS, HEADS, D).swapaxes(1, 2)

    state = decode(table, STATE, FMT)[ids]
    for _ in range(2):
        q, k, v = (split(linear(state, name)) for name in "QKV")
        power = np.exp2(q @ k.swapaxes(2, 3))
        context = (power / power.sum(axis=-1, keepdims=True)) @ v
        state = normalised(state + linear(context.swapaxes(1, 2).reshape(20, TOKENS, H), "O"))
        inner = linear(state, "UP")
        inner = inner / 2 * (1 + np.vectorize(erf)(inner / np.sqrt(2)))
        state = normalised(state + linear(inner, "DOWN"))
    error = got - state
    # a code's relative error is 2^−5 at most; four of them in a row and two passes
    assert np.sqrt((error**2).mean()) < 0.05
    assert np.abs(error).max() < 0.25
    assert np.std(state) > 0.9
