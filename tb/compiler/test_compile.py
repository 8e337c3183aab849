"""Compiled models on the golden machine, stage by stage against float64."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from alembert.config import AdaptivFloatFormat
from alembert.config.isa import Opcode
from alembert.config.machine import MachineConfig
from alembert_compiler.albert import Albert
from alembert_compiler.calibrate import Calibration
from alembert_compiler.classifier import Classifier
from alembert_compiler.compile import compile_albert, compile_quantised
from alembert_compiler.errors import CompileError
from alembert_compiler.image import Image, ImageError
from alembert_compiler.quantise_albert import quantise_albert
from alembert_golden.vmac import integers
from compiler.compiled_albert import CONFIG, MACHINES, TOKENS, calibration_of, random_albert, run
from compiler.quantised_reference import QuantisedReference
from compiler.stage_trace import StageTrace
from numpy.typing import NDArray

TARGETS = [1, 12, 4]


@pytest.fixture(scope="module")
def model() -> Albert:
    return random_albert()


@pytest.fixture(scope="module")
def calibration(model: Albert) -> Calibration:
    return calibration_of(model)


def hidden_integers(
    machine: MachineConfig, image: Image, output: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """The kept hidden states [batch, passes, tokens, H], as integers that codes stand for."""
    codes = image.hidden_codes(output, TOKENS.shape[1])[..., : CONFIG.hidden_size]
    if not isinstance(machine.fmt, AdaptivFloatFormat):
        codes = codes.view(np.int8)
    return integers(codes.astype(np.int64), machine.fmt)


@pytest.mark.parametrize(
    ("name", "error"), [("tiny", 0.03), ("edge16", 0.03), ("edge16_int8", 0.04), ("ternary", None)]
)
def test_machine_computes_the_model(
    model: Albert, calibration: Calibration, name: str, error: float | None
) -> None:
    """Each pass against one pass in float64 from the machine's own states before it, and all
    passes against float32."""
    machine = MACHINES[name]
    quantised = quantise_albert(model, calibration, machine)
    image = compile_quantised(quantised, max_length=16, max_targets=5, keep_hidden=True)
    result = run(machine, image, TOKENS, TARGETS)
    states = hidden_integers(machine, image, result.output)
    records = image.records(result.output, len(TARGETS))
    assert result.passes.tolist() == [CONFIG.num_hidden_layers] * len(TOKENS)
    assert not result.exited.any() and not records["exit"].any() and not records["fault"].any()
    reference = QuantisedReference(quantised)
    scale = float(quantised.scales["hidden"][0])
    before = reference.embed(TOKENS)
    hidden = model.forward(TOKENS).hidden[1:]
    for index in range(CONFIG.num_hidden_layers):
        expected, found = reference.pass_(before), states[:, index]
        # a code of another rounding is a part in 32 or 127: not many, and none further off
        assert np.abs(found - expected).mean() * scale < 0.02
        assert np.abs(found - expected).max() * scale < 0.25
        before = found.astype(np.float64)
        logits = reference.logits(before[:, TARGETS]) / 1024
        entropy = _entropies(logits)
        assert np.abs(records["entropy"][:, index] - entropy).max() < 0.03
        best = np.take_along_axis(logits, records["class"][:, index, :, None].astype(int), -1)
        assert (logits.max(axis=-1) - best[..., 0]).max() < 0.03
        if error is not None:
            assert np.abs(found * scale - hidden[index]).mean() < error * (1 + index)


def _entropies(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    d = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(d).sum(axis=-1)
    return np.log(total) - (d * np.exp(d)).sum(axis=-1) / total


@pytest.mark.parametrize("name", MACHINES)
def test_every_stage_of_a_pass(model: Albert, calibration: Calibration, name: str) -> None:
    """Each instruction's result from what the machine itself had before it: products exactly."""
    machine = MACHINES[name]
    quantised = quantise_albert(model, calibration, machine)
    image = compile_quantised(quantised, max_length=16, max_targets=5)
    seen = StageTrace(machine, image)
    run(machine, image, TOKENS, TARGETS, trace=seen)
    reference, scales = QuantisedReference(quantised), quantised.scales
    expected = reference.linear(quantised.mapping, seen["embeddings"], scales["hidden"])
    seen.require_exact("first hidden states", expected)
    x = seen["first hidden states"]
    _check_attention(seen, reference, x)
    seen.require_near(
        seen["after attention"],
        reference.norm_real(quantised.attention_norm, seen["output projection"], x),
        2**-6 / scales["ffn_input"],
    )
    sums = reference.linear(quantised.ffn, seen["after attention"])
    np.testing.assert_array_equal(seen.side_by_side("feed-forward, columns"), sums)
    middle = seen.side_by_side("GELU, columns")
    unit = scales["ffn_intermediate"]
    seen.require_near(middle, reference.gelu(sums) / 2048 / unit, 2**-10 / unit)
    seen.require_exact("feed-forward output", reference.linear(quantised.ffn_output, middle))
    seen.require_near(
        seen["hidden states"],
        reference.norm_real(
            quantised.output_norm, seen["feed-forward output"], seen["after attention"]
        ),
        2**-6 / scales["hidden"],
    )
    head = quantised.head
    assert head is not None
    chosen = seen["hidden states"][:, TARGETS]
    seen.require_exact("the head's dense layer", reference.linear(head.dense, chosen))
    dense = seen["the head's GELU"]
    assert np.abs(dense - reference.gelu(seen["the head's dense layer"])).max() <= 2
    real = reference.norm_real(head.norm, dense, None)
    normalised = seen["the head's normalisation"]
    seen.require_near(normalised, real, 2**-6 / scales["head_normalised"])
    seen.require_exact("logits", reference.linear(head.decoder, normalised))


