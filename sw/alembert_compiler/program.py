"""A program under construction: instructions that name tensors, which get their addresses last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alembert.config.isa import Instruction, Opcode

from .allocate import Lifetime, allocate, words_needed
from .errors import CompileError

__all__ = ["PlacedProgram", "ProgramBuilder", "Tensor", "View"]

_RESULTS = ("o",)
_ROLES = ("o", "a", "b", "p")


@dataclass(eq=False)
class Tensor:
    """Rows of words in the scratchpad.

    Parameters
    ----------
    name : str
        For messages and listings.
    rows : int
        At most.
    stride : int
        Words from a row to the next.
    alignment : int
        Words; the address is a multiple of it.
    """

    name: str
    rows: int
    stride: int
    alignment: int = 1

    def at(self, words: int) -> View:
        """The tensor from a word of every row on."""
        return View(self, words)

    def row(self, number: int) -> View:
        """The tensor from a row on."""
        return View(self, number * self.stride)


@dataclass(frozen=True)
class View:
    """A tensor from some word on."""

    tensor: Tensor
    words: int = 0


@dataclass(frozen=True, kw_only=True)
class PlacedProgram:
    """A program with its addresses."""

    instructions: tuple[Instruction, ...]
    notes: tuple[str, ...]
    """What each instruction is for."""
    tensors: dict[str, tuple[int, int, int]]
    """Address, rows and stride by name."""
    words: int
    """Of the scratchpad, from 0."""


@dataclass
class _Pending:
    opcode: Opcode
    operands: dict[str, int]
    views: dict[str, View]
    note: str
    target: str | None


@dataclass
class ProgramBuilder:
    """Collects instructions; labels stand for the instruction that follows."""

    _pending: list[_Pending] = field(default_factory=list)
    _labels: dict[str, int] = field(default_factory=dict)
    _tensors: dict[str, Tensor] = field(default_factory=dict)

    def tensor(self, name: str, rows: int, words: int, *, alignment: int = 1) -> Tensor:
        """A tensor of rows of ``words`` words, each row at a multiple of ``alignment`` words."""
        stride = -(-words // alignment) * alignment
        made = Tensor(name, rows, stride, alignment)
        if name in self._tensors:
            raise KeyError(f"there is a tensor {name} already")
        self._tensors[name] = made
        return made

    def label(self, name: str) -> None:
        """Name the next instruction."""
        self._labels[name] = len(self._pending)

    def emit(
        self,
        opcode: Opcode,
        note: str = "",
        *,
        target: str | None = None,
        o: Tensor | View | None = None,
        a: Tensor | View | None = None,
        b: Tensor | View | None = None,
        p: Tensor | View | None = None,
        **operands: int,
    ) -> None:
        """Append an instruction; ``o``, ``a``, ``b`` and ``p`` stand for addresses and strides."""
        views: dict[str, View] = {}
        for role, given in zip(_ROLES, (o, a, b, p)):
            if given is not None:
                views[role] = View(given) if isinstance(given, Tensor) else given
        self._pending.append(_Pending(opcode, operands, views, note, target))

    def place(self, *, linger: int) -> PlacedProgram:
        """Choose addresses, and resolve labels.

        Raises
        ------
        CompileError
            An operand does not fit its field.
        """
        tensors = list(self._tensors.values())
        lifetimes = [self._lifetime(tensor) for tensor in tensors]
        addresses = allocate(lifetimes, linger=linger)
        where = {tensor.name: address for tensor, address in zip(tensors, addresses)}
        instructions = []
        for each in self._pending:
            try:
                instructions.append(Instruction(each.opcode, self._operands(each, where)))
            except ValueError as error:
                raise CompileError(f"{each.note or 'the program'}: {error}") from None
        return PlacedProgram(
            instructions=tuple(instructions),
            notes=tuple(each.note for each in self._pending),
            tensors={t.name: (where[t.name], t.rows, t.stride) for t in tensors},
            words=words_needed(lifetimes, addresses),
        )

    def _operands(self, each: _Pending, where: dict[str, int]) -> dict[str, int]:
        operands = dict(each.operands)
        if each.target is not None:
            operands["target"] = self._labels[each.target]
        for role, view in each.views.items():
            operands[f"{role}_address"] = where[view.tensor.name] + view.words
            if role != "p":
                operands[f"{role}_stride"] = view.tensor.stride
        return operands

    def _uses(self, tensor: Tensor) -> list[tuple[int, str, View]]:
        return [
            (index, role, view)
            for index, each in enumerate(self._pending)
            for role, view in each.views.items()
            if view.tensor is tensor
        ]

    def _lifetime(self, tensor: Tensor) -> Lifetime:
        """From the first use to the last, and throughout every loop that it is carried around."""
        uses = self._uses(tensor)
        first, last = uses[0][0], uses[-1][0]
        changed = True
        while changed:
            changed = False
            for start, end in self._loops():
                inside = [role for index, role, _ in uses if start <= index <= end]
                if not inside:
                    continue
                # read before it is written: the value came from before, or from the pass before
                is_carried = inside[0] not in _RESULTS
                if is_carried and (first > start or last < end):
                    first, last, changed = min(first, start), max(last, end), True
        return Lifetime(
            name=tensor.name,
            words=max(self._reach(index, role, view) for index, role, view in uses),
            first=first,
            last=last,
            alignment=tensor.alignment,
        )

    def _reach(self, index: int, role: str, view: View) -> int:
        """Words from the tensor's first that a use may claim."""
        tensor = view.tensor
        words = tensor.rows * tensor.stride
        if role == "p":  # as many words as columns are reserved for parameters
            return max(words, view.words + self._pending[index].operands["columns"])
        # whole strides from the first word: those of some columns reach beyond the last row
        return words + view.words % tensor.stride

    def _loops(self) -> Sequence[tuple[int, int]]:
        """First and last instruction of what a LOOP jumps back over."""
        return [
            (self._labels[each.target], index)
            for index, each in enumerate(self._pending)
            if each.opcode is Opcode.LOOP
            and each.target is not None
            and self._labels[each.target] <= index
        ]
