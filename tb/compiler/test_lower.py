"""Programs: their order, lifetimes around loops, alignment, and what an image needs."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from alembert.config.isa import LENGTH, TARGETS, Instruction, Opcode, ResultKind
from alembert_compiler.classifier import Classifier
from alembert_compiler.compile import compile_quantised
from alembert_compiler.errors import CompileError
from alembert_compiler.image import Image
from alembert_compiler.program import ProgramBuilder
from alembert_compiler.quantise_model import quantise_model
from alembert_compiler.quantised_model import QuantisedModel
from alembert_compiler.tensor_names import PARTS
from alembert_golden.decoder import check, tensors
from alembert_golden.weights_layout import linear_words
from compiler.compiled_models import BERT, CONFIG, MACHINES, calibration_of, random_model

LONGEST, MOST = 20, 6


CASES = {
    **{name: (CONFIG, name, True, "static") for name in MACHINES},
    "bert": (BERT, "tiny", True, "static"),
    "bert_pooled": (BERT, "ternary", False, "static"),
    "token": (CONFIG, "edge16_int8", True, "token"),
    "bert_token": (BERT, "ternary", False, "token"),
}
"""Shape, machine, whether off-ramps are masked-language heads, and how activations are scaled."""


@pytest.fixture(scope="module", params=CASES)
def model(request: pytest.FixtureRequest) -> QuantisedModel:
    config, machine, is_masked, activations = CASES[request.param]
    made = random_model(config, PARTS[:4])
    return quantise_model(
        made,
        calibration_of(made),
        MACHINES[machine],
        classifier=None if is_masked else Classifier.of(made),
        activations=activations,
    )


def compiled(model: QuantisedModel) -> Image:
    most = MOST if model.is_masked else 1
    return compile_quantised(model, max_length=LONGEST, max_targets=most)


def resolved(instruction: Instruction) -> Instruction:
    """With the longest sentence and most targets in place of the registers."""
    values = dict(instruction.operands)
    for name in ("rows", "columns", "depth"):
        if name in values:
            values[name] = {LENGTH: LONGEST, TARGETS: MOST}.get(values[name], values[name])
    return Instruction(instruction.opcode, values)


def test_every_instruction_is_legal_and_aligned(model: QuantisedModel) -> None:
    machine = model.machine
    image = compiled(model)
    for instruction in map(resolved, image.program_code):
        check(instruction, machine)
        places = tensors(instruction, machine)
        assert all(rows.end <= image.scratchpad_words for rows in places.values())
        if instruction.operands.get("kind") == ResultKind.TOKEN:
            rows = places["o"]
            assert rows.words == -(-instruction["columns"] // machine.word_codes) + 1
            assert rows.stride >= rows.words
        if instruction.opcode not in (Opcode.LINEAR, Opcode.MATMUL):
            continue
        array = machine.arrays[instruction["unit"]]
        words = array.vmac.lanes // machine.word_codes
        for name in "ab" if instruction.opcode is Opcode.MATMUL else "a":
            assert places[name].address % words == places[name].stride % words == 0
            needed = -(-instruction["depth"] // array.vmac.lanes) * words
            assert places[name].stride >= needed
        if instruction.opcode is Opcode.LINEAR:
            depth, columns = instruction["depth"], instruction["columns"]
            end = instruction["memory_offset"] + linear_words(depth, columns, array, machine)
            assert end <= image.program


@pytest.mark.parametrize("is_tight", [False, True])
def test_nothing_is_overwritten_before_its_last_use(model: QuantisedModel, is_tight: bool) -> None:
    """Words that an instruction reads were last written for the tensor it means: two passes of a
    loop, or all that follow each other."""
    image = compiled(model)
    if is_tight:
        least = _least_words(model)
        small = replace(model.machine, scratchpad=replace(model.machine.scratchpad, words=least))
        tight = compiled(replace(model, machine=small))
        assert tight.scratchpad_words < image.scratchpad_words
        image = tight
    owner = np.full(model.machine.scratchpad.words, "", dtype=object)
    by_address = sorted((where[0], name) for name, where in image.scratchpad.items())
    code, notes = image.program_code, image.notes
    start = next(each["target"] for each in code if each.opcode is Opcode.LOOP)
    body = list(range(len(code)))
    own_pass = 1
    for number in body + body[start:] if model.is_loop else body:
        instruction = resolved(code[number])
        own_pass += instruction.opcode is Opcode.LOOP
        places = tensors(instruction, model.machine)
        for name in ("a", "b", "p"):
            if rows := places.get(name):
                step = rows.stride * np.arange(rows.count)[:, None] + np.arange(rows.words)
                names = set(owner[rows.address + step].ravel().tolist())
                assert len(names) == 1 and names != {""}, (notes[number], name, names)
                (found,) = names
                address, count, stride = image.scratchpad[found]
                assert address <= rows.address < address + count * stride
        if rows := places.get("o"):
            step = rows.stride * np.arange(rows.count)[:, None] + np.arange(rows.words)
            candidates = [
                name
                for address, name in by_address
                if address
                <= rows.address
                < address + image.scratchpad[name][1] * image.scratchpad[name][2]
                and image.scratchpad[name][2] == rows.stride
                and _makes(notes[number], name, "" if model.is_loop else f" of pass {own_pass}")
            ]
            assert len(candidates) == 1, (notes[number], candidates)
            owner[rows.address + step] = candidates[0]


def _least_words(model: QuantisedModel) -> int:
    """The smallest scratchpad that takes the model, from the refusal of one that does not."""
    banks = model.machine.scratchpad.banks
    small = replace(model.machine, scratchpad=replace(model.machine.scratchpad, words=2 * banks))
    with pytest.raises(CompileError, match="words of scratchpad") as caught:
        compiled(replace(model, machine=small))
    needed = int(str(caught.value).split()[3])
    return -(-needed // banks) * banks


def _makes(note: str, tensor: str, suffix: str) -> bool:
    """Whether an instruction with this note, of the pass with this suffix, writes the tensor."""
    if " of pass " in tensor and not tensor.endswith(suffix):
        return False
    tensor = tensor.removesuffix(suffix)
    table = {
        "word embeddings": "words",
        "position embeddings": "positions",
        "embeddings": "embedded",
        "first hidden states": "hidden",
        "output projection": "projection",
        "contexts": "context",
        "feed-forward": "ffn_sum",
        "GELU": "ffn_intermediate",
        "after attention": "ffn_input",
        "feed-forward output": "ffn_output",
        "hidden states": "hidden",
        "hidden states of the targets": "targets",
        "the head's dense layer": "head_sum",
        "the head's GELU": "head_dense",
        "the head's normalisation": "head_normalised",
        "early-exit test": "records",
        "the pooler's dense layer": "pooler_sum",
        "the pooler's tanh": "pooled",
    }
    if note.startswith("parameters of "):
        return tensor == note.removeprefix("parameters of ")
    if note.startswith("scores of"):
        return tensor == note.replace(" of head", "")
    if note.startswith("probabilities of"):
        return tensor == note.replace(" of head", "")
    if note.startswith("context of"):
        return tensor in ("context", "context sums")
    result, _, first = note.partition(", sums from ")
    if first:
        return tensor == f"sums {first} of {table[result]}"
    if ", rescaled from " in note:
        return tensor == table[note.partition(", rescaled")[0]]
    if note.startswith("feed-forward, columns"):
        return tensor == note.replace("feed-forward, columns from", "ffn_sum")
    if note.startswith("GELU, columns"):
        return tensor == "ffn_intermediate"
    return tensor == table.get(note, note)


def test_order_lets_units_work_side_by_side(model: QuantisedModel) -> None:
    """No instruction needs the one right before it, where two units take turns."""
    image = compiled(model)
    notes = list(image.notes[: image.notes.index("next pass")])
    kinds = {"scores": "S", "probabilities": "P", "context": "C"}
    order = [
        kinds[note.split(" ")[0]] + note[-1]
        for note in notes
        if note.split(" ")[0] in kinds and "head" in note
    ]
    assert order == ["S0", "S1", "P0", "P1", "C0", "C1"]
    if model.layers[0].ffn_rescale is not None:
        steps = [note for note in notes if note.startswith("feed-forward output, ")]
        kinds = [note.split(" ")[2] for note in steps]
        assert kinds == ["sums", "sums", "rescaled", "rescaled"]
        return
    slices = [note for note in notes if "columns from" in note]
    firsts = [int(note.rsplit(" ", 1)[1]) for note in slices]
    assert slices[0].startswith("feed-forward") and slices[1].startswith("feed-forward")
    assert slices[2] == "GELU, columns from 0" and firsts[2] == 0
    assert max(firsts) < CONFIG.intermediate_size
    for (first, note), (second, _) in pairwise(zip(image.program_code, notes)):
        if (first.opcode, second.opcode) == (Opcode.LINEAR, Opcode.GELU):
            assert (first["o_address"] == second["a_address"]) == ("head" in note)


def test_lifetimes_around_a_loop() -> None:
    program = ProgramBuilder()
    carried = program.tensor("carried", 1, 4)
    outer = program.tensor("outer", 1, 4)
    inner = program.tensor("inner", 1, 4)
    late = program.tensor("late", 1, 4)
    shape = {"rows": 1, "columns": 8, "kind": ResultKind.WIDE}
    program.emit(Opcode.LOAD, o=outer, rows=1, columns=4)
    program.emit(Opcode.LOAD, o=carried, rows=1, columns=4)
    program.label("start")
    program.emit(Opcode.GELU, o=inner, a=carried, **shape)
    program.emit(Opcode.GELU, o=carried, a=outer, **shape)
    program.emit(Opcode.GELU, o=late, a=inner, **shape)
    program.emit(Opcode.STORE, a=late, rows=1, columns=4)
    program.emit(Opcode.LOOP, target="start", count=2)
    placed = program.place(linger=0)
    places = {name: address for name, (address, _, _) in placed.tensors.items()}
    assert len({places["carried"], places["outer"], places["inner"]}) == 3
    assert placed.words == 16 and placed.instructions[-1]["target"] == 2
    with pytest.raises(KeyError, match="there is a tensor inner already"):
        program.tensor("inner", 1, 1)


def test_views_of_columns_reserve_what_their_instructions_claim() -> None:
    program = ProgramBuilder()
    tensor, other = program.tensor("tensor", 4, 8), program.tensor("other", 1, 1)
    program.emit(Opcode.STORE, a=other, rows=1, columns=1)
    program.emit(Opcode.GELU, o=tensor.at(6), a=tensor, rows=4, columns=4, kind=ResultKind.CODES)
    program.emit(Opcode.STORE, a=tensor.row(2), rows=2, columns=8)
    placed = program.place(linger=0)
    assert placed.words == 38  # 4 rows of 8, and 6 beyond
    address = placed.tensors["tensor"][0]
    assert placed.instructions[1]["o_address"] == address + 6
    assert placed.instructions[2]["a_address"] == address + 16


def test_operands_that_do_not_fit() -> None:
    program = ProgramBuilder()
    program.emit(Opcode.LOAD, "a row", o=program.tensor("wide", 1, 5000), rows=1, columns=5000)
    with pytest.raises(CompileError) as caught:
        program.place(linger=0)
    assert str(caught.value) == ("a row: load: o_stride must be between 0 and 4095, not 5000")