def _check_attention(
    seen: StageTrace, reference: QuantisedReference, x: NDArray[np.float64]
) -> None:
    model, scales = reference.model, reference.model.scales
    seen.require_exact("query", reference.linear(model.query, x, scales["query"]))
    seen.require_exact("key", reference.linear(model.key, x, scales["key"]))
    value = reference.linear(model.value, x, scales["value"])
    seen.require_exact("value", np.swapaxes(value, -1, -2))
    contexts = []
    for head in range(CONFIG.num_attention_heads):
        part = slice(head * CONFIG.head_size, (head + 1) * CONFIG.head_size)
        unit = (scales["query"] * scales["key"])[part]
        np.testing.assert_allclose(unit, unit[0], rtol=1e-12)
        scores = seen["query"][..., part] @ np.swapaxes(seen["key"][..., part], -1, -2)
        seen.require_exact(f"scores of head {head}", reference.wide(512 * unit[0] * scores))
        rows = seen[f"scores of head {head}"] / 512
        powers = np.exp2(rows - rows.max(axis=-1, keepdims=True))
        found, scale = seen[f"probabilities of head {head}"], scales["probabilities"][head]
        real = powers / powers.sum(axis=-1, keepdims=True)
        seen.require_near(found, real / scale, 2**-9 / scale)
        factor = scale * scales["value"][part] / scales["context"][part]
        context = found @ value[..., part] * factor
        seen.require_exact(f"context of head {head}", reference.product(context))
        contexts.append(seen[f"context of head {head}"])
    context = np.concatenate(contexts, axis=-1)
    seen.require_exact("output projection", reference.linear(model.attention_dense, context))


def test_early_exit_and_limits_of_passes(model: Albert, calibration: Calibration) -> None:
    machine = MACHINES["tiny"]
    image = compile_albert(model, machine, calibration, max_length=13, max_targets=2)
    everything = run(machine, image, TOKENS, TARGETS[:2])
    records = image.records(everything.output, 2)
    # two of the four sentences fall below it in some pass
    threshold = float(np.sort(records["entropy"].max(axis=-1).min(axis=1))[1:3].mean())
    leaving = run(machine, image, TOKENS, TARGETS[:2], threshold=threshold)
    below = (records["entropy"] < threshold).all(axis=-1)
    expected = np.where(np.any(below, axis=1), below.argmax(axis=1) + 1, CONFIG.num_hidden_layers)
    assert leaving.passes.tolist() == expected.tolist()
    assert leaving.exited.tolist() == np.any(below, axis=1).tolist()
    assert leaving.exited.any() and not leaving.exited.all()
    for sentence, passes in enumerate(expected):
        found = image.records(leaving.output[sentence], 2)["class"][:passes]
        np.testing.assert_array_equal(found, records["class"][sentence, :passes])
    assert run(machine, image, TOKENS, TARGETS[:2], max_passes=2).passes.tolist() == [2] * 4


