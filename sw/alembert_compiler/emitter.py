"""What every part of a program is emitted by: tensors, and the instructions that come often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alembert.config.isa import LENGTH, MemoryBase, Opcode, ResultKind

from .layout import ImageData, Words
from .linear_layer import LinearLayer
from .norm_layer import NormLayer
from .program import ProgramBuilder, Tensor, View
from .quantised_model import QuantisedModel, RescaleLayer

__all__ = ["Emitter", "OutputLayout"]


@dataclass(frozen=True, kw_only=True)
class OutputLayout:
    """Offsets in words of what a run writes, and of the second part of what it reads."""

    targets: int
    """Of the targets' positions in INPUT."""
    record_pitch: int
    """In OUTPUT, from 0."""
    hidden: int | None
    """Of the hidden states in OUTPUT, if they are kept."""
    hidden_pitch: int


class Emitter:
    """A program and the image's data, as they grow.

    Parameters
    ----------
    model : QuantisedModel
    data : ImageData
        Where weights are appended, each layer once.
    max_length, max_targets : int
        Most tokens, and most of them that an off-ramp looks at.
    output : OutputLayout
    is_pipelined : bool
        Heads and slices begin before the ones before them are done.
    """

    def __init__(
        self,
        model: QuantisedModel,
        data: ImageData,
        *,
        max_length: int,
        max_targets: int,
        output: OutputLayout,
        is_pipelined: bool,
    ) -> None:
        self.model, self.data, self.output = model, data, output
        self.lag = int(is_pipelined)
        """Heads or slices between one stage and the next."""
        self.max_length, self.max_targets = max_length, max_targets
        self.words = Words(model.machine)
        self.program = ProgramBuilder()
        self.emit = self.program.emit
        self.parameters: dict[str, Tensor] = {}
        """Of special functions, by name, once they are loaded."""
        self._offsets: dict[str, int] = {}

    @staticmethod
    def missing(fraction: int | None, wanted: int) -> int:
        """Fraction bits that wide numbers lack of those that their reader asks for, ``a_shift``."""
        return 0 if fraction is None else wanted - fraction

    def code_tensor(self, name: str, rows: int, count: int, alignment: int | None = None) -> Tensor:
        """Rows of ``count`` codes; aligned for the main array unless told otherwise."""
        alignment = self.words.main_alignment if alignment is None else alignment
        return self.program.tensor(name, rows, self.words.codes(count), alignment=alignment)

    def wide_tensor(self, name: str, rows: int, count: int) -> Tensor:
        """Rows of ``count`` wide numbers."""
        return self.program.tensor(name, rows, self.words.wides(count))

    def token_tensor(self, name: str, rows: int, count: int) -> tuple[Tensor, View]:
        """Rows of ``count`` codes with a scale each, and its view from the words with these on."""
        words, alignment = self.words.codes(count), self.words.main_alignment
        tensor = self.program.tensor(name, rows, words + 1, alignment=alignment)
        return tensor, tensor.at(words)

    def slice_width(self, columns: int) -> int:
        """Columns of a slice: whole words and tiles, 64 if there are so many, else a quarter."""
        unit = self.model.machine.word_codes
        return min(max(64 // unit, 1), -(-columns // (4 * unit))) * unit

    def take_turns(self, count: int, *stages: Callable[[int], None]) -> None:
        """Call every stage for 0 … count − 1, each stage ``lag`` numbers behind the one before."""
        for step in range(count + self.lag * (len(stages) - 1)):
            for place, stage in enumerate(stages):
                if 0 <= (index := step - place * self.lag) < count:
                    stage(index)

    def linear(
        self,
        layer: LinearLayer,
        note: str,
        a: Tensor,
        o: Tensor | View,
        kind: ResultKind,
        rows: int = LENGTH,
    ) -> None:
        """A linear layer from ``a`` to ``o``."""
        if layer.name not in self._offsets:
            self._offsets[layer.name] = self.data.add_layer(layer)
        self.emit(
            Opcode.LINEAR,
            note,
            o=o,
            a=a,
            rows=rows,
            columns=layer.columns,
            depth=layer.depth,
            kind=kind,
            memory_base=MemoryBase.IMAGE,
            memory_offset=self._offsets[layer.name],
        )

    def norm(
        self,
        norm: NormLayer,
        note: str,
        o: Tensor,
        a: Tensor,
        b: Tensor | None = None,
        rows: int = LENGTH,
    ) -> None:
        """A normalisation of wide ``a`` and codes ``b`` to codes ``o``."""
        self.emit(
            Opcode.LAYERNORM,
            note,
            o=o,
            a=a,
            b=b,
            p=self.parameters[norm.name],
            rows=rows,
            columns=norm.columns,
            kind=ResultKind.CODES,
            has_a=1,
            has_b=int(b is not None),
            b_multiplier=norm.b_multiplier,
            shift=norm.shift,
            epsilon=norm.epsilon,
            exponent=norm.exponent,
        )

    def rescaled(
        self,
        linear: LinearLayer,
        rescale: RescaleLayer,
        note: str,
        a: Tensor,
        largest: View,
        o: Tensor,
    ) -> None:
        """A linear layer of codes with a scale a token to wide ``o``, slice by slice: RESCALE of
        one runs beside the products of the next."""
        columns, width = linear.columns, self.slice_width(linear.columns)
        starts = range(0, columns, width)
        sums = [self.wide_tensor(f"sums {k} of {o.name}", o.rows, width) for k in starts]
        bias, lanes = self.parameters[rescale.name], self.model.machine.word_wides

        def multiply(index: int) -> None:
            first = starts[index]
            part = linear.slice(first, min(first + width, columns))
            self.linear(part, f"{note}, sums from {first}", a, sums[index], ResultKind.WIDE)

        def scale(index: int) -> None:
            first = starts[index]
            self.emit(
                Opcode.RESCALE,
                f"{note}, rescaled from {first}",
                o=o.at(first // lanes),
                a=sums[index],
                b=largest,
                p=bias.at(first // lanes),
                rows=LENGTH,
                columns=min(width, columns - first),
                kind=ResultKind.WIDE,
                has_b=1,
                multiplier=rescale.multiplier,
                shift=rescale.shift,
                has_bias=1,
            )

        self.take_turns(len(starts), multiply, scale)

    def load_parameters(self, name: str, content: bytes) -> None:
        """Parameters of a special function, to the scratchpad for the whole run."""
        words = self.words.bytes(len(content))
        tensor = self.parameters[name] = self.program.tensor(name, 1, words)
        self.emit(
            Opcode.LOAD,
            f"parameters of {name}",
            o=tensor,
            rows=1,
            columns=words,
            memory_base=MemoryBase.IMAGE,
            memory_offset=self.data.add(content),
        )
