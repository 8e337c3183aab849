"""The machine's registers: the one description that gateware, drivers and pages follow.

Offsets are stable: a register that is added takes a gap of its group.
"""

from __future__ import annotations

from .. import __version__
from .command import PASS_WIDTH, PC_WIDTH, WATCHDOG_WIDTH, MachineFault
from .early_exit import EntropyConfig
from .formats import AdaptivFloatFormat, Format, IntegerFormat
from .isa import ISA_VERSION, Unit
from .machine import MachineConfig
from .register_fields import Access, Field, Register, register_pair, single
from .register_map import Group, RegisterMap
from .status import FormatKind, State

__all__ = [
    "COUNTERS",
    "ID",
    "REGISTERS",
    "SATURATING",
    "SATURATIONS",
    "UNITS",
    "most_saturated",
    "registers_of",
]

ID = int.from_bytes(b"ALBM", "big")
"""What the first register reads as: "ALBM"."""

UNITS = tuple(unit for unit in Unit if unit is not Unit.CONTROL)
"""The units that work and are counted, in the order of their counters."""

SATURATING = (Unit.MATRIX, Unit.ATTENTION, Unit.SPECIAL)
"""The units whose saturated results are counted, in this order."""

_C, _RO, _RW, _PULSE = Access.CONSTANT, Access.RO, Access.RW, Access.PULSE


def _constant(name: str, low: int, width: int, doc: str, **given) -> Field:
    """A constant of the machine at hand, unless ``reset`` is given."""
    return Field(name, low, width, _C, doc, **{"reset": None, **given})


def _array(name: str, offset: int, which: str) -> tuple[Register, Register]:
    return (
        Register(
            f"{name}_ARRAY",
            offset,
            f"Size of {which}.",
            (
                _constant("lanes", 0, 16, "V, lanes of a VMAC."),
                _constant("vmacs", 16, 16, "C, VMACs: V · C multiplications a cycle."),
            ),
        ),
        Register(
            f"{name}_DEPTH",
            offset + 4,
            f"Limits of {which}.",
            (
                _constant("rows", 0, 16, "R, rows of results in the accumulators."),
                _constant("max_depth", 16, 16, "Largest depth K of a product."),
            ),
        ),
    )


def _format(name: str, offset: int, what: str) -> Register:
    fields = (
        _constant("kind", 0, 8, "What a code is.", choices=FormatKind),
        _constant("width", 8, 8, "Bits of a code."),
        _constant("exponent_width", 16, 8, "Bits of its exponent; 0 if it has none."),
    )
    return Register(name, offset, f"Codes of {what}.", fields)


_major, _minor, _patch = (int(part) for part in __version__.split(".")[:3])

_IDENTIFICATION = Group(
    "Identification",
    "What this is, and how large. All of it is constant.",
    (
        single("ID", 0x000, _C, 'The letters "ALBM".', reset=ID),
        Register(
            "VERSION",
            0x004,
            "Version of the generator.",
            (
                _constant("patch", 0, 8, "Third number.", reset=_patch),
                _constant("minor", 8, 8, "Second number.", reset=_minor),
                _constant("major", 16, 8, "First number.", reset=_major),
            ),
        ),
        single("ISA_VERSION", 0x008, _C, "Version of the instruction set.", reset=ISA_VERSION),
        Register(
            "WORD",
            0x010,
            "A word of the scratchpad, which is also what offsets in memory count.",
            (_constant("width", 0, 16, "Bits."), _constant("codes", 16, 16, "W, codes of 8 bits.")),
        ),
        single("SCRATCHPAD_WORDS", 0x014, _C, "Words of the scratchpad.", reset=None),
        single("SCRATCHPAD_BANKS", 0x018, _C, "Banks of the scratchpad.", reset=None),
        *_array("MAIN", 0x020, "the matrix unit of linear layers"),
        *_array("ATTENTION", 0x028, "the matrix unit of attention, all 0 if there is none"),
        _format("ACTIVATION_FORMAT", 0x030, "activations"),
        _format("WEIGHT_FORMAT", 0x034, "the weights of linear layers"),
        Register(
            "SPECIAL",
            0x038,
            "The special function unit.",
            (
                _constant("lanes", 0, 16, "Numbers of 16 bits a cycle."),
                _constant("longest_row", 16, 16, "Most values of a row."),
            ),
        ),
        single("MAX_CLASSES", 0x03C, _C, "Most logits of an early-exit test.", reset=None),
        Register(
            "BUS",
            0x040,
            "The AXI4 port to memory.",
            (
                _constant("data_width", 0, 16, "Bits of a beat."),
                _constant("address_width", 16, 16, "Bits of a byte address."),
            ),
        ),
    ),
)

