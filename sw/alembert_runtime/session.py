"""An image on a device: one sentence after the other."""

from __future__ import annotations

import time
from types import TracebackType

import numpy as np
from alembert.config.checks import require_between
from alembert.config.command import PASS_WIDTH, WATCHDOG_WIDTH, MachineFault
from alembert.config.isa import MemoryBase, Unit
from alembert.config.status import State
from alembert_compiler.image import Image
from numpy.typing import ArrayLike, NDArray

from .answer import Answer, Counters, Record, read_counters
from .device import Device, MemoryRange
from .discovery import discover, require_fit
from .errors import DeviceError, DeviceTimeoutError, MemoryRangeError, RunError
from .nats import from_register, to_register
from .registers import RegisterAccess
from .saturation import read_saturated

__all__ = ["Session"]

_ALIGNMENT = 4096
"""Bytes: regions begin where a burst may, and where an operating system's pages do."""
_RESET_SECONDS = 10.0


class Session:
    """Keeps an image in a device's memory, and asks it about sentences.

    The session has the device to itself: it resets the machine if it is at work or at fault, writes
    the image, and leaves the device open.

    Parameters
    ----------
    device : Device
    image : Image
        A compiled model.
    watchdog : int
        Cycles without progress until a run is stopped with TIMEOUT; 0: never.

    Raises
    ------
    IncompatibleError
        There is no machine, or it cannot run the image.
    MemoryRangeError
        The image and what it works on do not fit into the device's memory.
    DeviceTimeoutError
        The machine cannot be reset.
    ValueError, TypeError
        The watchdog is no int of 32 bits.
    """

    def __init__(self, device: Device, image: Image, *, watchdog: int = 1 << 20):
        require_between("watchdog", watchdog, 0, (1 << WATCHDOG_WIDTH) - 1)
        self.device, self.image = device, image
        self.registers = RegisterAccess(device)
        self.machine = discover(self.registers)
        """What the device says of itself."""
        require_fit(self.machine, image)
        self.regions = self._place(device.memory)
        """Where the image's regions are."""
        if self.state not in (State.IDLE, State.DONE):
            self.reset()
        device.write_memory(self.regions[MemoryBase.IMAGE].base, image.data)
        for base, region in self.regions.items():
            self.registers.write(f"{base.name}_BASE", region.base)
        self.registers.write("PROGRAM", image.program)
        self.registers.write("WATCHDOG", watchdog)
        self.registers.write_fields("INTERRUPT_ENABLE", done=1, error=1)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.device.close()

    @property
    def state(self) -> State:
        """What the machine is doing."""
        return State(self.registers.field("STATUS", "state"))

    def run(
        self,
        tokens: ArrayLike,
        targets: ArrayLike = (),
        threshold: float = 0.0,
        max_passes: int = 0,
        *,
        timeout: float = 600.0,
    ) -> Answer:
        """Run the model on a sentence.

        Parameters
        ----------
        tokens : array of int, [T]
        targets : array of int, [n]
            Positions of the tokens that off-ramps look at; none for a classifier.
        threshold : float
            Leave when every target's entropy is below it, in nats; 0: never.
        max_passes : int
            Passes at most; 0: as many as the model has.
        timeout : float
            Seconds to wait for the end.

        Raises
        ------
        ValueError, TypeError
            The sentence or a number is not what the image takes; nothing has been written.
        RunError
            A fault stopped the run; the machine has been reset and is ready.
        DeviceTimeoutError
            It did not end in time; the machine has been reset and is ready, unless the message
            says otherwise.
        """
        ids, places = np.asarray(tokens), np.asarray(targets)
        for name, numbers in (("tokens", ids), ("targets", places)):
            if numbers.ndim != 1:
                raise ValueError(f"{name} must be those of one sentence, not {numbers.ndim}-fold")
            if numbers.size and numbers.dtype.kind not in "iu":
                raise TypeError(f"{name} must be ints, not {numbers.dtype}")
        level = to_register(threshold)
        require_between("max_passes", max_passes, 0, (1 << PASS_WIDTH) - 1)
        data = self.image.input_bytes(ids, places)
        num = max(1, places.size)
        self._require_ready()
        self._write_run(data, length=ids.size, targets=num, threshold=level, passes=max_passes)
        self.registers.write_fields("CONTROL", start=1)
        if self.registers.field("STATUS", "refused"):
            raise DeviceError(f"the doorbell was refused; the machine is {self.state.name}")
        if not self.device.wait(timeout):
            self.reset()
            raise DeviceTimeoutError(f"the run must end within {timeout:g} seconds, and did not")
        state = self.state
        if state is State.ERROR:
            fault = self._fault()
            self.reset()
            raise fault
        if state is not State.DONE:
            raise DeviceError(f"the machine must be DONE after a run, not {state.name}")
        return self._answer(num)

    def output(self) -> NDArray[np.uint8]:
        """The OUTPUT region as the last run left it; ``Image.hidden_codes`` reads it."""
        region = self.regions[MemoryBase.OUTPUT]
        return self.device.read_memory(region.base, self.image.output_words * self.image.word_bytes)

    def reset(self) -> None:
        """Reset all of the machine but its settings; then it is ready.

        Raises
        ------
        DeviceTimeoutError
            It does not become IDLE: memory has not answered what was asked before.
        """
        self.registers.write_fields("CONTROL", soft_reset=1)
        deadline = time.monotonic() + _RESET_SECONDS
        while (state := self.state) is not State.IDLE:
            if time.monotonic() > deadline:
                raise DeviceTimeoutError(
                    f"the machine must be IDLE {_RESET_SECONDS:g} seconds after a soft reset, "
                    f"not {state.name}"
                )

    def _place(self, memory: MemoryRange) -> dict[MemoryBase, MemoryRange]:
        """The regions one after the other."""
        image = self.image
        sizes = {
            MemoryBase.IMAGE: len(image.data),
            MemoryBase.INPUT: image.input_words * image.word_bytes,
            MemoryBase.OUTPUT: image.output_words * image.word_bytes,
            MemoryBase.SCRATCH: image.scratch_words * image.word_bytes,
        }
        found, end = {}, memory.base
        for base, size in sizes.items():
            start = -(-end // _ALIGNMENT) * _ALIGNMENT
            found[base] = MemoryRange(start, max(1, size))
            end = start + size
        if end > memory.end:
            raise MemoryRangeError(
                f"image, input, output and scratch need {end - memory.base} bytes of memory; "
                f"the device has {memory.size}"
            )
        if end > 1 << self.machine.address_width:
            raise MemoryRangeError(
                f"memory must end within {self.machine.address_width} address bits, not at {end:#x}"
            )
        return found

    def _require_ready(self) -> None:
        if (state := self.state) not in (State.IDLE, State.DONE):
            raise DeviceError(f"the machine must be IDLE or DONE before a run, not {state.name}")

    def _write_run(
        self, data: NDArray[np.uint8], *, length: int, targets: int, threshold: int, passes: int
    ) -> None:
        """INPUT, the run registers, and nothing left of the last run."""
        output = self.regions[MemoryBase.OUTPUT]
        self.device.write_memory(self.regions[MemoryBase.INPUT].base, data)
        self.device.write_memory(
            output.base, bytes(self.image.output_words * self.image.word_bytes)
        )
        registers = self.registers
        registers.write("LENGTH", length)
        registers.write("TARGETS", targets)
        registers.write("THRESHOLD", threshold)
        registers.write("MAX_PASSES", passes)
        registers.write_fields("STATUS", refused=1)
        registers.write_fields("INTERRUPT_STATUS", done=1, error=1)

    def _fault(self) -> RunError:
        error, pc = self.registers.fields("ERROR"), self.registers.read("ERROR_PC")
        notes = self.image.notes
        return RunError(
            MachineFault(error["code"]),
            unit=Unit(error["unit"]),
            pc=pc,
            address=self.registers.read("ERROR_ADDRESS"),
            detail=error["detail"],
            note=notes[pc] if pc < len(notes) else "",
            reason=self.device.reason,
        )

    def _answer(self, targets: int) -> Answer:
        registers = self.registers
        passes = registers.read("PASSES")
        output = self.output()
        if self.image.values:
            return Answer(
                predicted_class=0,
                entropy=0.0,
                passes=passes,
                exited=False,
                records=(),
                values=tuple(self.image.outputs(output)[:passes].tolist()),
                saturated=read_saturated(registers),
                counters=self._counters(),
            )
        records = self.image.records(output, targets)
        return Answer(
            predicted_class=registers.read("PREDICTED_CLASS"),
            entropy=from_register(registers.read("ENTROPY")),
            passes=passes,
            exited=bool(registers.read("EXITED")),
            records=tuple(tuple(map(_record, of_pass)) for of_pass in records[:passes]),
            saturated=read_saturated(registers),
            counters=self._counters(),
        )

    def _counters(self) -> Counters | None:
        return read_counters(self.registers) if self.device.has_time else None


def _record(found: np.void) -> Record:
    return Record(
        predicted_class=int(found["class"]),
        entropy=float(found["entropy"]),
        is_below=bool(found["exit"]),
    )
