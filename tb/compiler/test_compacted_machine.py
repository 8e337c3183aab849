"""Models with fewer heads than their hidden states have room for, on the golden machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembert.config import PRESETS
from alembert_compiler.classifier import Classifier
from alembert_compiler.compaction import compact
from alembert_compiler.compile import compile_model, compile_quantised
from alembert_compiler.cycles import predict
from alembert_compiler.model import Model
from alembert_compiler.model_config import ModelConfig
from alembert_compiler.quantise_model import quantise_model
from alembert_compiler.tensor_names import PARTS
from compiler.compiled_models import (
    BERT,
    CONFIG,
    MACHINES,
    TOKENS,
    calibration_of,
    random_model,
    run,
)
from compiler.dead_parts import kill
from compiler.quantised_reference import QuantisedReference
from compiler.stage_checks import check_classifier, check_embeddings, check_pass
from compiler.stage_trace import StageTrace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "modules" / "compaction.md"
IDLE = ("column",) * 12 + ("row",) * 12
NEURONS = (("alive",) * 28 + IDLE, IDLE + ("alive",) * 28, IDLE + ("alive",) * 28)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A shape, what its heads do, and how far they see."""

    config: ModelConfig
    heads: tuple[tuple[str, ...], ...]
    spans: Any

    def model(self) -> Model:
        parts = (PARTS[0], *PARTS[2:4])
        return kill(random_model(self.config, parts, classes=3), self.heads, NEURONS)


CASES = {
    "albert": Case(config=CONFIG, heads=(("values", "alive"),), spans=[2, 4]),
    # heads without weights or values that stay: layers keep one each
    "bert": Case(
        config=BERT,
        heads=(("alive", "off"), ("columns", "values"), ("values", "off")),
        spans=[[2, 0], [1, 13], [6, 3]],
    ),
}
RUNS = {name: (name, "static") for name in MACHINES} | {
    f"{name}_token": (name, "token") for name in ("edge16_int8", "ternary")
}


@pytest.mark.parametrize("machine", RUNS)
@pytest.mark.parametrize("case", CASES)
def test_every_stage_of_every_pass(case: str, machine: str) -> None:
    """Each instruction's result from what the machine itself had before it: products exactly."""
    chosen, (name, activations) = CASES[case], RUNS[machine]
    off = [[n for n, kind in enumerate(row) if kind == "off"] for row in chosen.heads]
    done = compact(chosen.model(), chosen.spans, off)
    assert (done.model.config.attention_size, done.model.config.hidden_size) == (16, 32)
    assert done.model.config.intermediate_size == 32
    quantised = quantise_model(
        done.model,
        calibration_of(done.model, spans=done.spans),
        MACHINES[name],
        classifier=Classifier.of(done.model),
        spans=done.spans,
        activations=activations,
    )
    image = compile_quantised(quantised, max_length=16, keep_hidden=True)
    seen = StageTrace(quantised.machine, image)
    run(quantised.machine, image, TOKENS, trace=seen)
    reference = QuantisedReference(quantised)
    check_embeddings(seen[0], reference, TOKENS)
    x = seen[0]["first hidden states"]
    for index in range(CONFIG.num_hidden_layers):
        x = check_pass(seen[index], reference, index, x)
        check_classifier(seen[index], reference, index, x[:, :1])


def test_fewer_cycles_words_and_bytes() -> None:
    """A head and half of the neurons less."""
    machine, whole = MACHINES["edge16"], CASES["albert"].model()
    done = compact(whole)
    images = [
        compile_model(each, machine, calibration_of(each), max_length=13, head="classifier")
        for each in (whole, done.model)
    ]
    before, after = (predict(machine, image, length=13).cycles for image in images)
    assert after < 0.85 * before  # of which weights of the embeddings take their share
    assert images[1].scratchpad_words < images[0].scratchpad_words
    assert len(images[1].data) < 0.8 * len(images[0].data)


def test_the_table_of_the_page() -> None:
    """What the page's own function says."""
    text = PAGE.read_text(encoding="utf-8")
    (block,) = (b for b in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "def " in b)
    scope: dict[str, Any] = {}
    exec(compile(block, PAGE.name, "exec"), scope)
    rows = re.findall(r"^\| (\d) \|(.*)\|$", text, re.MULTILINE)
    assert [int(heads) for heads, _ in rows] == [4, 3, 2, 1]
    machine = PRESETS["edge16"].machine
    for heads, cells in rows:
        written = [int(cell.replace(",", "")) for cell in cells.split("|")]
        assert written == [
            scope["pass_cycles"](machine, heads=int(heads), ffn=ffn) for ffn in (512, 256, 128, 64)
        ]


@pytest.mark.parametrize("machine", ["tiny", "edge16_int8"])
def test_idle_parts_compile_before_they_are_removed(machine: str) -> None:
    """Layers, heads and neurons without any weights have no scale of their own."""
    neurons = ("row",) * CONFIG.intermediate_size
    model = kill(random_model(), (("biases", "columns"),), (neurons,))
    whole = compile_model(model, MACHINES[machine], calibration_of(model), max_length=13)
    left = compact(model).model
    assert (left.config.num_attention_heads, left.config.intermediate_size) == (1, 16)
    part = compile_model(
        left, MACHINES[machine], calibration_of(left), max_length=13, keep_hidden=True
    )
    before, after = (run(MACHINES[machine], each, TOKENS, [0]).output for each in (whole, part))
    classes = [
        image.records(output, 1)["class"] for image, output in ((whole, before), (part, after))
    ]
    assert (classes[0] == classes[1]).mean() > 0.9
