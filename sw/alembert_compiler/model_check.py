"""What a machine can run at all: dimensions, lengths, classifiers."""

from __future__ import annotations

from alembert.config.machine import MachineConfig

from .classifier import Classifier
from .errors import CompileError
from .model_config import ModelConfig

__all__ = ["check_classifier", "check_shape", "check_sizes", "longest_sentence"]


def longest_sentence(config: ModelConfig, machine: MachineConfig) -> int:
    """Tokens that a model and a machine allow; the scratchpad may have less room."""
    return min(config.max_position_embeddings, machine.longest_row, machine.products.vmac.max_depth)


def check_shape(
    config: ModelConfig, machine: MachineConfig, *, classes: int, least: int = 2
) -> None:
    """Refuse what no choice of numbers or addresses makes run.

    ``least`` classes is 1 of a classifier: one output is a value, and never an early exit.

    Raises
    ------
    CompileError
        A dimension is not one that the machine's arrays and rows are made for.
    """
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
    if not least <= classes <= machine.max_classes:
        raise CompileError(
            f"an off-ramp must have {least}…{machine.max_classes} classes, not {classes}"
        )


def check_classifier(classifier: Classifier, config: ModelConfig, machine: MachineConfig) -> None:
    """Refuse a classifier that is not the model's.

    Raises
    ------
    CompileError
        Its width, or how many layers it has, is not the model's.
    """
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


def check_sizes(
    config: ModelConfig,
    machine: MachineConfig,
    *,
    is_masked: bool,
    max_length: int,
    max_targets: int,
) -> None:
    """Refuse lengths and targets that the model or the machine does not take.

    Raises
    ------
    CompileError
        One is out of its range.
    """
    longest = longest_sentence(config, machine)
    if not 1 <= max_length <= longest:
        raise CompileError(f"max_length must be between 1 and {longest}, not {max_length}")
    most = max_length if is_masked else 1
    if not 1 <= max_targets <= most:
        raise CompileError(f"max_targets must be between 1 and {most}, not {max_targets}")
