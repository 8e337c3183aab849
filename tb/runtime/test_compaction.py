"""A model that was compacted, on the compiled machine: golden's bytes, in fewer cycles."""

from __future__ import annotations

import numpy as np
from alembert_compiler.compaction import compact
from alembert_compiler.cycles import predict
from alembert_compiler.tensor_names import PARTS
from alembert_runtime import GoldenDevice, Session
from compiler.compiled_models import CONFIG, TOKENS, random_model
from compiler.dead_parts import kill
from runtime.conftest import MakeDevice
from runtime.models import MACHINE, image_with_spans

LATENCY, ANSWER = 3, 10


def test_the_same_bytes_in_fewer_cycles(golden: GoldenDevice, simulated: MakeDevice) -> None:
    model = kill(
        random_model(CONFIG, (PARTS[0], *PARTS[2:4]), classes=5),
        (("biases", "alive"),),
        (("alive", "alive", "row", "column") * 13,),
    )
    done = compact(model, [0, 3], multiple=MACHINE.word_codes)
    assert done.removed_heads == ((0,),) and done.model.config.intermediate_size == 28
    image = image_with_spans(done.model, [3])
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
    assert cycles < 0.7 * predict(MACHINE, image_with_spans(model, [0, 3]), **options).cycles
