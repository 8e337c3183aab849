"""The compiler's front: a float32 model to an image that a machine runs."""

from __future__ import annotations

from dataclasses import replace

from alembert.config.machine import MachineConfig
from numpy.typing import ArrayLike

from .assembler import to_bytes
from .blank_model import blank_model
from .calibrate import Calibration
from .classifier import Classifier
from .emitter import OutputLayout
from .errors import CompileError
from .fit import fit, program_of, refusal
from .image import Image
from .layout import ImageData, Words
from .lower import lower
from .model import Model
from .model_check import check_classifier, check_shape, check_sizes, longest_sentence
from .model_config import ModelConfig
from .program import PlacedProgram, ProgramBuilder
from .quantisation import Quantisation
from .quantise_model import quantise_model
from .quantised_model import QuantisedModel

__all__ = ["compile_model", "compile_quantised", "longest_sentence"]


def compile_model(
    model: Model,
    machine: MachineConfig,
    calibration: Calibration,
    *,
    max_length: int,
    max_targets: int = 1,
    head: str | Classifier = "mlm",
    spans: ArrayLike | None = None,
    activations: str | None = None,
    quantisation: Quantisation | None = None,
    keep_hidden: bool = False,
) -> Image:
    """Quantise a model, choose addresses, and put program and weights into an image.

    Parameters
    ----------
    model : Model
        In float32.
    machine : MachineConfig
        What shall run it.
    calibration : Calibration
        Of this model; see :func:`alembert_compiler.calibrate.calibrate`.
    max_length : int
        Most tokens of a sentence.
    max_targets : int
        Most tokens that an off-ramp looks at; 1 with a classifier.
    head : str or Classifier
        The off-ramps: "mlm" for the model's masked-language head, "classifier" for its classifier,
        or another classifier on token 0.
    spans : array of int, optional
        How far heads see, as in the calibration: [heads], or [layers, heads] where every pass has
        a layer of its own. Keys at a distance of a span or more are masked; 0 masks none.
    activations : str, optional
        "static": the scales of codes are those of the calibration. "token": contexts, and what
        GELU makes, are scaled by each row's largest magnitude instead; where codes are INT8.
        In place of the quantisation's.
    quantisation : Quantisation, optional
        How tensors are rounded; weights that a checkpoint gives as codes stay as they are.
    keep_hidden : bool
        Hidden states of every pass are stored in OUTPUT, too.

    Raises
    ------
    CompileError
        The machine cannot run it: the message names the rule and the number that breaks it.
    """
    if isinstance(head, str) and head not in ("mlm", "classifier"):
        raise CompileError(f"head must be 'mlm', 'classifier' or a Classifier, not {head!r}")
    classifier = None if head == "mlm" else Classifier.of(model) if head == "classifier" else head
    classes = model.config.vocab_size if classifier is None else classifier.classes
    check_shape(model.config, machine, classes=classes, least=2 if classifier is None else 1)
    if classifier is not None:
        check_classifier(classifier, model.config, machine)
    check_sizes(
        model.config,
        machine,
        is_masked=classifier is None,
        max_length=max_length,
        max_targets=max_targets,
    )
    chosen = quantisation or Quantisation()
    _check_room(
        model.config,
        machine,
        classifier,
        is_token=(activations or chosen.activations) == "token",
        max_length=max_length,
        max_targets=max_targets,
    )
    quantised = quantise_model(
        model,
        calibration,
        machine,
        classifier=classifier,
        spans=spans,
        activations=activations,
        quantisation=quantisation,
    )
    return compile_quantised(
        quantised, max_length=max_length, max_targets=max_targets, keep_hidden=keep_hidden
    )


