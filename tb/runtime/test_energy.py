"""The energy proxy: published numbers, counts by hand, and what a machine counted."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from alembert.config import AdaptivFloatFormat, FormatPair, IntegerFormat, TernaryFormat
from alembert.config.axi import AxiConfig
from alembert.config.isa import Unit
from alembert.config.machine import MachineConfig
from alembert.config.memory import ScratchpadConfig
from alembert.config.presets import PRESETS
from alembert_compiler.assembler import assemble
from alembert_compiler.cycles import Prediction, Record, UnitCycles, predict
from alembert_golden.decoder import resolve
from alembert_runtime.answer import Counters, UnitCounters
from alembert_runtime.energy import (
    TRANSISTORS_PER_MAC,
    WorkCounts,
    count_work,
    estimate_energy,
    mac_energy,
    scratchpad_energy,
)
from runtime.models import MACHINE

RESULTS = Path(__file__).parents[2] / "bench" / "results.json"


def test_transistors_are_those_that_were_measured() -> None:
    figures = {each["name"]: each["value"] for each in json.loads(RESULTS.read_text())}
    for name, value in TRANSISTORS_PER_MAC.items():
        assert figures[f"area.vmac16.{name}.transistors_per_mac"] == value


def test_published_numbers() -> None:
    """INT8 is 0.2 pJ + 0.1 pJ; 64 bits take 10 pJ of 8 KB, 20 pJ of 32 KB, 100 pJ of 1 MB."""
    int8 = FormatPair(activation=IntegerFormat(), weight=IntegerFormat())
    assert mac_energy(int8) == pytest.approx(0.3, rel=1e-12)
    for words, energy, within in ((1024, 10, 1e-12), (4096, 20, 1e-12), (1 << 17, 100, 0.14)):
        scratchpad = ScratchpadConfig(word_width=64, words=words * 4, banks=4)
        machine = MachineConfig(
            main=replace(MACHINE.main, vmac=replace(MACHINE.main.vmac, lanes=8)),
            scratchpad=scratchpad,
            axi=AxiConfig(data_width=64),
        )
        assert scratchpad_energy(machine) == pytest.approx(energy, rel=within)
    work = WorkCounts(macs=(0,), scratchpad_words=0, memory_beats=1)
    assert estimate_energy(PRESETS["edge16"].machine, work).memory == 1.3
    assert estimate_energy(MACHINE, work).memory == 0.65  # 32 bits


def test_formats_beside_int8() -> None:
    found = {name: mac_energy(PRESETS[name].machine.main.vmac.pair) for name in PRESETS}
    assert found["edge16"] == found["tiny"] == pytest.approx(0.3 * 4734.1 / 3324.6)
    assert found["edge16_ternary"] == pytest.approx(0.3 * 946.2 / 3324.6)
    four = FormatPair(activation=IntegerFormat(), weight=IntegerFormat(width=4))
    assert mac_energy(four) == pytest.approx(0.3 * 1888.6 / 3324.6)
    six = AdaptivFloatFormat(width=6)
    with pytest.raises(ValueError) as caught:
        mac_energy(FormatPair(activation=six, weight=six))
    assert str(caught.value) == (
        "formats of a MAC must be one of adaptivfloat8_3, int8, int8_int4, ternary, "
        "not adaptivfloat6_3"
    )
    ternary = FormatPair(activation=IntegerFormat(), weight=TernaryFormat())
    assert mac_energy(ternary) == found["edge16_ternary"]


PROGRAM = """
    load rows=3 columns=5 o_stride=5 o_address=0
    linear rows=9 columns=6 depth=8 o_address=100 o_stride=2 a_address=0 a_stride=2
    matmul rows=9 columns=5 depth=7 o_address=200 o_stride=3 a_address=0 a_stride=2 b_address=50
        b_stride=2 kind=WIDE
    softmax rows=2 columns=9 a_address=200 a_stride=5 o_address=300 o_stride=3
    entropy rows=1 columns=5 a_address=200 a_stride=3 o_address=400 o_stride=2
    store rows=1 columns=2 a_address=400 a_stride=2 memory_base=OUTPUT
    halt
