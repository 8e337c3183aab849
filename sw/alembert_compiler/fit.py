"""Whether a program fits a machine's scratchpad, and which: overlap is given up for room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from alembert_golden.weights_layout import linear_words

from .emitter import OutputLayout
from .errors import CompileError
from .layout import ImageData, Words
from .linear_layer import LinearLayer
from .lower import lower
from .program import PlacedProgram, ProgramBuilder
from .quantised_model import QuantisedModel

__all__ = ["FitWarning", "Fitted", "Sizes", "fit", "longest_that_fits", "program_of", "refusal"]

_ATTEMPTS = ((True, 6), (True, 2), (True, 0), (False, 0))
"""Whether special functions run beside products, and for how many instructions words are kept from
being used again: what overlaps most first, and what fits is taken."""

Data = TypeVar("Data", bound=ImageData)


class FitWarning(UserWarning):
    """Cycles are predicted of a program for which the scratchpad has no room."""


class Sizes(ImageData):
    """Offsets in an image of which nothing is kept."""

    def __init__(self, words: Words) -> None:
        super().__init__(words)
        self._end = 0

    def _skip(self, words: int) -> int:
        offset, self._end = self._end, self._end + words
        return offset

    def add(self, part: bytes) -> int:
        return self._skip(self._words.bytes(len(part)))

    def add_layer(self, layer: LinearLayer) -> int:
        machine = self._words.machine
        return self._skip(linear_words(layer.depth, layer.columns, machine.main, machine))


@dataclass(frozen=True, kw_only=True)
class Fitted(Generic[Data]):
    """The program that overlaps most of those that fit; of all, if none does.

    Parameters
    ----------
    program : PlacedProgram
    data : ImageData
        What it refers to.
    needed : int
        Words of scratchpad: the program's, or if none fits the fewest that one takes.
    fits : bool
    """

    program: PlacedProgram
    data: Data
    needed: int
    fits: bool


def fit(build: Callable[[bool], tuple[Data, ProgramBuilder]], words: int) -> Fitted[Data]:
    """Choose the program that overlaps most of those that fit.

    Parameters
    ----------
    build : callable
        Makes the program, told whether special functions run beside products.
    words : int
        Of the scratchpad.

    Raises
    ------
    CompileError
        An operand does not fit its field, whatever is tried.
    """
    found: list[tuple[PlacedProgram, Data]] = []
    refused: CompileError | None = None
    for is_pipelined, linger in _ATTEMPTS:
        data, builder = build(is_pipelined)
        try:
            program = builder.place(linger=linger)
        except CompileError as error:  # an address beyond what an instruction can name
            refused = error
            continue
        if program.words <= words:
            return Fitted(program=program, data=data, needed=program.words, fits=True)
        found.append((program, data))
    if not found:
        assert refused is not None
        raise refused
    program, data = found[0]
    needed = min(each.words for each, _ in found)
    return Fitted(program=program, data=data, needed=needed, fits=False)


def program_of(model: QuantisedModel, *, length: int, targets: int) -> Fitted[Sizes]:
    """The program of a model, without an image.

    Raises
    ------
    CompileError
        An operand does not fit its field.
    """
    words = Words(model.machine)
    output = OutputLayout(targets=0, record_pitch=words.record, hidden=None, hidden_pitch=0)

    def build(is_pipelined: bool) -> tuple[Sizes, ProgramBuilder]:
        data = Sizes(words)
        program = lower(
            model,
            data,
            max_length=length,
            max_targets=targets,
            output=output,
            is_pipelined=is_pipelined,
        )
        return data, program

    return fit(build, model.machine.scratchpad.words)


def longest_that_fits(model: QuantisedModel, *, targets: int, below: int) -> int:
    """Tokens, fewer than ``below``, for which there is a program that fits; 0: there is none.

    By halving: longer sentences need more words, and two passes as many as all of them.
    """
    config = replace(model.config, num_hidden_layers=min(2, model.config.num_hidden_layers))
    # the table of words takes its time, and moves no address
    shape = replace(model, config=config, layers=model.layers[:2], words=model.words[:1])
    most, too_long = 0, below
    while most + 1 < too_long:
        length = (most + too_long) // 2
        try:
            fits = program_of(shape, length=length, targets=min(targets, length)).fits
        except CompileError:
            fits = False
        most, too_long = (length, too_long) if fits else (most, length)
    return most


def refusal(model: QuantisedModel, needed: int, *, length: int, targets: int) -> str:
    """Why a model does not fit, and how long sentences may be."""
    longest = longest_that_fits(model, targets=targets, below=length)
    return (
        f"the model needs {needed} words of scratchpad for {length} tokens and {targets} targets; "
        f"the machine has {model.machine.scratchpad.words}, room for "
        + ("one token" if longest == 1 else f"{longest} tokens" if longest else "none")
    )