def compile_quantised(
    model: QuantisedModel, *, max_length: int, max_targets: int = 1, keep_hidden: bool = False
) -> Image:
    """The image of a model that is quantised already; parameters as :func:`compile_model`."""
    machine, config = model.machine, model.config
    check_sizes(
        config,
        machine,
        is_masked=model.is_masked,
        max_length=max_length,
        max_targets=max_targets,
    )
    words = Words(machine)
    target_words = words.bytes(4 * max_targets) if model.is_masked else 0
    id_words = words.bytes(4 * max_length)
    hidden_words = words.codes(config.hidden_size)
    records = config.num_hidden_layers * max_targets * words.record
    output = OutputLayout(
        targets=id_words,
        record_pitch=max_targets * words.record,
        hidden=records if keep_hidden else None,
        hidden_pitch=max_length * hidden_words,
    )
    states = config.num_hidden_layers * output.hidden_pitch if keep_hidden else 0
    data, placed = _place(model, max_length, max_targets, output)
    program = data.add(to_bytes(placed.instructions))
    return Image(
        data=data.content,
        machine=machine.describe(),
        program=program,
        instructions=len(placed.instructions),
        notes=placed.notes,
        word_bytes=machine.word_bytes,
        passes=config.num_hidden_layers,
        max_length=max_length,
        max_targets=max_targets,
        vocabulary=config.vocab_size,
        targets=id_words if model.is_masked else None,
        input_words=id_words + target_words,
        output_words=records + states,
        scratch_words=max_length * hidden_words if model.is_masked else 0,
        record_words=words.record,
        record_pitch=output.record_pitch,
        hidden=output.hidden,
        hidden_words=hidden_words,
        hidden_pitch=output.hidden_pitch,
        values=_values(model, output),
        hidden_scales=tuple(
            float(model.layer_of(index).scales["output"][0])
            for index in range(config.num_hidden_layers)
        ),
        scratchpad=placed.tensors,
        scratchpad_words=placed.words,
    )


def _values(model: QuantisedModel, output: OutputLayout) -> tuple[tuple[int, int], ...]:
    """Where OUTPUT has the values of a model with one output, and their fraction bits."""
    fractions = [ramp.value_fraction for ramp in model.off_ramps]
    return tuple(
        (index * output.record_pitch, fraction)
        for index in range(model.config.num_hidden_layers)
        if (fraction := fractions[index % len(fractions)]) is not None
    )


def _place(
    model: QuantisedModel, max_length: int, max_targets: int, output: OutputLayout
) -> tuple[ImageData, PlacedProgram]:
    """The program that overlaps most of those that fit, and the data it refers to."""

    def build(is_pipelined: bool) -> tuple[ImageData, ProgramBuilder]:
        data = ImageData(Words(model.machine))
        program = lower(
            model,
            data,
            max_length=max_length,
            max_targets=max_targets,
            output=output,
            is_pipelined=is_pipelined,
        )
        return data, program

    found = fit(build, model.machine.scratchpad.words)
    if not found.fits:
        raise CompileError(refusal(model, found.needed, length=max_length, targets=max_targets))
    return found.data, found.program


def _check_room(
    config: ModelConfig,
    machine: MachineConfig,
    classifier: Classifier | None,
    *,
    is_token: bool,
    max_length: int,
    max_targets: int,
) -> None:
    """Refuse what the scratchpad has no room for, whatever quantisation will make of the numbers:
    that takes minutes, and a shape none. Two passes need as many words as all of them."""
    config = replace(config, num_hidden_layers=min(2, config.num_hidden_layers))
    off_ramps = 1
    if classifier is not None and config.shares_layers:
        off_ramps = max(len(classifier.layers), len(classifier.poolers))
    shapes = [
        blank_model(
            config,
            machine,
            classes=None if classifier is None else classifier.classes,
            pooled=classifier.width if classifier is not None and classifier.poolers else None,
            off_ramps=off_ramps,
            is_token=is_token,
            has_lifts=has_lifts,
        )
        for has_lifts in (True, False)
    ]
    found = [program_of(shape, length=max_length, targets=max_targets) for shape in shapes]
    if not any(each.fits for each in found):
        raise CompileError(
            refusal(shapes[0], found[0].needed, length=max_length, targets=max_targets)
        )
