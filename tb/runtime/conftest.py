"""One build of one machine for all tests of the runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from alembert_runtime import GoldenDevice
from alembert_runtime.simulated import SimulatedDevice
from alembert_runtime.simulation_build import Simulation, build_simulation
from runtime.models import MACHINE, MEMORY
from support.simulate import BUILD_ROOT

MakeDevice = Callable[..., SimulatedDevice]


@pytest.fixture(scope="session")
def simulation() -> Simulation:
    return build_simulation(MACHINE, build_root=BUILD_ROOT / "runtime")


@pytest.fixture
def simulated(simulation: Simulation) -> Iterator[MakeDevice]:
    """Makes simulated devices, and closes them."""
    devices: list[SimulatedDevice] = []

    def make(**options) -> SimulatedDevice:
        devices.append(SimulatedDevice(simulation, **{"memory": MEMORY, **options}))
        return devices[-1]

    yield make
    for device in devices:
        device.close()


@pytest.fixture
def golden() -> GoldenDevice:
    return GoldenDevice(MACHINE, memory=MEMORY)
