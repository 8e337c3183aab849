"""Memory-mapped registers: against the simulated core, and against files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from alembert_runtime import GoldenDevice, IncompatibleError, MemoryRange, Session
from alembert_runtime.mapped import AllocatedBuffer, DevMem, ReservedMemory, Uio
from alembert_runtime.mmio import MmioDevice
from alembert_runtime.simulated import SimulatedDevice
from numpy.typing import NDArray
from runtime.conftest import MakeDevice
from runtime.models import MEMORY, TOKENS, masked_image

SENTENCE = (TOKENS[0, :6], [1, 4])


class Window:
    """Registers of the simulated core, as a mapping offers them."""

    def __init__(self, device: SimulatedDevice, *, has_interrupt: bool):
        self._device, self._has_interrupt = device, has_interrupt
        self.waits = 0

    def read(self, offset: int) -> int:
        return self._device.read(offset)

    def write(self, offset: int, value: int) -> None:
        self._device.write(offset, value)

    def wait_interrupt(self, timeout: float) -> bool | None:
        self.waits += 1
        if self._has_interrupt:
            return self._device.wait(timeout)
        self._device.step(1000)  # time passes for the machine, too
        return None

    def close(self) -> None:
        self._device.close()


class CachedBuffer:
    """Memory of the simulated core behind a cache that nobody keeps coherent."""

    def __init__(self, device: SimulatedDevice):
        self._device = device
        self.address = device.memory.base
        self.array: NDArray[np.uint8] = np.full(device.memory.size, 0xA5, dtype=np.uint8)

    def flush(self, start: int, size: int) -> None:
        self._device.write_memory(self.address + start, self.array[start : start + size])

    def invalidate(self, start: int, size: int) -> None:
        self.array[start : start + size] = self._device.read_memory(self.address + start, size)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("has_interrupt", [False, True])
def test_sentences_through_mappings(
    golden: GoldenDevice, simulated: MakeDevice, has_interrupt: bool
) -> None:
    core = simulated()
    window = Window(core, has_interrupt=has_interrupt)
    oracle = Session(golden, masked_image())
    with Session(MmioDevice(window, CachedBuffer(core)), masked_image()) as session:
        assert session.device.memory == MEMORY
        for threshold in (0.0, 7.5):
            found = session.run(*SENTENCE, threshold)
            assert found == oracle.run(*SENTENCE, threshold)
            assert found.counters is not None and found.counters.cycles > 1000
            np.testing.assert_array_equal(session.output(), oracle.output())
        assert window.waits == 2 if has_interrupt else window.waits > 10


def test_waiting_has_an_end(simulated: MakeDevice) -> None:
    core = simulated()
    device = MmioDevice(Window(core, has_interrupt=False), CachedBuffer(core))
    assert not device.wait(0.01)


def test_offsets_stay_in_the_map(simulated: MakeDevice) -> None:
    core = simulated()
    device = MmioDevice(Window(core, has_interrupt=False), CachedBuffer(core))
    for offset in (-4, 2, 0x1000):
        with pytest.raises(ValueError) as caught:
            device.read(offset)
        assert str(caught.value) == (
            f"a register's offset must be a multiple of 4 below 0x1000, not {offset:#x}"
        )
        with pytest.raises(ValueError):
            device.write(offset, 0)


@pytest.fixture
def physical(tmp_path: Path) -> Path:
    """A file that stands for physical memory."""
    path = tmp_path / "mem"
    path.write_bytes(bytes(64 * 1024))
    return path


def test_registers_of_physical_memory(physical: Path) -> None:
    window = DevMem(0x4000, physical)
    window.write(0x104, 0x8765_4321)
    assert window.read(0x104) == 0x8765_4321
    assert window.wait_interrupt(1.0) is None
    window.close()
    window.close()
    content = physical.read_bytes()
    assert content[0x4104:0x4108] == bytes.fromhex("21436587")
    assert content.count(0) == len(content) - 4


def test_no_machine_in_physical_memory(physical: Path) -> None:
    device = MmioDevice(DevMem(0, physical), ReservedMemory(0x4000, 0x8000, physical))
    with pytest.raises(IncompatibleError, match=r"^ID must be 0x414c424d, not 0x00000000"):
        Session(device, masked_image())
    device.close()


def test_reserved_memory(physical: Path) -> None:
    device = MmioDevice(DevMem(0, physical), ReservedMemory(0x4000, 0x8000, physical))
    assert device.memory == MemoryRange(0x4000, 0x8000)
    device.write_memory(0x4100, b"albert")
    assert device.read_memory(0x4100, 6).tobytes() == b"albert"
    device.close()
    assert physical.read_bytes()[0x4100:0x4106] == b"albert"
    with pytest.raises(ValueError) as caught:
        ReservedMemory(0x4100, 0x1000, physical)
    assert str(caught.value) == "a mapping must begin at a multiple of 4096, not at 0x4100"
    with pytest.raises(FileNotFoundError):
        DevMem(0, physical.with_name("none"))


def test_interrupts_of_a_user_space_driver(physical: Path) -> None:
    """A file is always ready: the interrupt is let through, then counted."""
    window = Uio(physical)
    window.write(0x120, 77)
    assert window.wait_interrupt(1.0) is True
    assert window.read(0x000) == 1  # what was written first, to let the interrupt through
    assert window.read(0x120) == 77
    window.close()


class PynqBuffer(np.ndarray):
    """What ``pynq.allocate`` returns, as far as it is used."""

    physical_address = 0x1_0000
    calls: list[str]

    def flush(self) -> None:
        self.calls.append("flush")

    def invalidate(self) -> None:
        self.calls.append("invalidate")

    def freebuffer(self) -> None:
        self.calls.append("free")


def test_allocated_buffers(physical: Path) -> None:
    pages = np.zeros(4096, dtype=np.uint8).view(PynqBuffer)
    pages.calls = []
    device = MmioDevice(DevMem(0, physical), AllocatedBuffer(pages))
    assert device.memory == MemoryRange(0x1_0000, 4096)
    device.write_memory(0x1_0010, b"\x01\x02")
    assert pages[0x10:0x12].tolist() == [1, 2]
    assert device.read_memory(0x1_0010, 2).tolist() == [1, 2]
    device.close()
    assert pages.calls == ["flush", "invalidate", "free"]
    with pytest.raises(TypeError) as caught:
        AllocatedBuffer(np.zeros((2, 2)))
    assert str(caught.value) == "a buffer must be a flat array of uint8, not float64 [2, 2]"