"""


def test_work_by_hand() -> None:
    """On 4 lanes, 4 VMACs, 8 rows, and words of 4 codes or 2 wide numbers."""
    program = assemble(PROGRAM.replace("\n        ", " "))
    run = predict(MACHINE, program, length=9)
    counted = count_work(MACHINE, run)
    linear = 9 * 2 * 2  # rows, tiles of 4 columns, tiles of 4 lanes
    matmul = 9 * 2 * 2
    assert counted.macs == ((linear + matmul) * 16,)
    words = {
        "load": 3 * 5,
        "linear": linear + 9 * 2,  # a word a vector; codes
        "matmul": matmul + 2 * 2 * 5 + 9 * 3,  # b for two blocks of rows and two tiles; wide
        "softmax": 2 * 5 + 2 * 3,
        "entropy": 3 + 2,
        "store": 2,
    }
    assert counted.scratchpad_words == sum(words.values())
    assert counted.memory_beats == run.read_beats + run.written_beats
    energy = estimate_energy(MACHINE, counted)
    assert energy.arrays == pytest.approx(counted.macs[0] * 0.3e-3 * 4734.1 / 3324.6)
    each = 10e-3 * math.sqrt(8192 * 4 / 4 / 8192) / 2  # banks of 8 KB, words of 32 bits
    assert energy.scratchpad == pytest.approx(sum(words.values()) * each)
    assert energy.memory == pytest.approx(counted.memory_beats * 0.65)
    assert energy.total == energy.arrays + energy.scratchpad + energy.memory


def test_counters_replace_what_is_predicted() -> None:
    run = predict(MACHINE, assemble(PROGRAM.replace("\n        ", " ")), length=9)
    none = UnitCounters(busy=0, stall=0, instructions=0)
    units = dict.fromkeys(Unit, none) | {Unit.MATRIX: replace(none, issues=7)}
    counters = Counters(cycles=1, read_beats=20, write_beats=3, units=units)
    counted = count_work(MACHINE, run, counters)
    assert (counted.macs, counted.memory_beats) == ((7 * 16,), 23)
    assert counted.scratchpad_words == count_work(MACHINE, run).scratchpad_words


def test_two_arrays() -> None:
    """Ternary products and those of activations are counted apart."""
    machine = PRESETS["edge16_ternary"].machine
    program = assemble(
        "linear rows=3 columns=16 depth=64 o_address=100 o_stride=1 a_stride=4\n"
        "matmul unit=1 rows=3 columns=4 depth=16 o_address=300 o_stride=1 a_stride=1 "
        "b_address=500 b_stride=1\n"
    )
    units = (Unit.MATRIX, Unit.ATTENTION)
    run = Prediction(
        cycles=9,
        units={unit: UnitCycles(instructions=1, busy=3, stalled=0, work=3) for unit in units},
        instructions=tuple(
            Record(
                number=number,
                pass_number=1,
                unit=unit,
                instruction=resolve(each.encode(), machine, length=3, targets=1),
                work=3,
            )
            for number, (each, unit) in enumerate(zip(program, units))
        ),
        passes=((0, 9),),
        read_beats=5,
        written_beats=2,
    )
    counted = count_work(machine, run)
    assert (counted.macs, counted.memory_beats) == ((3 * 64 * 16, 3 * 16 * 4), 7)
    assert counted.scratchpad_words == (3 * 4 + 3) + (3 + 4 + 3)
    expected = 3 * 64 * 16 * 0.3 * 946.2 / 3324.6 + 3 * 16 * 4 * 0.3
    assert estimate_energy(machine, counted).arrays == pytest.approx(expected / 1000)
