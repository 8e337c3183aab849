"""A program of every instruction but RESCALE on a few words of data, and its golden results."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from alembert.config.isa import FORMATS, Opcode, Unit
from alembert.config.machine import MachineConfig
from alembert_compiler.assembler import assemble, to_bytes
from alembert_golden.machine import Machine
from alembert_golden.machine_run import TraceEvent
from alembert_golden.weights_layout import linear_words, pack_linear
from machine.golden_layers import any_parameters, any_weights

__all__ = ["COLUMNS", "DEPTH", "ROWS", "SmallJob"]

ROWS, DEPTH, COLUMNS = 11, 16, 12
"""Rows of the table; terms and columns of the layer."""
ROOM = 64
"""Instructions for which there is room in the image besides."""

PROGRAM = """
    load rows=1 columns={parameters} o_address=0x000 o_stride={parameters} memory_offset={norm}
    gather rows=LENGTH columns={codes} o_address=0x100 o_stride={codes} memory_offset={table} \
        index_base=INPUT index_offset=1 index_limit={rows}
pass:
    linear rows=LENGTH columns={columns} depth={depth} a_address=0x100 a_stride={codes} \
        o_address=0x180 o_stride=8 kind=WIDE memory_offset={layer}
    softmax rows=LENGTH columns={columns} a_address=0x180 a_stride=8 o_address=0x200 o_stride=4 \
        exponent=-7
    gelu rows=LENGTH columns={columns} a_address=0x180 a_stride=8 o_address=0x240 o_stride=4 \
        exponent=-4
    matmul rows=LENGTH columns=LENGTH depth={columns} a_address=0x200 a_stride=4 \
        b_address=0x240 b_stride=4 o_address=0x280 o_stride=8 multiplier=0x10000 shift=33 kind=WIDE
    barrier
    layernorm rows=LENGTH columns={depth} has_b=1 b_address=0x100 b_stride={codes} b_multiplier=97 \
        shift=4 epsilon=9 p_address=0 o_address=0x300 o_stride={codes} exponent=-9
    store rows=LENGTH columns={codes} a_address=0x300 a_stride={codes} memory_base=SCRATCH \
        memory_offset=7 pitch=40
    load rows=LENGTH columns={codes} o_address=0x100 o_stride={codes} memory_base=SCRATCH \
        memory_offset=7 pitch=40
    entropy rows=TARGETS columns=6 a_address=0x180 a_stride=8 o_address=0x340 o_stride=2
    store rows=TARGETS columns=2 a_address=0x340 a_stride=2 memory_base=OUTPUT memory_offset=3 \
        pitch=6
    exit target=end
    loop target=pass count={passes}
end:
    store rows=LENGTH columns=2 a_address=0x280 a_stride=8 memory_base=OUTPUT memory_offset=32
    tanh rows=LENGTH columns={columns} a_address=0x180 a_stride=8 o_address=0x380 o_stride=4 \
        exponent=-5
    store rows=LENGTH columns=3 a_address=0x380 a_stride=4 memory_base=OUTPUT memory_offset=38
    halt
"""


@dataclass
class SmallJob:
    """Image and input, and golden results of a run with two passes, or of one that leaves early.

    The program is the last that the image has, so that reading ahead goes beyond its end.

    Parameters
    ----------
    machine : MachineConfig
        With words of 32 bits.
    threshold : int
        Of the early exit.
    """

    machine: MachineConfig
    threshold: int = 0
    length: int = 3
    targets: int = 2
    image: bytes = field(init=False)
    input: bytes = field(init=False)
    words: dict[str, int] = field(init=False)
    """Where in the image things are: ``table``, ``layer``, ``norm``, ``room``, ``program``."""
    output: bytes = field(init=False)
    scratch: bytes = field(init=False)
    results: dict[str, int] = field(init=False)
    instructions: Counter[Unit] = field(init=False)
    """How many each unit executes."""

    OUTPUT_BYTES, SCRATCH_BYTES = 256, 512

    def __post_init__(self) -> None:
        machine = self.machine
        rng = np.random.default_rng(7)
        each = machine.word_bytes
        codes = DEPTH // machine.word_codes
        array = machine.main
        weights = any_weights(rng, array.vmac.pair.weight, DEPTH, COLUMNS)
        parameters = any_parameters(rng, array, DEPTH, COLUMNS, True)
        pieces = {
            "table": rng.integers(0, 256, ROWS * codes * each, dtype=np.uint8).tobytes(),
            "layer": pack_linear(weights, parameters, array, machine),
            "norm": rng.integers(-(1 << 14), 1 << 14, 2 * DEPTH).astype("<i2").tobytes(),
            "room": bytes(ROOM * 32),
        }
        assert len(pieces["layer"]) == each * linear_words(DEPTH, COLUMNS, array, machine)
        self.words, self.image = {}, b""
        for name, piece in pieces.items():
            self.words[name] = len(self.image) // each
            self.image += piece
        self.words["program"] = len(self.image) // each
        dims = {"codes": codes, "parameters": 2 * DEPTH // machine.word_wides, "passes": 2}
        dims |= {"rows": ROWS, "columns": COLUMNS, "depth": DEPTH}
        self.image += to_bytes(assemble(PROGRAM.format(**dims, **self.words)))
        numbers = rng.integers(0, ROWS, 8).astype("<u4")
        self.input = numbers.tobytes()
        self._run()

    @property
    def settings(self) -> dict[str, int]:
        """The run's registers, but for the bases."""
        settings = {"program": self.words["program"], "length": self.length}
        return settings | {"targets": self.targets, "threshold": self.threshold, "max_passes": 0}

    def _run(self) -> None:
        executed: list[Opcode] = []

        def note(event: TraceEvent) -> None:
            executed.append(event.instruction.opcode)

        found = Machine(self.machine).run(
            self.image,
            np.frombuffer(self.input, dtype=np.uint8)[np.newaxis],
            **self.settings,
            output_bytes=self.OUTPUT_BYTES,
            scratch_bytes=self.SCRATCH_BYTES,
            trace=note,
        )
        assert not any(found.fault), found.reason
        self.output, self.scratch = found.output[0].tobytes(), found.scratch[0].tobytes()
        names = ("passes", "exited", "predicted_class", "entropy")
        self.results = {name: int(getattr(found, name)[0]) for name in names}
        self.instructions = Counter(FORMATS[opcode].unit for opcode in executed)
