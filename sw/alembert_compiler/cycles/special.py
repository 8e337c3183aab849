"""The special functions, row after row, and the early-exit test."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from alembert.config.isa import Opcode, ResultKind
from alembert.config.machine import MachineConfig
from alembert.config.sfu import RowBufferConfig

from .banks import Waits
from .kernel import Kernel, Process
from .matrix import MatrixUnit
from .timing import (
    ENTROPY_FIRST,
    ROW_BUFFER,
    SPECIAL_OPERANDS,
    SPECIAL_PLAN,
    special_timing,
    token_timing,
)
from .tokens import Quantiser
from .units import UnitQueue

__all__ = ["EntropyUnit", "SpecialUnit"]


class _RowBuffer:
    """Rows wait for a reduction: when a beat may enter, and when it leaves.

    Parameters
    ----------
    config : RowBufferConfig
        Beats and rows that fit.
    """

    def __init__(self, config: RowBufferConfig) -> None:
        self._left: deque[int] = deque([-1] * config.depth, maxlen=config.depth)
        self._rows: deque[int] = deque([-1] * config.rows, maxlen=config.rows)

    def room(self, beat: int) -> int:
        """The first cycle in which there is a place for a beat of the row after those that left."""
        place = self._left[beat] + 1
        return place if beat else max(place, self._rows[0] + 1)

    def leave(self, released: int, is_last: bool) -> int:
        """The next beat, of a row whose reduction is taken in a cycle: when it is at the output."""
        cycle = max(released + ROW_BUFFER - 1, self._left[-1] + 1)
        self._left.append(cycle)
        if is_last:
            self._rows.append(cycle)
        return cycle + 1


class SpecialUnit:
    """The engine of the special functions.

    Parameters
    ----------
    kernel : Kernel
    machine : MachineConfig
    queue : UnitQueue
    rivals : sequence of MatrixUnit
        Whose reads of the scratchpad come first.
    """

    def __init__(
        self,
        kernel: Kernel,
        machine: MachineConfig,
        queue: UnitQueue,
        rivals: Sequence[MatrixUnit],
    ) -> None:
        self._kernel, self._machine, self._queue = kernel, machine, queue
        self._rivals, self._waits = rivals, Waits(machine.scratchpad.banks)
        self._timing = special_timing(machine)
        self._entered = -1  # the last beat into a function
        self._left = -1  # the last one out of it; of kind TOKEN, the last word of its row
        self._outputs: deque[int] = deque()  # beats on the way out
        self._quantiser: Quantiser | None = None
        self._buffers: list[_RowBuffer] = []
        self._passed: deque[int] = deque()
        kernel.resume(self._run())

    def _run(self) -> Process:
        kernel = self._kernel
        running, taken, done = None, -1, -1
        while True:
            record = yield from self._queue.peek(taken)
            # this process may be late: rows of the one before are looked at as they enter
            record.taken = max(self._queue.shown_at, taken)
            self._queue.pop()
            given = record.instruction
            has_lifts = bool(
                given.opcode is Opcode.GELU
                and given["has_lifts"]
                and given["kind"] == ResultKind.CODES
            )
            has_bias = given.opcode is Opcode.RESCALE and bool(given["has_bias"])
            has_parameters = has_lifts or has_bias or given.opcode is Opcode.LAYERNORM
            is_token = given["kind"] == ResultKind.TOKEN
            planned = record.taken + SPECIAL_PLAN
            kept = (given.opcode, given.instruction.operands.get("a_shift", 0))
            if kept == running and not has_parameters:
                # operands of the next are read as soon as those of the one before have entered
                start = max(planned, self._entered)
                launched = max(start, self._left)
            else:
                start = launched = max(planned, done + 1)
                self._begin(given.opcode)
            if is_token:
                self._quantiser = Quantiser(token_timing(self._machine))
            beats = -(-given["columns"] // self._machine.word_wides)
            first = start + SPECIAL_OPERANDS
            # a row's parameters are read, and kept, before the first of them is given
            words = beats * (2 if given.opcode is Opcode.LAYERNORM else has_parameters)
            given_from = first + words + 1 if has_parameters else 0
            if given.opcode in (Opcode.LAYERNORM, Opcode.RESCALE) and given["has_b"]:
                first += words  # codes, or largest magnitudes, come through the same port
            record.started = max(first, self._entered + 1)
            record.work = given["rows"] * beats
            for _ in range(given["rows"]):
                if first > kernel.now:
                    yield first
                first = self._row(given.opcode, beats, first, given_from)
            record.fed = self._entered
            timing = self._timing
            way_out = timing.codes if given["kind"] == ResultKind.CODES else timing.wides
            done = self._left + way_out + 1
            self._queue.end(record, done)
            self._quantiser = None
            alone = has_parameters or is_token or given.opcode is Opcode.RESCALE
            running = None if alone else kept
            taken = launched

    def _wait(self, beats: int) -> int:
        """Cycles by which a row's beats are late, for vectors' words in their banks."""
        return self._waits.of(beats, sum(rival.reads(self._kernel.now) for rival in self._rivals))

    def _begin(self, opcode: Opcode) -> None:
        """Nothing is left of what was before."""
        special, timing = self._machine.special, self._timing
        places, outputs = 1, 1
        if opcode is Opcode.SOFTMAX:
            config = special.softmax.row_buffer
            self._buffers = [_RowBuffer(config), _RowBuffer(config)]
            places, outputs = timing.powers + 1, timing.products + 1  # and a buffer's output
        elif opcode is Opcode.LAYERNORM:
            self._buffers = [_RowBuffer(special.layernorm.buffer)]
            places, outputs = timing.residual, timing.norm_lanes + timing.norm_affine + 1
        else:
            outputs = self._stages(opcode)
        # when beats have left the stages that move together: one enters as the oldest leaves
        self._passed = deque([-timing.norm_period] * places, maxlen=places)
        self._outputs = deque([-1] * outputs, maxlen=outputs)

    def _stages(self, opcode: Opcode) -> int:
        """Of a function of one value."""
        timing = self._timing
        of = {Opcode.GELU: timing.gelu, Opcode.TANH: timing.tanh, Opcode.RESCALE: timing.rescale}
        return of[opcode]

    def _leave(self, cycle: int, is_last: bool) -> None:
        """A beat comes out of a function, at the earliest in a cycle."""
        quantiser = self._quantiser
        cycle = max(cycle, self._outputs[-1] + 1)
        if quantiser is not None:
            cycle = max(cycle, quantiser.room())
        self._outputs.append(cycle)
        end = None if quantiser is None else quantiser.enter(cycle, is_last)
        self._left = cycle if end is None else end

    def _row(self, opcode: Opcode, beats: int, first: int, given_from: int) -> int:
        """A row whose operands are there from a cycle on; when the next row's can be."""
        first = max(first, self._entered + 1)
        waits = self._wait(beats)
        if opcode is Opcode.SOFTMAX:
            self._softmax(beats, first, waits)
        elif opcode is Opcode.LAYERNORM:
            self._normalise(beats, first, waits, given_from)
        else:
            self._map(opcode, beats, first, given_from, waits)
        return self._entered + 1

    def _map(self, opcode: Opcode, beats: int, first: int, given_from: int, waits: int) -> None:
        """Value by value, in stages that move together; parameters come last."""
        stages = self._stages(opcode)
        # biases come in a stage before the results, lifts behind them
        given_from += opcode is Opcode.RESCALE and given_from > 0
        if self._quantiser is None:
            last = max(first + stages, given_from) + beats - 1 + waits
            self._entered, self._left = last - stages, last
            return
        for beat in range(beats):
            due = first + beat + waits * beat // beats
            self._entered = max(self._entered + 1, due, self._outputs[0])
            self._leave(max(self._entered + stages, given_from), beat == beats - 1)

    def _softmax(self, beats: int, first: int, waits: int) -> None:
        """Two buffers; the powers between them move together."""
        timing, (scores, powers) = self._timing, self._buffers
        for beat in range(beats):
            due = first + beat + waits * beat // beats
            self._entered = max(self._entered + 1, due, scores.room(beat))
        released = self._entered + timing.maximum
        for beat in range(beats):
            out = scores.leave(max(released, self._passed[0] - 1), beat == beats - 1)
            self._passed.append(max(out + timing.powers, self._passed[-1] + 1, powers.room(beat)))
        released = self._passed[-1] + timing.reciprocal
        for beat in range(beats):
            is_last = beat == beats - 1
            out = powers.leave(max(released, self._outputs[0] - 1), is_last)
            self._leave(out + timing.products, is_last)

    def _normalise(self, beats: int, first: int, waits: int, given_from: int) -> None:
        """The residual addition, whose beats move together; a buffer; parameters come last."""
        timing, (rows,) = self._timing, self._buffers
        pause = self._passed[-1] + timing.norm_period  # from the end of the row before
        for beat in range(beats):
            due = first + beat + waits * beat // beats
            self._entered = max(self._entered + 1, due, self._passed[0])
            passed = self._entered + timing.residual
            passed = max(passed, self._passed[-1] + 1, rows.room(beat))
            self._passed.append(max(passed, pause) if beat == beats - 1 else passed)
        released = self._passed[-1] + timing.norm_reductions
        for beat in range(beats):
            is_last = beat == beats - 1
            out = rows.leave(max(released, self._outputs[0] - 1), is_last)
            met = max(out + timing.norm_lanes, given_from)
            self._leave(met + timing.norm_affine, is_last)


class EntropyUnit:
    """The engine of ENTROPY: a row loads while the one before is tested.

    Parameters
    ----------
    kernel : Kernel
    machine : MachineConfig
    queue : UnitQueue
    """

    def __init__(self, kernel: Kernel, machine: MachineConfig, queue: UnitQueue) -> None:
        self._kernel, self._queue = kernel, queue
        self._timing = special_timing(machine)
        self._words = -(-64 // machine.scratchpad.word_width)
        kernel.resume(self._run())

    def _run(self) -> Process:
        done = -1
        while True:
            record = yield from self._queue.peek(done + 1)
            record.taken = self._kernel.now
            self._queue.pop()
            rows, classes = record.instruction["rows"], record.instruction["columns"]
            first = record.started = record.taken + ENTROPY_FIRST
            written = -1
            for _ in range(rows):
                last = first + classes - 1
                begins = max(last + 1, written + 1)
                result = begins - 1 + self._timing.test + classes
                written = result + self._words - 1
                first = begins + 1
            record.fed, record.work = last, rows * classes
            done = written + 1
            self._queue.end(record, done)
