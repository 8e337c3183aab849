"""What a machine says of itself, and whether an image is for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alembert import __version__
from alembert.config.formats import AdaptivFloatFormat, Format, IntegerFormat, TernaryFormat
from alembert.config.isa import ISA_VERSION
from alembert.config.registers import ID
from alembert.config.status import FormatKind
from alembert_compiler.image import Image

from .errors import IncompatibleError
from .registers import RegisterAccess

__all__ = ["ArraySize", "Discovered", "discover", "require_fit"]


@dataclass(frozen=True, kw_only=True)
class ArraySize:
    """A matrix unit: V lanes, C VMACs, R rows, and the largest depth of a product."""

    lanes: int
    vmacs: int
    rows: int
    max_depth: int


@dataclass(frozen=True, kw_only=True)
class Discovered:
    """A machine, read from its registers.

    Parameters
    ----------
    version : str
        Of the generator that made it.
    word_width, words, banks : int
        The scratchpad.
    main : ArraySize
        The matrix unit of linear layers.
    attention : ArraySize, optional
        That of attention, if there is one.
    activation, weight : Format
        Codes.
    longest_row, max_classes : int
        Most values of a row, most logits.
    data_width, address_width : int
        The bus to memory.
    """

    version: str
    word_width: int
    words: int
    banks: int
    main: ArraySize
    attention: ArraySize | None
    activation: Format
    weight: Format
    longest_row: int
    max_classes: int
    data_width: int
    address_width: int


def discover(registers: RegisterAccess) -> Discovered:
    """Read what a machine is.

    Raises
    ------
    IncompatibleError
        There is no machine behind these registers, or one of another version or instruction set.
    """
    if (found := registers.read("ID")) != ID:
        raise IncompatibleError(f"ID must be {ID:#010x}, not {found:#010x}: no machine is there")
    numbers = registers.fields("VERSION")
    version = f"{numbers['major']}.{numbers['minor']}.{numbers['patch']}"
    if version.split(".")[:2] != __version__.split(".")[:2]:
        raise IncompatibleError(
            f"the machine's version must be that of this package but for the patch, {__version__}, "
            f"not {version}"
        )
    if (isa := registers.read("ISA_VERSION")) != ISA_VERSION:
        raise IncompatibleError(f"the machine's ISA_VERSION must be {ISA_VERSION}, not {isa}")
    special, bus = registers.fields("SPECIAL"), registers.fields("BUS")
    main = _array(registers, "MAIN")
    if main is None:
        raise IncompatibleError("the machine must have a matrix unit, but its MAIN_ARRAY is 0")
    return Discovered(
        version=version,
        word_width=registers.field("WORD", "width"),
        words=registers.read("SCRATCHPAD_WORDS"),
        banks=registers.read("SCRATCHPAD_BANKS"),
        main=main,
        attention=_array(registers, "ATTENTION"),
        activation=_format(registers, "ACTIVATION_FORMAT"),
        weight=_format(registers, "WEIGHT_FORMAT"),
        longest_row=special["longest_row"],
        max_classes=registers.read("MAX_CLASSES"),
        data_width=bus["data_width"],
        address_width=bus["address_width"],
    )


def _array(registers: RegisterAccess, name: str) -> ArraySize | None:
    size, depth = registers.fields(f"{name}_ARRAY"), registers.fields(f"{name}_DEPTH")
    return ArraySize(**size, **depth) if any(size.values()) else None


def _format(registers: RegisterAccess, name: str) -> Format:
    fields = registers.fields(name)
    match fields["kind"]:
        case FormatKind.ADAPTIVFLOAT:
            return AdaptivFloatFormat(
                width=fields["width"], exponent_width=fields["exponent_width"]
            )
        case FormatKind.INTEGER:
            return IntegerFormat(width=fields["width"])
        case FormatKind.TERNARY:
            return TernaryFormat()
    known = ", ".join(str(int(kind)) for kind in FormatKind)
    raise IncompatibleError(f"{name}.kind must be one of {known}, not {fields['kind']}")


def require_fit(found: Discovered, image: Image) -> None:
    """Refuse an image that was compiled for another machine.

    What shapes data or arithmetic must be the same; what only limits sizes may be larger.

    Raises
    ------
    IncompatibleError
        The message names what differs, what the image needs, and what the machine has.
    """
    wanted = image.machine
    same: dict[str, tuple[object, object]] = {
        "word width": (wanted["word_width"], found.word_width),
        "format of activations": (wanted["main"]["activation"], str(found.activation)),
        "format of weights": (wanted["main"]["weight"], str(found.weight)),
        "main array": (_shape(wanted["main"]), _shape_of(found.main)),
        "attention array": (_shape(wanted["attention"]), _shape_of(found.attention)),
    }
    for what, (needed, has) in same.items():
        if needed != has:
            raise IncompatibleError(
                f"the image is for a machine with {what} {needed}, not with {has}"
            )
    least = {
        "words of scratchpad": (image.scratchpad_words, found.words),
        "depth of products": (wanted["main"]["max_depth"], found.main.max_depth),
        "values of a row": (wanted["longest_row"], found.longest_row),
        "classes": (wanted["max_classes"], found.max_classes),
    }
    if found.attention is not None:
        depth = (wanted["attention"]["max_depth"], found.attention.max_depth)
        least["depth of products of activations"] = depth
    for what, (needed, has) in least.items():
        if needed > has:
            raise IncompatibleError(f"the image needs {needed} {what}; the machine has {has}")


def _shape(array: Mapping[str, Any] | None) -> str:
    return "none" if array is None else f"{array['lanes']} × {array['vmacs']}"


def _shape_of(array: ArraySize | None) -> str:
    return "none" if array is None else f"{array.lanes} × {array.vmacs}"