_EVENTS = (("done", "A run ended."), ("error", "A run was stopped by a fault."))

_CONTROL = Group(
    "Control",
    "Doorbell, state, faults, interrupt.",
    (
        Register(
            "CONTROL",
            0x100,
            "Doorbell and soft reset. Both at once are one write: where the doorbell is refused, "
            "all of it is.",
            (
                Field(
                    *("start", 0, 1, _PULSE),
                    "Doorbell: clears the counters and runs the program.",
                    is_locked=True,
                ),
                Field(
                    *("soft_reset", 1, 1, _PULSE),
                    "Finishes the bursts under way, then resets all but the registers; never "
                    "refused if written alone.",
                ),
            ),
        ),
        Register(
            "STATUS",
            0x104,
            "What the machine is doing.",
            (
                Field("state", 0, 4, _RO, "State.", choices=State),
                *(
                    Field(
                        *(f"{unit.name.lower()}_busy", 7 + unit, 1, _RO),
                        f"Unit {unit.name} has work.",
                    )
                    for unit in UNITS
                ),
                Field(
                    *("refused", 31, 1, Access.W1C),
                    "A write was refused because the machine was not ready for a run.",
                ),
            ),
        ),
        Register(
            "ERROR",
            0x108,
            "The fault that stopped the last run; gone after a soft reset.",
            (
                Field("code", 0, 8, _RO, "Which.", choices=MachineFault),
                Field("unit", 8, 4, _RO, "Whose.", choices=Unit),
                Field("detail", 16, 8, _RO, "The unit's own number of its fault; 0 if none."),
            ),
        ),
        single(
            *("ERROR_PC", 0x10C, _RO),
            "The instruction at fault: its number from the program's first.",
            width=PC_WIDTH,
        ),
        *register_pair(
            "ERROR_ADDRESS",
            0x110,
            _RO,
            "Byte address of the burst at fault, for FETCH of the instruction, or 0",
        ),
        Register(
            "INTERRUPT_ENABLE",
            0x118,
            "Which flags of INTERRUPT_STATUS raise the interrupt.",
            tuple(Field(name, bit, 1, _RW, doc) for bit, (name, doc) in enumerate(_EVENTS)),
        ),
        Register(
            "INTERRUPT_STATUS",
            0x11C,
            "What has happened. The interrupt is high while a flag is set that is enabled.",
            tuple(Field(name, bit, 1, Access.W1C, doc) for bit, (name, doc) in enumerate(_EVENTS)),
        ),
        single(
            *("WATCHDOG", 0x120, _RW, "Cycles without any progress until TIMEOUT; 0: never."),
            width=WATCHDOG_WIDTH,
        ),
    ),
)


def _base(name: str, offset: int, what: str) -> tuple[Register, Register]:
    return register_pair(f"{name}_BASE", offset, _RW, f"Byte address of {what}", is_locked=True)


_NATS = f"nats with {EntropyConfig.ENTROPY_FRACTION} fraction bits"
_ENTROPY = EntropyConfig.ENTROPY_WIDTH

_RUN = Group(
    "Run",
    "What to run, and on what. Locked: writes are refused unless the machine is ready for a run.",
    (
        single(
            "PROGRAM", 0x180, _RW, "First word of the program, from IMAGE_BASE.", is_locked=True
        ),
        *_base("IMAGE", 0x188, "program, weights and embeddings"),
        *_base("INPUT", 0x190, "what the host writes before a run"),
        *_base("OUTPUT", 0x198, "what the host reads after it"),
        *_base("SCRATCH", 0x1A0, "room for tensors that do not fit on chip"),
        single("LENGTH", 0x1A8, _RW, "Number of tokens.", width=16, is_locked=True),
        single(
            *("TARGETS", 0x1AC, _RW, "Number of tokens that an off-ramp looks at."),
            width=16,
            is_locked=True,
        ),
        single(
            *("THRESHOLD", 0x1B0, _RW, f"Exit below this entropy: {_NATS}; 0: never."),
            width=_ENTROPY,
            is_locked=True,
        ),
        single(
            *("MAX_PASSES", 0x1B4, _RW, "Most passes of a run; 0: what the program says."),
            width=PASS_WIDTH,
            is_locked=True,
        ),
    ),
)

