"""Bad input is refused before anything is written; images and machines that do not fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from alembert import __version__
from alembert_runtime import (
    DeviceError,
    GoldenDevice,
    IncompatibleError,
    MemoryRange,
    MemoryRangeError,
    Session,
)
from runtime.conftest import MakeDevice
from runtime.models import MACHINE, MEMORY, classifier_image, masked_image

BAD = [
    (([], [0]), {}, ValueError, "there must be 1…16 token ids, not 0"),
    ((np.zeros(17, int), [0]), {}, ValueError, "there must be 1…16 token ids, not 17"),
    (([1, 23], [0]), {}, ValueError, "token ids must be ints between 0 and 22, not 1…23"),
    (([1, -1], [0]), {}, ValueError, "token ids must be ints between 0 and 22, not -1…1"),
    (([1.0, 2.0], [0]), {}, TypeError, "tokens must be ints, not float64"),
    (([[1, 2]], [0]), {}, ValueError, "tokens must be those of one sentence, not 2-fold"),
    (([1, 2], []), {}, ValueError, "there must be 1…5 targets, not 0"),
    (([1, 2], [0] * 6), {}, ValueError, "there must be 1…5 targets, not 6"),
    (([1, 2], [2]), {}, ValueError, "targets must be ints between 0 and 1, not 2…2"),
    (([1, 2], [0.5]), {}, TypeError, "targets must be ints, not float64"),
    (([1, 2], 1), {}, ValueError, "targets must be those of one sentence, not 0-fold"),
    *(
        (
            *(([1, 2], [0]), {"threshold": value}, ValueError),
            f"threshold must be between 0 and 7.99998 nats, not {value}",
        )
        for value in (-0.1, 8.0, float("nan"), float("inf"))
    ),
    (
        *(([1, 2], [0]), {"max_passes": 65536}, ValueError),
        "max_passes must be between 0 and 65535, not 65536",
    ),
    (([1, 2], [0]), {"max_passes": 1.5}, TypeError, "max_passes must be an int, not 1.5"),
]


@pytest.mark.parametrize(("sentence", "options", "kind", "message"), BAD)
def test_bad_input_changes_nothing(
    simulated: MakeDevice,
    sentence: tuple[Any, Any],
    options: dict[str, Any],
    kind: type[Exception],
    message: str,
) -> None:
    device = simulated()
    session = Session(device, masked_image())
    before, cycles = device.read_memory(MEMORY.base, MEMORY.size), device.cycles
    with pytest.raises(kind) as caught:
        session.run(*sentence, **options)
    assert str(caught.value) == message
    assert device.cycles == cycles  # no register was touched: that takes cycles
    np.testing.assert_array_equal(device.read_memory(MEMORY.base, MEMORY.size), before)


def test_classifiers_take_no_targets(golden: GoldenDevice) -> None:
    session = Session(golden, classifier_image())
    with pytest.raises(ValueError) as caught:
        session.run([1, 2], [1])
    assert str(caught.value) == "a classifier looks at token 0 alone, not at 1 targets"


def machine_of(**changes: Any) -> dict[str, Any]:
    return {**MACHINE.describe(), **changes}


def main_of(**changes: Any) -> dict[str, Any]:
    return machine_of(main={**MACHINE.main.describe(), **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"machine": machine_of(word_width=128)},
            "the image is for a machine with word width 128, not with 32",
        ),
        (
            {"machine": main_of(activation="INT8")},
            "the image is for a machine with format of activations INT8, "
            "not with AdaptivFloat<8,3>",
        ),
        (
            {"machine": main_of(weight="ternary")},
            "the image is for a machine with format of weights ternary, not with AdaptivFloat<8,3>",
        ),
        (
            {"machine": main_of(lanes=16)},
            "the image is for a machine with main array 16 × 4, not with 4 × 4",
        ),
        (
            {"machine": machine_of(attention=MACHINE.main.describe())},
            "the image is for a machine with attention array 4 × 4, not with none",
        ),
        (
            {"scratchpad_words": 8193},
            "the image needs 8193 words of scratchpad; the machine has 8192",
        ),
        (
            {"machine": machine_of(longest_row=65)},
            "the image needs 65 values of a row; the machine has 64",
        ),
        (
            {"machine": machine_of(max_classes=65)},
            "the image needs 65 classes; the machine has 64",
        ),
    ],
)
def test_images_for_another_machine(
    golden: GoldenDevice, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(IncompatibleError) as caught:
        Session(golden, replace(masked_image(), **changes))
    assert str(caught.value) == message
    assert not golden.read_memory(MEMORY.base, MEMORY.size).any()


def test_larger_machines_will_do(golden: GoldenDevice) -> None:
    smaller = machine_of(longest_row=32, max_classes=23)
    assert Session(golden, replace(masked_image(), machine=smaller)).run([1, 2], [0]).passes == 3


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (0x000, 0, "ID must be 0x414c424d, not 0x00000000: no machine is there"),
        (
            *(0x004, 0x630000),
            "the machine's version must be that of this package but for the patch, "
            f"{__version__}, not 99.0.0",
        ),
        (0x008, 7, "the machine's ISA_VERSION must be 2, not 7"),
        (0x020, 0, "the machine must have a matrix unit, but its MAIN_ARRAY is 0"),
        (0x030, 9, "ACTIVATION_FORMAT.kind must be one of 1, 2, 3, not 9"),
    ],
)
def test_what_is_no_such_machine(
    golden: GoldenDevice, monkeypatch: pytest.MonkeyPatch, offset: int, value: int, message: str
) -> None:
    read = golden.read
    monkeypatch.setattr(golden, "read", lambda at: value if at == offset else read(at))
    with pytest.raises(IncompatibleError) as caught:
        Session(golden, masked_image())
    assert str(caught.value) == message


def test_memory_that_does_not_do() -> None:
    small = GoldenDevice(MACHINE, memory=MemoryRange(0x1_0001, 5000))
    with pytest.raises(MemoryRangeError, match=r"^image, input, output and scratch need \d+ bytes"):
        Session(small, masked_image())
    far = GoldenDevice(MACHINE, memory=MemoryRange((1 << 40) - 4096, 1 << 18))
    with pytest.raises(MemoryRangeError, match=r"^memory must end within 40 address bits, not at"):
        Session(far, masked_image())
    for base, size in ((-1, 5), (0, 0), (1 << 63, (1 << 63) + 1)):
        with pytest.raises(ValueError, match="memory range must be between"):
            MemoryRange(base, size)


def test_bytes_outside_memory(golden: GoldenDevice, simulated: MakeDevice) -> None:
    for device in (golden, simulated()):
        for address, size in ((MEMORY.base - 1, 4), (MEMORY.end - 3, 4), (0, 1)):
            with pytest.raises(MemoryRangeError) as caught:
                device.read_memory(address, size)
            assert str(caught.value) == (
                f"{size} bytes from {address:#x} on must lie in memory, "
                f"{MEMORY.base:#x}…{MEMORY.end - 1:#x}"
            )
            with pytest.raises(MemoryRangeError):
                device.write_memory(address, bytes(size))
        with pytest.raises(TypeError) as wrong:
            device.write_memory(MEMORY.base, np.zeros(3))
        assert str(wrong.value) == "what is written to memory must be bytes, not float64"


def test_devices_that_are_closed(simulated: MakeDevice) -> None:
    device = simulated()
    device.close()
    device.close()
    with pytest.raises(DeviceError, match=r"^the device is closed$"):
        device.read(0)


def test_options_of_a_simulated_device(simulated: MakeDevice) -> None:
    for name in ("read", "write"):
        with pytest.raises(ValueError) as caught:
            simulated(**{f"{name}_latency": 0})
        assert str(caught.value) == f"{name} latency must be between 1 and 65535, not 0"
