"""One sentence on two back ends: the same answer, and the same bytes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from alembert.config.isa import Opcode, Unit
from alembert_compiler.image import Image
from alembert_runtime import (
    Answer,
    Device,
    GoldenDevice,
    MemoryRange,
    RunError,
    Session,
    note_on_saturation,
)
from compiler.compiled_models import CONFIG, run
from numpy.typing import ArrayLike
from runtime.conftest import MakeDevice
from runtime.models import (
    MACHINE,
    MEMORY,
    TOKENS,
    classifier_image,
    far_reaching_image,
    masked_image,
    patched,
    pooled_image,
    value_image,
)

CASES = [
    (TOKENS[0], [1, 12, 4]),
    (TOKENS[1, :1], [0]),
    (np.arange(16), [15, 0, 7, 3, 8]),
    (TOKENS[2, :5], [2]),
    (TOKENS[2, :2], [1, 1, 1]),
]
LAYERS = CONFIG.num_hidden_layers


def both(golden: GoldenDevice, simulated: MakeDevice, image: Image) -> tuple[Session, Session]:
    return Session(golden, image), Session(simulated(), image)


def test_sentences_and_targets(golden: GoldenDevice, simulated: MakeDevice) -> None:
    """Of several lengths one after the other: nothing is left of the one before."""
    oracle, session = both(golden, simulated, masked_image())
    for tokens, targets in [*CASES, CASES[0]]:
        expected, found = oracle.run(tokens, targets), session.run(tokens, targets)
        assert found == expected
        np.testing.assert_array_equal(session.output(), oracle.output())
        assert (found.passes, found.exited) == (LAYERS, False)
        assert [len(of_pass) for of_pass in found.records] == [len(targets)] * LAYERS
        _check_against_machine(tokens, targets, found)
        last = found.records[-1][0]
        assert (last.predicted_class, last.entropy) == (found.predicted_class, found.entropy)


def test_values(golden: GoldenDevice, simulated: MakeDevice) -> None:
    """No entropy is taken of one output, so that no threshold makes the run leave."""
    oracle, session = both(golden, simulated, value_image())
    for tokens in (TOKENS[0], TOKENS[1, :3]):
        expected, found = oracle.run(tokens, threshold=7.0), session.run(tokens, threshold=7.0)
        assert found == expected and len(found.values) == LAYERS
        np.testing.assert_array_equal(session.output(), oracle.output())
        assert (found.passes, found.exited, found.records) == (LAYERS, False, ())


def _check_against_machine(tokens: ArrayLike, targets: list[int], found: Answer) -> None:
    """The golden machine called without registers: what session and devices share is in it too."""
    image = masked_image()
    result = run(MACHINE, image, np.asarray(tokens)[np.newaxis], targets)
    records = image.records(result.output[0], len(targets))
    for field, of_record in (("class", "predicted_class"), ("entropy", "entropy")):
        expected = [[getattr(each, of_record) for each in row] for row in found.records]
        assert records[field].tolist() == expected


def test_numbers_that_reach_far(golden: GoldenDevice, simulated: MakeDevice) -> None:
    """Functions that shift what they read back, on the whole machine."""
    oracle, session = both(golden, simulated, far_reaching_image())
    for tokens in (TOKENS[0], TOKENS[2, :5]):
        assert session.run(tokens) == oracle.run(tokens)
        np.testing.assert_array_equal(session.output(), oracle.output())


def test_early_exit(golden: GoldenDevice, simulated: MakeDevice) -> None:
    """Thresholds about each pass's entropies: the run leaves after the first pass below."""
    oracle, session = both(golden, simulated, masked_image())
    tokens, targets = CASES[0]
    everything = session.run(tokens, targets)
    largest = [max(record.entropy for record in of_pass) for of_pass in everything.records]
    for threshold in (*largest, *(entropy + 2**-16 for entropy in largest)):
        expected = oracle.run(tokens, targets, threshold)
        found = session.run(tokens, targets, threshold)
        assert found == expected
        below = [entropy < threshold for entropy in largest]
        assert found.exited == any(below)
        assert found.passes == (below.index(True) + 1 if any(below) else LAYERS)
        assert len(found.records) == found.passes
    assert session.run(tokens, targets, 7.5).passes == 1


@pytest.mark.parametrize("most", [1, 2, LAYERS, 65535])
def test_limit_of_passes(golden: GoldenDevice, simulated: MakeDevice, most: int) -> None:
    oracle, session = both(golden, simulated, masked_image())
    found = session.run(*CASES[3], max_passes=most)
    assert found == oracle.run(*CASES[3], max_passes=most)
    assert found.passes == min(most, LAYERS)


def test_classifier(golden: GoldenDevice, simulated: MakeDevice) -> None:
    oracle, session = both(golden, simulated, classifier_image())
    for tokens, _ in CASES:
        expected, found = oracle.run(tokens), session.run(tokens)
        assert found == expected
        assert [len(of_pass) for of_pass in found.records] == [1] * LAYERS
    assert session.run(CASES[0][0], threshold=5.0).exited