_RESULTS = Group(
    "Results",
    "What the last run came to; valid when STATUS.state is DONE.",
    (
        single("PASSES", 0x200, _RO, "Passes run.", width=PASS_WIDTH),
        single("EXITED", 0x204, _RO, "The run left early, below the threshold.", width=1),
        single(
            "PREDICTED_CLASS", 0x208, _RO, "Largest logit of the last test's first row.", width=16
        ),
        single("ENTROPY", 0x20C, _RO, f"Entropy of that row: {_NATS}.", width=_ENTROPY),
    ),
)


def _counters() -> tuple[Register, ...]:
    found = [
        *register_pair("CYCLES", 0x300, _RO, "Cycles in which the machine was busy"),
        *register_pair("READ_BEATS", 0x308, _RO, "Beats read from memory"),
        *register_pair("WRITE_BEATS", 0x310, _RO, "Beats written to memory"),
    ]
    for unit in UNITS:
        counted = {
            "BUSY": "Cycles in which the unit had work",
            "STALL": "Cycles in which it had work, but waited",
            "INSTRUCTIONS": "Instructions it finished",
        }
        if unit in (Unit.MATRIX, Unit.ATTENTION):
            counted["ISSUES"] = "Cycles in which a vector entered the array"
        for place, (what, doc) in enumerate(counted.items()):
            offset = 0x320 + 0x20 * unit + 8 * place
            found += register_pair(f"{unit.name}_{what}", offset, _RO, doc)
    return tuple(found)


def _saturations() -> tuple[Register, ...]:
    return tuple(
        single(
            f"{unit.name}_SATURATED",
            0x3E0 + 4 * place,
            _RO,
            "Numbers of 16 bits that the unit cut to the ends of their range. Stays at its most.",
        )
        for place, unit in enumerate(SATURATING)
    )


_COUNTED = _counters()
_SATURATED = _saturations()
_COUNTERS = Group(
    "Counters",
    "All are cleared by the doorbell, and stand still while nothing runs.",
    _COUNTED + _SATURATED,
)

COUNTERS = tuple(dict.fromkeys(register.port for register in _COUNTED))
"""Names of the counters of cycles and events, lower case; what is counted has the same name."""

SATURATIONS = dict(zip(SATURATING, (register.port for register in _SATURATED)))
"""Names of the counters of saturated results, by unit."""

REGISTERS = RegisterMap("alembert", (_IDENTIFICATION, _CONTROL, _RUN, _RESULTS, _COUNTERS))
"""The map of every machine; what differs from one to the next is not filled in."""


def most_saturated(machine: MachineConfig, unit: Unit) -> int:
    """How many results a unit may saturate in a cycle."""
    if unit is Unit.SPECIAL:
        return 2 * machine.word_wides  # a residual sum and a result of each lane
    array = machine.main if unit is Unit.MATRIX else machine.attention
    return 0 if array is None else array.vmacs


def registers_of(machine: MachineConfig) -> RegisterMap:
    """The map with the constants of one machine."""
    main, attention = machine.main, machine.attention
    special, pair = machine.special, machine.main.vmac.pair
    values = {
        "WORD.width": machine.scratchpad.word_width,
        "WORD.codes": machine.word_codes,
        "SCRATCHPAD_WORDS.value": machine.scratchpad.words,
        "SCRATCHPAD_BANKS.value": machine.scratchpad.banks,
        "SPECIAL.lanes": special.lanes,
        "SPECIAL.longest_row": special.longest_row,
        "MAX_CLASSES.value": machine.max_classes,
        "BUS.data_width": machine.axi.data_width,
        "BUS.address_width": machine.axi.address_width,
    }
    for name, array in (("MAIN", main), ("ATTENTION", attention)):
        values |= {
            f"{name}_ARRAY.lanes": array.vmac.lanes if array else 0,
            f"{name}_ARRAY.vmacs": array.vmacs if array else 0,
            f"{name}_DEPTH.rows": array.vmac.rows if array else 0,
            f"{name}_DEPTH.max_depth": array.vmac.max_depth if array else 0,
        }
    for name, fmt in (("ACTIVATION", pair.activation), ("WEIGHT", pair.weight)):
        values |= {
            f"{name}_FORMAT.kind": _kind(fmt),
            f"{name}_FORMAT.width": fmt.width,
            f"{name}_FORMAT.exponent_width": getattr(fmt, "exponent_width", 0),
        }
    return REGISTERS.filled(values)


def _kind(fmt: Format) -> FormatKind:
    match fmt:
        case AdaptivFloatFormat():
            return FormatKind.ADAPTIVFLOAT
        case IntegerFormat():
            return FormatKind.INTEGER
    return FormatKind.TERNARY
