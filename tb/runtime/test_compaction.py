"""A model that was compacted, on the compiled machine: golden's bytes, in fewer cycles."""

from __future__ import annotations

import numpy as np
from alembert_compiler.compaction import compact
from alembert_compiler.compile import compile_model
from alembert_compiler.cycles import predict
from alembert_compiler.image import Image
from alembert_compiler.model import Model
from alembert_compiler.tensor_names import PARTS
from alembert_runtime import GoldenDevice, Session
from compiler.compiled_models import CONFIG, TOKENS, calibration_of, random_model
from compiler.dead_parts import kill
from runtime.conftest import MakeDevice
from runtime.models import MACHINE

LATENCY, ANSWER = 3, 10


def _image(model: Model, spans: list[int]) -> Image:
    return compile_model(
        model,
        MACHINE,
        calibration_of(model, spans=spans),
        max_length=16,
        head="classifier",
        spans=spans,
        keep_hidden=True,
    )


def test_the_same_bytes_in_fewer_cycles(golden: GoldenDevice, simulated: MakeDevice) -> None:
    model = kill(
        random_model(CONFIG, (PARTS[0], *PARTS[2:4]), classes=5),
        (("biases", "alive"),),
        (("alive", "alive", "row", "column") * 13,),
    )
    done = compact(model, [0, 3], multiple=MACHINE.word_codes)
    assert done.removed_heads == ((0,),) and done.model.config.intermediate_size == 28
    image = _image(done.model, [3])
    device = simulated(read_latency=LATENCY, write_latency=ANSWER)
    session, oracle = Session(device, image), Session(golden, image)
    cycles = 0
    for tokens in (TOKENS[0, :5], TOKENS[1]):
        session.reset()
        expected, found = oracle.run(tokens), session.run(tokens)
        assert found == expected
        np.testing.assert_array_equal(session.output(), oracle.output())
        assert found.counters is not None
        cycles = found.counters.cycles
    options = {"length": len(TOKENS[1]), "latency": LATENCY, "answer": ANSWER}
    assert abs(predict(MACHINE, image, **options).cycles - cycles) <= 0.02 * cycles
    assert cycles < 0.7 * predict(MACHINE, _image(model, [0, 3]), **options).cycles