def test_layers_of_their_own_spans_and_a_pooler(
    golden: GoldenDevice, simulated: MakeDevice
) -> None:
    """A BERT: hidden states and records of every pass, and exits between its layers."""
    oracle, session = both(golden, simulated, pooled_image())
    for tokens, _ in CASES:
        expected, found = oracle.run(tokens), session.run(tokens)
        assert found == expected and found.passes == LAYERS
        np.testing.assert_array_equal(session.output(), oracle.output())
    entropies = [of_pass[0].entropy for of_pass in found.records]
    for threshold in entropies:
        left = session.run(CASES[-1][0], threshold=threshold + 2**-16)
        assert left == oracle.run(CASES[-1][0], threshold=threshold + 2**-16) and left.exited
    assert session.run(CASES[0][0], max_passes=2).passes == 2


def test_memory_may_take_its_time(golden: GoldenDevice, simulated: MakeDevice) -> None:
    """Latencies change cycles, and nothing else."""
    expected = Session(golden, masked_image()).run(*CASES[0])
    cycles = []
    for latency in (1, 40, 300):
        device = simulated(read_latency=latency, write_latency=latency)
        found = Session(device, masked_image()).run(*CASES[0])
        assert found == expected and found.counters is not None
        cycles.append(found.counters.cycles)
    assert cycles == sorted(set(cycles))


def test_counters(golden: GoldenDevice, simulated: MakeDevice) -> None:
    assert Session(golden, masked_image()).run(*CASES[0]).counters is None
    device = simulated()
    session = Session(device, masked_image())
    before = device.cycles
    counted = session.run(*CASES[0]).counters
    assert counted is not None
    assert 0 < counted.cycles < device.cycles - before
    units = counted.units
    assert units[Unit.ATTENTION].busy == 0 and units[Unit.ATTENTION].issues == 0
    executed = len([each for each in session.image.program_code if each.format.unit])
    assert sum(each.instructions for each in units.values()) >= executed
    for unit in (Unit.DMA, Unit.MATRIX, Unit.SPECIAL, Unit.ENTROPY):
        assert units[unit].stall <= units[unit].busy <= counted.cycles
        assert 0 < counted.utilisation(unit) < 1
    assert counted.utilisation(Unit.MATRIX) == (units[Unit.MATRIX].issues or 0) / counted.cycles
    again = session.run(*CASES[0]).counters
    assert again is not None and again.units[Unit.MATRIX] == units[Unit.MATRIX]


def test_saturated_results(golden: GoldenDevice, simulated: MakeDevice) -> None:
    """Counted alike by both back ends, anew in every run, and kept through a fault."""
    loud, _ = patched(masked_image(), Opcode.LAYERNORM, b_multiplier=0xFFFF, shift=0)
    loud, number = patched(loud, Opcode.MATMUL, exponent=0)  # scores without their shift
    faulty, _ = patched(loud, Opcode.STORE, memory_offset=1 << 30)  # behind both of them
    devices: tuple[Device, Device] = (golden, simulated())
    oracle, found = (Session(each, loud).run(*CASES[0]) for each in devices)
    assert number > 0 and found == oracle
    assert found.saturated[Unit.MATRIX] > 0 and found.saturated[Unit.SPECIAL] > 0
    assert found.saturated[Unit.ATTENTION] == 0
    assert note_on_saturation(found.saturated) == (
        "results beyond 16 bits, which count as the ends of their range: "
        f"{found.saturated[Unit.MATRIX]:,} of unit MATRIX, "
        f"{found.saturated[Unit.SPECIAL]:,} of unit SPECIAL"
    )
    for device in devices:
        session = Session(device, faulty)
        with pytest.raises(RunError):
            session.run(*CASES[0])
        assert session.registers.read("MATRIX_SATURATED") > 0
        assert session.registers.read("SPECIAL_SATURATED") > 0
        quiet = Session(device, masked_image()).run(*CASES[0])
        assert not any(quiet.saturated.values())
        assert note_on_saturation(quiet.saturated) == ""


def test_discovery_and_regions(simulated: MakeDevice) -> None:
    with Session(simulated(), masked_image()) as session:
        found = session.machine
        main = MACHINE.main
        assert (found.main.lanes, found.main.vmacs) == (main.vmac.lanes, main.vmacs)
        assert found.attention is None
        assert (found.activation, found.weight) == (MACHINE.fmt, main.vmac.pair.weight)
        assert (found.words, found.banks) == (MACHINE.scratchpad.words, MACHINE.scratchpad.banks)
        assert (found.longest_row, found.max_classes) == (64, 64)
        assert (found.data_width, found.address_width) == (32, 40)
        places = list(session.regions.values())
        assert all(each.base % 4096 == 0 for each in places)
        assert all(a.end <= b.base for a, b in pairwise(places))
        assert MEMORY.base <= places[0].base and places[-1].end <= MEMORY.end


def test_progress_is_reported(simulated: MakeDevice) -> None:
    seen: list[int] = []
    session = Session(simulated(progress=seen.append), masked_image())
    session.run(*CASES[1])
    assert seen and seen == sorted(seen)


def test_two_devices_of_one_build(simulated: MakeDevice) -> None:
    one = Session(simulated(), masked_image())
    other = Session(simulated(memory=MemoryRange(1 << 39, 1 << 18)), masked_image())
    assert one.run(*CASES[3]) == other.run(*CASES[3])
