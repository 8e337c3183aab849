"""What a host puts into a machine's memory, and what it needs to know to use it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from alembert.config.isa import INSTRUCTION_BYTES, Instruction, Opcode
from numpy.typing import ArrayLike, NDArray

from .assembler import disassemble, from_bytes
from .errors import CompileError
from .image_description import parse_description
from .image_file import ImageError, read_image_file, write_image_file

__all__ = ["RECORD", "Image", "ImageError"]

RECORD = np.dtype([("class", "<u2"), ("exit", "?"), ("fault", "u1"), ("entropy", "<f8")])
"""An early-exit test of a row: the largest logit's class, whether the entropy is below the
threshold, the comparator's fault, the entropy in nats."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """A compiled model.

    Offsets are in words from the base register of the region.

    Parameters
    ----------
    data : bytes or memoryview
        The IMAGE region; a view of bytes where a file is mapped.
    machine : dict
        The machine's configuration in plain values.
    program : int
        Offset of the first instruction in IMAGE.
    instructions : int
        How many there are.
    notes : tuple of str
        What each of them is for.
    word_bytes : int
        Bytes of a word.
    passes : int
        Passes at most.
    max_length, max_targets : int
        Most tokens, and most of them that an off-ramp looks at.
    vocabulary : int
        Token ids are below this.
    targets : int or None
        Offset of the targets' positions in INPUT; the ids are at 0. None where the only target is
        token 0.
    input_words, output_words, scratch_words : int
        Sizes of the regions.
    record_words, record_pitch : int
        Words of a record; words from one pass's records to the next's, in OUTPUT from 0.
    hidden : int or None
        Offset in OUTPUT of the hidden states after the first pass, if they are kept.
    hidden_words, hidden_pitch : int
        Words of a token's hidden state; from one pass's to the next's.
    hidden_scales : tuple of float
        What an integer 1 of a hidden state's code stands for, behind every pass.
    values : tuple of (int, int)
        Of a model with one output, behind every pass: the value's offset in OUTPUT, and its
        fraction bits. Empty of one with classes.
    scratchpad : dict
        Address, rows and stride of every tensor in the scratchpad, by name.
    scratchpad_words : int
        Words of the scratchpad that are used.
    """

    data: bytes | memoryview
    machine: dict[str, Any]
    program: int
    instructions: int
    notes: tuple[str, ...]
    word_bytes: int
    passes: int
    max_length: int
    max_targets: int
    vocabulary: int
    targets: int | None
    input_words: int
    output_words: int
    scratch_words: int
    record_words: int
    record_pitch: int
    hidden: int | None
    hidden_words: int
    hidden_pitch: int
    hidden_scales: tuple[float, ...]
    values: tuple[tuple[int, int], ...] = ()
    scratchpad: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    scratchpad_words: int = 0

    @property
    def program_code(self) -> list[Instruction]:
        """The program's instructions."""
        start = self.program * self.word_bytes
        return from_bytes(bytes(self.data[start : start + self.instructions * INSTRUCTION_BYTES]))

    @property
    def classes(self) -> int:
        """Logits of an off-ramp; the largest number, should its early-exit tests differ."""
        tests = (each for each in self.program_code if each.opcode is Opcode.ENTROPY)
        return max((each.operands["columns"] for each in tests), default=0)

    @property
    def listing(self) -> str:
        """The program as text, an instruction a line, and what each is for."""
        lines = disassemble(self.program_code).splitlines()
        return "".join(f"{line}  # {note}\n" for line, note in zip(lines, self.notes))

    def input_bytes(self, token_ids: ArrayLike, targets: ArrayLike = ()) -> NDArray[np.uint8]:
        """The INPUT region of a batch of sentences.

        Parameters
        ----------
        token_ids : array of int, [T] or [B, T]
        targets : array of int, [n] or [B, n]
            Positions of the tokens that off-ramps look at; none for a classifier.

        Returns
        -------
        array of uint8, [bytes] or [B, bytes]

        Raises
        ------
        CompileError
            There are too many tokens or targets, or too few, or a number is out of its range.
        """
        ids, places = np.asarray(token_ids), np.asarray(targets, dtype=np.int64)
        _require_numbers("token ids", ids, self.max_length, self.vocabulary)
        region = np.zeros((*ids.shape[:-1], self.input_words * self.word_bytes), dtype=np.uint8)
        region[..., : 4 * ids.shape[-1]] = _as_bytes(ids)
        if self.targets is not None:
            _require_numbers("targets", places, self.max_targets, ids.shape[-1])
            start = self.targets * self.word_bytes
            region[..., start : start + 4 * places.shape[-1]] = _as_bytes(places)
        elif places.size:
            raise CompileError(f"a classifier looks at token 0 alone, not at {places.size} targets")
        return region

    def records(self, output: NDArray[np.uint8], targets: int) -> NDArray[np.void]:
        """What the off-ramps left in the OUTPUT region, for every pass: [..., passes, targets]."""
        words = output[..., : self.passes * self.record_pitch * self.word_bytes]
        shape = (*output.shape[:-1], self.passes, -1)
        rows = words.reshape(shape)[..., : targets * self.record_words * self.word_bytes]
        rows = rows.reshape(*rows.shape[:-1], targets, -1)[..., :8]
        bits = np.ascontiguousarray(rows).view("<u8")[..., 0]
        found = np.empty(bits.shape, dtype=RECORD)
        found["class"] = bits & 0xFFFF
        found["exit"] = bits >> 16 & 1
        found["fault"] = bits >> 17 & 7
        found["entropy"] = np.ldexp((bits >> 32 & 0x7FFFF).astype(np.float64), -16)
        return found

    def hidden_codes(self, output: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
        """The kept hidden states, bytes of codes [..., passes, length, codes of whole words].

        Raises
        ------
        CompileError
            The image keeps none.
        """
        if self.hidden is None:
            raise CompileError("the image keeps no hidden states")
        start = self.hidden * self.word_bytes
        size = self.passes * self.hidden_pitch * self.word_bytes
        states = output[..., start : start + size].reshape(*output.shape[:-1], self.passes, -1)
        width = self.hidden_words * self.word_bytes
        return states[..., : length * width].reshape(*states.shape[:-1], length, width)

    def outputs(self, output: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The values that a model with one output left in the OUTPUT region: [..., passes].

        Raises
        ------
        CompileError
            It has classes.
        """
        if not self.values:
            raise CompileError("the model has classes: its off-ramps leave records, no values")
        places = [offset * self.word_bytes for offset, _ in self.values]
        stored = np.stack([output[..., place : place + 2] for place in places], axis=-2)
        wide = np.ascontiguousarray(stored).view("<i2")[..., 0]
        return np.ldexp(wide.astype(np.float64), [-fraction for _, fraction in self.values])

    def save(self, path: Path) -> None:
        """Write the image to a file, whole or not at all; see :mod:`.image_file` for its layout.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        names = (each.name for each in fields(self) if each.name != "data")
        description = {name: getattr(self, name) for name in names}
        if not self.values:  # files of models with classes have never had it
            del description["values"]
        write_image_file(path, json.dumps(description, sort_keys=True).encode(), self.data)

    @classmethod
    def load(cls, path: Path, *, mapped: bool = False) -> Image:
        """Read an image from a file.

        Parameters
        ----------
        path : Path
        mapped : bool
            The data is not copied: it is a read-only view of the file in memory, which must not be
            written to as long as the image is used. To replace it is safe.

        Raises
        ------
        ImageError
            The file cannot be read, is no image, of another version or instruction set, shorter or
            longer than it should be, or damaged; or its description is not an image's.
        """
        text, data = read_image_file(path, mapped=mapped)
        try:
            values = parse_description(text, len(data))
        except ValueError as error:
            raise ImageError(f"{path.name} is damaged: {error}") from error
        for name in ("notes", "hidden_scales"):
            values[name] = tuple(values[name])
        values["values"] = tuple(map(tuple, values.get("values", ())))
        values["scratchpad"] = {k: tuple(v) for k, v in values["scratchpad"].items()}
        return cls(data=data, **values)


def _as_bytes(numbers: NDArray) -> NDArray[np.uint8]:
    """32 bits each, little-endian, along the last axis."""
    return np.ascontiguousarray(numbers.astype("<u4")).view(np.uint8)


def _require_numbers(name: str, numbers: NDArray, most: int, limit: int) -> None:
    count = numbers.shape[-1] if numbers.ndim else 0
    if not 1 <= count <= most:
        raise CompileError(f"there must be 1…{most} {name}, not {count}")
    if numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= limit:
        raise CompileError(
            f"{name} must be ints between 0 and {limit - 1}, not {numbers.min()}…{numbers.max()}"
        )