def test_results_do_not_depend_on_what_else_fits(model: Albert, calibration: Calibration) -> None:
    """Less room, longer sentences at most, other targets: the same hidden states."""
    machine = MACHINES["edge16"]
    quantised = quantise_albert(model, calibration, machine)
    states, sizes = [], []
    for words, longest, targets in ((8192, 21, 3), (8192, 13, 1), (416, 21, 2), (400, 21, 2)):
        small = replace(machine, scratchpad=replace(machine.scratchpad, words=words))
        image = compile_quantised(
            replace(quantised, machine=small),
            max_length=longest,
            max_targets=targets,
            keep_hidden=True,
        )
        assert image.scratchpad_words <= words
        sizes.append(image.scratchpad_words)
        result = run(small, image, TOKENS, [0] * targets)
        states.append(hidden_integers(machine, image, result.output))
    assert sizes[0] > sizes[2] > sizes[3]
    for other in states[1:]:
        np.testing.assert_array_equal(other, states[0])
    small = replace(machine, scratchpad=replace(machine.scratchpad, words=392))
    with pytest.raises(CompileError) as caught:
        compile_quantised(replace(quantised, machine=small), max_length=21, max_targets=2)
    assert str(caught.value) == (
        "the model needs 394 words of scratchpad for 21 tokens and 2 targets; the machine has 392"
    )


@pytest.mark.parametrize("count", [1, CONFIG.num_hidden_layers])
def test_classifiers(model: Albert, calibration: Calibration, count: int) -> None:
    """One for all passes is a loop; one for each pass is a longer program."""
    machine = MACHINES["edge16"]
    rng = np.random.default_rng(8)
    layers = [(rng.normal(size=(32, 5)), rng.normal(size=5)) for _ in range(count)]
    image = compile_albert(
        model, machine, calibration, max_length=16, head=Classifier(layers), keep_hidden=True
    )
    opcodes = [each.opcode for each in image.program_code]
    assert opcodes.count(Opcode.LOOP) == max(1, count - 1)
    assert opcodes.count(Opcode.ENTROPY) == count
    result = run(machine, image, TOKENS)
    states = hidden_integers(machine, image, result.output) * image.hidden_scale
    records = image.records(result.output, 1)[..., 0]
    assert result.passes.tolist() == [CONFIG.num_hidden_layers] * len(TOKENS)
    for index in range(CONFIG.num_hidden_layers):
        weights, bias = layers[index % count]
        logits = states[:, index, 0] @ weights + bias
        best = np.take_along_axis(logits, records["class"][:, index, None].astype(int), -1)
        assert (logits.max(axis=-1) - best[:, 0]).max() < 0.5  # weights of eight bits
        assert np.abs(records["entropy"][:, index] - _entropies(logits)).max() < 0.3
    assert run(machine, image, TOKENS, max_passes=2).passes.tolist() == [2] * len(TOKENS)
    at_once = run(machine, image, TOKENS, threshold=7.9)
    assert at_once.passes.tolist() == [1] * len(TOKENS) and at_once.exited.all()


def test_files(model: Albert, calibration: Calibration, tmp_path: Path) -> None:
    image = compile_albert(model, MACHINES["tiny"], calibration, max_length=8)
    path = tmp_path / "model.alembert"
    image.save(path)
    assert Image.load(path) == image
    content = path.read_bytes()
    for damage, message in (
        (b"NOTHING" + content[7:], "is not an image"),
        (content[:8] + b"\2\0\0\0" + content[12:], "must be of version 1, not 2"),
        (content[:-1], f"must have {len(content)} bytes, not {len(content) - 1}"),
        (content[:-1] + b"x", "is damaged: its checksum is another"),
    ):
        path.write_bytes(damage)
        with pytest.raises(ImageError) as caught:
            Image.load(path)
        assert str(caught.value) == f"model.alembert {message}"


def test_listing(model: Albert, calibration: Calibration) -> None:
    image = compile_albert(model, MACHINES["tiny"], calibration, max_length=8)
    lines = image.listing.splitlines()
    assert len(lines) == image.instructions == len(image.notes)
    assert lines[-1] == "halt  # end"
    notes = list(image.notes)
    start = notes.index("scores of head 0")
    assert notes[start : start + 6] == [
        "scores of head 0",
        "scores of head 1",
        "probabilities of head 0",
        "probabilities of head 1",
        "context of head 0",
        "context of head 1",
    ]
