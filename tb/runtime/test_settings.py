"""Every register that a host may set wrong, set wrong: both back ends end in the same way."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from alembert.config.axi import AxiFault
from alembert.config.command import MachineFault
from alembert.config.isa import MemoryBase, Unit
from alembert.config.registers import REGISTERS
from alembert.config.status import State
from alembert_runtime import Device, GoldenDevice, Session
from runtime.conftest import MakeDevice
from runtime.models import MACHINE, MEMORY, TOKENS, masked_image

SENTENCE = (TOKENS[0, :6], [1, 4])
NOWHERE = MEMORY.end + 0x10_0000
BEYOND = 1 << MACHINE.axi.address_width
UNALIGNED = MEMORY.base + 0x1002
NONE = MachineFault.NONE
OPERAND, ADDRESS, FETCH = MachineFault.OPERAND, MachineFault.ADDRESS, MachineFault.FETCH
READ, WRITE = MachineFault.DMA_READ, MachineFault.DMA_WRITE


@dataclass(frozen=True)
class Wrong:
    """A register's value, and what it comes to.

    Parameters
    ----------
    register : str
    value : int
    code : MachineFault
        NONE where the run is to end as if nothing had been wrong.
    note : str, optional
        Of the instruction at fault.
    unit : Unit
    detail : AxiFault
    passes : int
        Passes of a run that ends.
    """

    register: str
    value: int
    code: MachineFault
    note: str | None = None
    unit: Unit = Unit.CONTROL
    detail: AxiFault | None = AxiFault.NONE
    passes: int = 3

    def __str__(self) -> str:
        return f"{self.register}={self.value:#x}"


def wrong_base(base: MemoryBase, code: MachineFault, unit: Unit) -> list[Wrong]:
    """Between two words, beyond the bus, and where no memory is."""
    name = f"{base.name}_BASE"
    return [
        Wrong(name, UNALIGNED, READ, unit=Unit.DMA, detail=AxiFault.MISALIGNED),
        Wrong(name, BEYOND + MEMORY.base, READ, unit=Unit.DMA, detail=AxiFault.OUT_OF_RANGE),
        Wrong(name, (1 << 63) + MEMORY.base, READ, unit=Unit.DMA, detail=AxiFault.OUT_OF_RANGE),
        Wrong(name, NOWHERE, code, unit=unit, detail=None),
    ]


SETTINGS = [
    Wrong("LENGTH", 0, OPERAND, "word embeddings"),
    Wrong("LENGTH", 17, OPERAND, "value"),
    Wrong("LENGTH", 0xFFFF, ADDRESS, "word embeddings"),
    Wrong("TARGETS", 0, OPERAND, "hidden states of the targets"),
    Wrong("TARGETS", 6, OPERAND, "records"),
    Wrong("TARGETS", 0xFFFF, ADDRESS, "hidden states of the targets"),
    # more than any entropy: the first test says to leave
    Wrong("THRESHOLD", (1 << 19) - 1, NONE, passes=1),
    Wrong("MAX_PASSES", 0xFFFF, NONE),
    Wrong("PROGRAM", 0xFFFF_FFFF, FETCH, detail=None),
    Wrong(
        "PROGRAM", masked_image().program + 1, MachineFault.ILLEGAL_OPCODE, "parameters of the emb"
    ),
    *wrong_base(MemoryBase.IMAGE, FETCH, Unit.CONTROL),
    *wrong_base(MemoryBase.INPUT, READ, Unit.DMA),
    *wrong_base(MemoryBase.OUTPUT, WRITE, Unit.DMA),
    *wrong_base(MemoryBase.SCRATCH, WRITE, Unit.DMA),
    # flags that are not set, and all bits that no field has
    Wrong("INTERRUPT_STATUS", 0xFFFF_FFFF, NONE),
    Wrong("STATUS", 0xFFFF_FFFF, NONE),
    Wrong("INTERRUPT_ENABLE", 0xFFFF_FFFF, NONE),
    # the doorbell's neighbours
    Wrong("CONTROL", 0xFFFF_FFFC, NONE),
]
"""Of an image for 16 tokens and 5 targets."""


def run_with(session: Session, wrong: Wrong) -> tuple[object, ...]:
    """Set, rung and recovered; what the registers said, and OUTPUT if that is valid."""
    registers = session.registers
    session.run(*SENTENCE)
    # golden begins with nothing there
    output = session.regions[MemoryBase.OUTPUT]
    session.device.write_memory(output.base, bytes(output.size))
    registers.write(wrong.register, wrong.value)
    registers.write_fields("INTERRUPT_STATUS", done=1, error=1)
    registers.write_fields("CONTROL", start=1)
    assert session.device.wait(60)
    state, error, pc = session.state, registers.fields("ERROR"), registers.read("ERROR_PC")
    if wrong.code is NONE:
        assert state is State.DONE and error["code"] == NONE
        assert registers.read("PASSES") == wrong.passes
    else:
        assert state is State.ERROR
        assert (error["code"], error["unit"]) == (wrong.code, wrong.unit)
        if wrong.detail is not None:
            assert error["detail"] == wrong.detail
        if wrong.note is not None:
            assert session.image.notes[pc].startswith(wrong.note)
        session.reset()
    del error["detail"]  # golden's memory answers nothing
    return state, error, pc, b"" if wrong.code else session.output().tobytes()


@pytest.mark.parametrize("wrong", SETTINGS, ids=str)
def test_a_wrong_setting(golden: GoldenDevice, simulated: MakeDevice, wrong: Wrong) -> None:
    """… and a session afterwards answers as ever."""
    found, answers = [], []
    devices: tuple[Device, Device] = (golden, simulated())
    for device in devices:
        found.append(run_with(Session(device, masked_image()), wrong))
        answers.append(Session(device, masked_image()).run(*SENTENCE))
    assert found[0] == found[1]
    assert answers[0] == answers[1]
    assert answers[0].passes == 3


def test_every_register_is_set_wrong() -> None:
    """Those of time are below; a register that is added needs a case."""
    writable = {each.port.upper() for each in REGISTERS.registers if each.is_writable}
    assert writable == {wrong.register for wrong in SETTINGS} | {"WATCHDOG"}


def test_nothing_is_written_beyond_the_records(golden: GoldenDevice, simulated: MakeDevice) -> None:
    """One target too many: the records of no pass reach into those of the next."""
    image = masked_image()
    for device in (golden, simulated()):
        session = Session(device, image)
        run_with(session, Wrong("TARGETS", 6, OPERAND, "records"))
        first = 0 if image.hidden is None else image.hidden * image.word_bytes
        assert not session.output()[:first].any()


@pytest.mark.parametrize("length", [14, 15, 16])
def test_lengths_that_do_not_fill_a_word(
    golden: GoldenDevice, simulated: MakeDevice, length: int
) -> None:
    """An image for 13 tokens: 14 are as many words of scores."""
    image = masked_image(13)
    wrong = Wrong("LENGTH", length, OPERAND, "position embeddings")
    devices: tuple[Device, Device] = (golden, simulated())
    found = [run_with(Session(device, image), wrong) for device in devices]
    assert found[0] == found[1]
    assert Session(golden, image).run(TOKENS[0, :13], [12]).passes == 3


def test_bits_that_no_field_has(golden: GoldenDevice, simulated: MakeDevice) -> None:
    """They are not written, so that what reads back is what counts."""
    for device in (golden, simulated()):
        registers = Session(device, masked_image()).registers
        for name, width in (("LENGTH", 16), ("TARGETS", 16), ("MAX_PASSES", 16), ("THRESHOLD", 19)):
            registers.write(name, 0xFFFF_FFFF)
            assert registers.read(name) == (1 << width) - 1


def test_a_doorbell_before_any_setting(golden: GoldenDevice, simulated: MakeDevice) -> None:
    """All registers are 0, and so there is no program."""
    for device in (golden, simulated()):
        session = Session(device, masked_image())
        for base in MemoryBase:
            session.registers.write(f"{base.name}_BASE", 0)
        session.registers.write("PROGRAM", 0)
        session.registers.write_fields("CONTROL", start=1)
        assert device.wait(60)
        assert session.state is State.ERROR
        assert session.registers.field("ERROR", "code") == FETCH
        session.reset()


@pytest.mark.parametrize("pair", [("OUTPUT", "INPUT"), ("SCRATCH", "OUTPUT")])
def test_regions_in_one_place(
    golden: GoldenDevice, simulated: MakeDevice, pair: tuple[str, str]
) -> None:
    """The machine does not know where a region ends; whatever it then reads, the run ends."""
    for device in (golden, simulated()):
        session = Session(device, masked_image())
        session.run(*SENTENCE)
        name, other = (f"{each}_BASE" for each in pair)
        session.registers.write(name, session.registers.read(other))
        session.registers.write_fields("INTERRUPT_STATUS", done=1, error=1)
        session.registers.write_fields("CONTROL", start=1)
        assert device.wait(60)
        if session.state is State.ERROR:
            session.reset()
        assert session.state in (State.DONE, State.IDLE)
        assert Session(device, masked_image()).run(*SENTENCE).passes == 3


def test_no_interrupt_is_enabled(golden: GoldenDevice, simulated: MakeDevice) -> None:
    """The run ends all the same, and says so in STATUS."""
    for device in (golden, simulated()):
        session = Session(device, masked_image())
        session.run(*SENTENCE)
        session.registers.write("INTERRUPT_ENABLE", 0)
        session.registers.write_fields("CONTROL", start=1)
        assert not device.wait(0)
        if isinstance(device, GoldenDevice):
            assert session.state is State.DONE
            continue
        device.step(40_000)
        assert session.state is State.DONE


def test_a_watchdog_of_a_cycle(golden: GoldenDevice, simulated: MakeDevice) -> None:
    """Nothing moves as fast; golden has no cycles."""
    for device in (golden, simulated()):
        session = Session(device, masked_image())
        code = MachineFault.TIMEOUT if device.has_time else NONE
        run_with(session, Wrong("WATCHDOG", 1, code))
        assert Session(device, masked_image()).run(*SENTENCE).passes == 3
