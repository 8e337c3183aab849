"""The golden machine behind the registers of the real one."""

from __future__ import annotations

import numpy as np
from alembert.config.axi import AxiFault
from alembert.config.command import MachineFault
from alembert.config.isa import Instruction, MemoryBase, Opcode, Unit, decode
from alembert.config.machine import MachineConfig
from alembert.config.register_fields import REGISTER_WIDTH, Access
from alembert.config.registers import SATURATIONS, registers_of
from alembert.config.status import State
from alembert_golden.machine import Machine, RunResult
from numpy.typing import ArrayLike, NDArray

from .device import MemoryRange, as_bytes
from .errors import RegisterRefusedError

__all__ = ["GoldenDevice"]

_READY = (State.IDLE, State.DONE)
_MEMORY = MemoryRange(0, 1 << 26)


class GoldenDevice:
    """Runs programs in numpy: the same answers bit for bit, and no cycles.

    A region ends where the next one begins, or with the memory. The doorbell's write returns when
    the run has ended. OUTPUT and SCRATCH are 0 when a run begins; a machine leaves there what is.

    Parameters
    ----------
    config : MachineConfig
        The machine.
    memory : MemoryRange
        Its memory.
    """

    has_time = False

    def __init__(self, config: MachineConfig, *, memory: MemoryRange = _MEMORY):
        self.config = config
        self.memory = memory
        self.reason = ""
        self._map = registers_of(config)
        self._machine = Machine(config)
        self._bytes = np.zeros(memory.size, dtype=np.uint8)
        self._words = {register.name: register.reset for register in self._map.registers}
        self._state = State.IDLE

    def read(self, offset: int) -> int:
        """Read a register."""
        register = self._map.at(offset)
        if register is None:
            raise RegisterRefusedError(f"there is no register at {offset:#x}")
        return self._words[register.name]

    def write(self, offset: int, value: int) -> None:
        """Write a register; the doorbell runs the program."""
        register = self._map.at(offset)
        if register is None:
            raise RegisterRefusedError(f"there is no register at {offset:#x}")
        if not register.is_writable:
            raise RegisterRefusedError(f"{register.name} cannot be written")
        meant = [
            field for field in register.fields if field.access is Access.RW or value & field.mask
        ]
        if self._state not in _READY and any(field.is_locked for field in meant):
            self._set("STATUS", refused=1)
            raise RegisterRefusedError(
                f"{register.name} cannot be written in state {self._state.name}"
            )
        for field in meant:
            match field.access:
                case Access.RW:
                    kept = self._words[register.name] & ~field.mask
                    self._words[register.name] = kept | value & field.mask
                case Access.W1C:
                    self._words[register.name] &= ~(value & field.mask)
        if register.name == "CONTROL":
            self._control(is_reset=bool(value & register.field("soft_reset").mask))

    def read_memory(self, address: int, size: int) -> NDArray[np.uint8]:
        """Read bytes."""
        start = self.memory.require(address, size)
        return self._bytes[start : start + size].copy()

    def write_memory(self, address: int, data: ArrayLike | bytes) -> None:
        """Write bytes."""
        content = as_bytes(data)
        start = self.memory.require(address, content.size)
        self._bytes[start : start + content.size] = content

    def wait(self, timeout: float) -> bool:
        """Whether a run has ended; nothing happens meanwhile."""
        return bool(self._words["INTERRUPT_STATUS"] & self._words["INTERRUPT_ENABLE"])

    def close(self) -> None:
        """Forget the memory."""
        self._bytes = np.zeros(0, dtype=np.uint8)

    def _set(self, name: str, **fields: int) -> None:
        for field, value in fields.items():
            found = self._map[name].field(field)
            self._words[name] = self._words[name] & ~found.mask | value << found.low

    def _number(self, name: str) -> int:
        """A setting of 32 or 64 bits."""
        if name in self._words:
            return self._words[name]
        return self._words[f"{name}_LO"] | self._words[f"{name}_HI"] << REGISTER_WIDTH

    def _control(self, *, is_reset: bool) -> None:
        """What a write to CONTROL asks for: a reset alone, or a run that it would cut off."""
        if is_reset:
            self._state = State.IDLE
            self._set("ERROR", code=MachineFault.NONE, unit=Unit.CONTROL, detail=0)
            self._set("ERROR_PC", value=0)
        else:
            self._run()
        self._set("STATUS", state=self._state)

    def _regions(self) -> dict[MemoryBase, NDArray[np.uint8]]:
        """The memory of each region, as views; nothing where there is no memory."""
        bases = {base: self._number(f"{base.name}_BASE") for base in MemoryBase}
        found = {}
        for base, start in bases.items():
            end = min((each for each in bases.values() if each > start), default=self.memory.end)
            is_inside = self.memory.base <= start < self.memory.end
            low = start - self.memory.base if is_inside else 0
            high = min(end, self.memory.end) - self.memory.base if is_inside else 0
            found[base] = self._bytes[low:high]
        return found

    def _refusal(self) -> AxiFault:
        """Why a base register stops a run before it begins."""
        limit = 1 << self.config.axi.address_width
        bases = {base: self._number(f"{base.name}_BASE") for base in MemoryBase}
        for fault, rule, breaks in (
            (AxiFault.OUT_OF_RANGE, f"below {limit:#x}", lambda at: at >= limit),
            (AxiFault.MISALIGNED, "a word's address", lambda at: at % self.config.word_bytes),
        ):
            for base, address in bases.items():
                if breaks(address):
                    self.reason = f"{base.name}_BASE must be {rule}, not {address:#x}"
                    return fault
        return AxiFault.NONE

    def _run(self) -> None:
        self.reason = ""
        for name in SATURATIONS.values():
            self._set(name.upper(), value=0)
        if refusal := self._refusal():
            self._stop(MachineFault.DMA_READ, Unit.DMA, detail=refusal)
            return
        regions = self._regions()
        result = self._machine.run(
            regions[MemoryBase.IMAGE].tobytes(),
            regions[MemoryBase.INPUT][np.newaxis],
            program=self._number("PROGRAM"),
            length=self._number("LENGTH"),
            targets=self._number("TARGETS"),
            threshold=self._number("THRESHOLD"),
            max_passes=self._number("MAX_PASSES"),
            output_bytes=regions[MemoryBase.OUTPUT].size,
            scratch_bytes=regions[MemoryBase.SCRATCH].size,
        )
        regions[MemoryBase.OUTPUT][:] = result.output[0]
        regions[MemoryBase.SCRATCH][:] = result.scratch[0]
        self._report(result)

    def _report(self, result: RunResult) -> None:
        for name, value in (
            ("PASSES", result.passes),
            ("EXITED", result.exited),
            ("PREDICTED_CLASS", result.predicted_class),
            ("ENTROPY", result.entropy),
        ):
            self._set(name, value=int(value[0]))
        for name, count in zip(SATURATIONS.values(), result.saturated[0], strict=True):
            self._set(name.upper(), value=int(count))
        fault = result.fault[0]
        if fault is MachineFault.NONE:
            self._state = State.DONE
            self._set("INTERRUPT_STATUS", done=1)
            return
        self.reason = result.reason[0]
        number = int(result.fault_number[0])
        self._stop(fault, self._unit_of(fault, number), pc=number)

    def _stop(self, fault: MachineFault, unit: Unit, *, detail: int = 0, pc: int = 0) -> None:
        self._state = State.ERROR
        self._set("ERROR", code=fault, unit=unit, detail=detail)
        self._set("ERROR_PC", value=pc)
        self._set("INTERRUPT_STATUS", error=1)

    def _unit_of(self, fault: MachineFault, number: int) -> Unit:
        """Whose fault it is: the instruction's unit, if it got that far."""
        match fault:
            case MachineFault.DMA_READ | MachineFault.DMA_WRITE | MachineFault.INDEX:
                return Unit.DMA
            case MachineFault.WEIGHTS_READ:
                return Unit.MATRIX
            case MachineFault.UNIT:
                return _executor(self._instruction(number))
        return Unit.CONTROL

    def _instruction(self, number: int) -> Instruction:
        size = self.config.instruction_words * self.config.word_bytes
        start = self._number("PROGRAM") * self.config.word_bytes + number * size
        code = self._regions()[MemoryBase.IMAGE][start : start + size].tobytes()
        return decode(int.from_bytes(code, "little"))


def _executor(instruction: Instruction) -> Unit:
    if instruction.opcode in (Opcode.LINEAR, Opcode.MATMUL) and instruction["unit"]:
        return Unit.ATTENTION
    return instruction.format.unit
