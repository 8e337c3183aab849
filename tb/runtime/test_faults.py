"""What stops a run is named alike by both back ends, and the next run is as good as any."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from alembert.config.axi import AxiFault
from alembert.config.command import MachineFault
from alembert.config.isa import MemoryBase, Opcode, Unit
from alembert.config.status import State
from alembert_compiler.image import Image
from alembert_runtime import (
    DeviceError,
    DeviceTimeoutError,
    GoldenDevice,
    RegisterRefusedError,
    RunError,
    Session,
)
from runtime.conftest import MakeDevice
from runtime.models import MEMORY, TOKENS, masked_image, patched

SENTENCE = (TOKENS[0, :6], [1, 4])
NOWHERE = MEMORY.end + 0x10_0000

FAULTS = [
    (Opcode.LOAD, {"o_address": 8191, "rows": 2}, MachineFault.ADDRESS, Unit.CONTROL),
    (Opcode.LOAD, {"memory_offset": 1 << 30}, MachineFault.DMA_READ, Unit.DMA),
    (Opcode.STORE, {"memory_offset": 1 << 30}, MachineFault.DMA_WRITE, Unit.DMA),
    (Opcode.GATHER, {"index_limit": 1}, MachineFault.INDEX, Unit.DMA),
    (Opcode.LINEAR, {"memory_offset": 1 << 30}, MachineFault.WEIGHTS_READ, Unit.MATRIX),
    (Opcode.LOOP, {"target": 65535}, MachineFault.FETCH, Unit.CONTROL),
]


def fault_of(session: Session, **options) -> RunError:
    with pytest.raises(RunError) as caught:
        session.run(*SENTENCE, **options)
    assert session.state is State.IDLE
    return caught.value


def sessions(golden: GoldenDevice, simulated: MakeDevice, image: Image) -> tuple[Session, Session]:
    return Session(golden, image), Session(simulated(), image)


@pytest.mark.parametrize(("opcode", "operands", "code", "unit"), FAULTS)
def test_instructions_at_fault(
    golden: GoldenDevice,
    simulated: MakeDevice,
    opcode: Opcode,
    operands: dict[str, int],
    code: MachineFault,
    unit: Unit,
) -> None:
    image, number = patched(masked_image(), opcode, **operands)
    oracle, session = sessions(golden, simulated, image)
    expected, found = fault_of(oracle), fault_of(session)
    assert (found.code, found.unit) == (code, unit)
    assert (expected.code, expected.unit, expected.pc) == (code, unit, found.pc)
    assert found.pc == (65535 if opcode is Opcode.LOOP else number)
    assert found.note == (image.notes[number] if opcode is not Opcode.LOOP else "")
    if code in (MachineFault.DMA_READ, MachineFault.DMA_WRITE, MachineFault.WEIGHTS_READ):
        assert found.address >= NOWHERE and found.detail == AxiFault.DECERR
    # the same device with the image as it should be
    good = [Session(each.device, masked_image()).run(*SENTENCE) for each in (oracle, session)]
    assert good[0] == good[1]


@pytest.mark.parametrize(
    ("region", "code", "unit"),
    [
        (MemoryBase.IMAGE, MachineFault.FETCH, Unit.CONTROL),
        (MemoryBase.INPUT, MachineFault.DMA_READ, Unit.DMA),
        (MemoryBase.OUTPUT, MachineFault.DMA_WRITE, Unit.DMA),
    ],
)
def test_regions_where_nothing_is(
    golden: GoldenDevice,
    simulated: MakeDevice,
    region: MemoryBase,
    code: MachineFault,
    unit: Unit,
) -> None:
    """… and the session goes on when the region is back."""
    answers = []
    for session in sessions(golden, simulated, masked_image()):
        name = f"{region.name}_BASE"
        session.registers.write(name, NOWHERE)
        fault = fault_of(session)
        assert (fault.code, fault.unit) == (code, unit)
        if session.device.has_time:
            assert NOWHERE <= fault.address < NOWHERE + 0x10_0000
            assert f", address {fault.address:#x}, detail {int(AxiFault.DECERR)}: " in str(fault)
        session.registers.write(name, session.regions[region].base)
        answers.append(session.run(*SENTENCE))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("base", "detail"),
    [((1 << 40) + 0x2_2000, AxiFault.OUT_OF_RANGE), (0x2_2002, AxiFault.MISALIGNED)],
)
def test_bases_that_the_bus_does_not_reach(
    golden: GoldenDevice, simulated: MakeDevice, base: int, detail: AxiFault
) -> None:
    for session in sessions(golden, simulated, masked_image()):
        session.registers.write("SCRATCH_BASE", base)
        fault = fault_of(session)
        assert (fault.code, fault.unit) == (MachineFault.DMA_READ, Unit.DMA)
        assert fault.detail == detail


def test_a_program_of_zeros(golden: GoldenDevice, simulated: MakeDevice) -> None:
    empty = replace(masked_image(), data=bytes(len(masked_image().data)))
    oracle, session = sessions(golden, simulated, empty)
    for fault in (fault_of(oracle), fault_of(session)):
        assert (fault.code, fault.unit) == (MachineFault.ILLEGAL_OPCODE, Unit.CONTROL)
        assert fault.pc == 0
    assert str(fault) == (
        f"ILLEGAL_OPCODE of unit CONTROL at instruction 0 ({empty.notes[0]}): "
        f"The first byte of an instruction is no opcode."
    )


def test_watchdog(simulated: MakeDevice) -> None:
    """Ten cycles are fewer than memory takes."""
    session = Session(simulated(), masked_image(), watchdog=10)
    fault = fault_of(session)
    assert (fault.code, fault.unit) == (MachineFault.TIMEOUT, Unit.CONTROL)
    session.registers.write("WATCHDOG", 0)
    assert session.run(*SENTENCE).passes == 3


def test_doorbell_while_busy(golden: GoldenDevice, simulated: MakeDevice) -> None:
    device = simulated()
    session = Session(device, masked_image())
    expected = Session(golden, masked_image()).run(*SENTENCE)
    assert session.run(*SENTENCE) == expected
    session.registers.write_fields("INTERRUPT_STATUS", done=1, error=1)
    session.registers.write_fields("CONTROL", start=1)
    assert session.state is State.RUNNING
    for name, value in (("CONTROL", 1), ("LENGTH", 3), ("INPUT_BASE", 0)):
        with pytest.raises(RegisterRefusedError, match=r"was answered with SLVERR$"):
            session.registers.write(name, value)
        assert session.registers.field("STATUS", "refused")
        session.registers.write_fields("STATUS", refused=1)
    with pytest.raises(
        DeviceError, match=r"^the machine must be IDLE or DONE before a run, not RUNNING$"
    ):
        session.run(*SENTENCE)
    assert device.wait(60)
    assert session.state is State.DONE
    assert session.registers.read("PASSES") == expected.passes
    assert session.registers.read("PREDICTED_CLASS") == expected.predicted_class
    assert not session.registers.field("STATUS", "refused")


@pytest.mark.parametrize("cycles", [1, 50, 700, 3000, 9000])
def test_reset_in_the_middle(golden: GoldenDevice, simulated: MakeDevice, cycles: int) -> None:
    device = simulated()
    session = Session(device, masked_image())
    expected = Session(golden, masked_image()).run(*SENTENCE)
    session.run(*SENTENCE)
    session.registers.write_fields("CONTROL", start=1)
    device.step(cycles)
    assert session.state is State.RUNNING
    if cycles == 50:  # another program takes over
        session = Session(device, masked_image())
    else:
        session.reset()
    assert session.state is State.IDLE
    assert session.run(*SENTENCE) == expected


def test_run_that_takes_too_long(simulated: MakeDevice) -> None:
    session = Session(simulated(), masked_image())
    with pytest.raises(DeviceTimeoutError) as caught:
        session.run(*SENTENCE, timeout=0)
    assert str(caught.value) == "the run must end within 0 seconds, and did not"
    assert session.state is State.IDLE
    assert session.run(*SENTENCE).passes == 3


def test_nothing_runs_between_fault_and_reset(golden: GoldenDevice, simulated: MakeDevice) -> None:
    for session in sessions(golden, simulated, masked_image()):
        registers = session.registers
        registers.write("PROGRAM", 0xFFFF_FFF0)
        registers.write_fields("CONTROL", start=1)
        assert session.device.wait(60)
        assert registers.fields("INTERRUPT_STATUS") == {"done": 0, "error": 1}
        for name, value in (("CONTROL", 1), ("CONTROL", 3), ("LENGTH", 3), ("PROGRAM", 0)):
            with pytest.raises(RegisterRefusedError):
                registers.write(name, value)
        assert session.state is State.ERROR
        assert registers.field("ERROR", "code") == MachineFault.FETCH
        assert registers.field("STATUS", "refused")
        session.reset()
        assert registers.read("ERROR") == 0
        registers.write("PROGRAM", session.image.program)
        assert session.run(*SENTENCE).passes == 3


def test_registers_that_refuse(golden: GoldenDevice, simulated: MakeDevice) -> None:
    """Both devices refuse the same accesses."""
    for device in (golden, simulated()):
        for offset in (0x00C, 0x7FC):
            with pytest.raises(RegisterRefusedError):
                device.read(offset)
            with pytest.raises(RegisterRefusedError):
                device.write(offset, 0)
        for offset in (0x000, 0x108, 0x200):
            with pytest.raises(RegisterRefusedError):
                device.write(offset, 0)
    with pytest.raises(RegisterRefusedError, match=re.escape("ID cannot be written")):
        golden.write(0, 0)
