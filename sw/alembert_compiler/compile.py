"""The compiler's front: a float32 model to an image that a machine runs."""

from __future__ import annotations

from alembert.config.machine import MachineConfig
from numpy.typing import ArrayLike

from .assembler import to_bytes
from .calibrate import Calibration
from .classifier import Classifier
from .emitter import OutputLayout
from .errors import CompileError
from .image import Image
from .layout import ImageData, Words
from .lower import lower
from .model import Model
from .model_config import ModelConfig
from .program import PlacedProgram
from .quantisation import Quantisation
from .quantise_model import quantise_model
from .quantised_model import QuantisedModel

__all__ = ["compile_model", "compile_quantised", "longest_sentence"]

_ATTEMPTS = ((True, 6), (True, 2), (True, 0), (False, 0))
"""Whether special functions run beside products, and for how many instructions words are kept from
being used again: what overlaps most first, and what fits is taken."""


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
    _check_model(model.config, machine, classifier)
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


def longest_sentence(config: ModelConfig, machine: MachineConfig) -> int:
    """Tokens that a model and a machine allow; the scratchpad may have less room."""
    return min(config.max_position_embeddings, machine.longest_row, machine.products.vmac.max_depth)


def compile_quantised(
    model: QuantisedModel, *, max_length: int, max_targets: int = 1, keep_hidden: bool = False
) -> Image:
    """The image of a model that is quantised already; parameters as :func:`compile_model`."""
    machine, config = model.machine, model.config
    _check_sizes(model, max_length, max_targets)
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
    needed = []
    for is_pipelined, linger in _ATTEMPTS:
        data = ImageData(Words(model.machine))
        program = lower(
            model,
            data,
            max_length=max_length,
            max_targets=max_targets,
            output=output,
            is_pipelined=is_pipelined,
        )
        placed = program.place(linger=linger)
        if placed.words <= model.machine.scratchpad.words:
            return data, placed
        needed.append(placed.words)
    raise CompileError(
        f"the model needs {min(needed)} words of scratchpad for {max_length} tokens and "
        f"{max_targets} targets; the machine has {model.machine.scratchpad.words}"
    )


def _check_model(
    config: ModelConfig, machine: MachineConfig, classifier: Classifier | None
) -> None:
    """Refuse what no choice of numbers or addresses makes run."""
    products = machine.products.vmac
    lanes = max(products.lanes, machine.word_codes)
    if config.head_size % lanes:
        raise CompileError(
            f"the size of an attention head must be a multiple of {lanes}, whole words that the "
            f"array reads side by side, not {config.head_size}"
        )
    if machine.main.vmacs != machine.word_codes:
        raise CompileError(
            f"the main array must have {machine.word_codes} VMACs, as many as a word has codes, to "
            f"write values as columns, not {machine.main.vmacs}"
        )
    if config.head_size > products.max_depth:
        raise CompileError(
            f"the size of an attention head must be at most {products.max_depth}, which the "
            f"array's accumulators are made for, not {config.head_size}"
        )
    for name in ("hidden_size", "embedding_size"):
        if getattr(config, name) > machine.longest_row:
            raise CompileError(
                f"{name} must be at most the {machine.longest_row} values of the longest row, "
                f"not {getattr(config, name)}"
            )
    # one output is a value, and never an early exit: it has no entropy
    least, classes = (2, config.vocab_size) if classifier is None else (1, classifier.classes)
    if not least <= classes <= machine.max_classes:
        raise CompileError(
            f"an off-ramp must have {least}…{machine.max_classes} classes, not {classes}"
        )
    if classifier is None:
        return
    width, passes = classifier.hidden_width, config.num_hidden_layers
    if width != config.hidden_size:
        raise CompileError(
            f"a classifier's layers must take the {config.hidden_size} values of a hidden state, "
            f"not {width}"
        )
    for name, given in (("classifier", classifier.layers), ("pooler", classifier.poolers)):
        if given and len(given) not in (1, passes):
            raise CompileError(
                f"there must be one {name}, or one for each of the {passes} passes, "
                f"not {len(given)}"
            )
    if classifier.poolers and classifier.width > machine.longest_row:
        raise CompileError(
            f"a pooler must have at most the {machine.longest_row} values of the longest row, "
            f"not {classifier.width}"
        )


def _check_sizes(model: QuantisedModel, max_length: int, max_targets: int) -> None:
    machine, config = model.machine, model.config
    longest = longest_sentence(config, machine)
    if not 1 <= max_length <= longest:
        raise CompileError(f"max_length must be between 1 and {longest}, not {max_length}")
    most = max_length if model.is_masked else 1
    if not 1 <= max_targets <= most:
        raise CompileError(f"max_targets must be between 1 and {most}, not {max_targets}")
