"""Every RTL test runs under both simulators unless it says why not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from support.conversions import kept_conversions
from support.simulate import BUILD_ROOT, SIMULATORS

# Before anything imports numpy or torch: with two threads each, tests that share the cores wait for
# one another at every matrix product (measured: 29 CPU seconds for what takes 1.5).
for _library in ("OPENBLAS", "OMP"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

# The same examples every time, and no clock: a loaded machine is no reason to fail.
settings.register_profile("regression", deadline=None, derandomize=True)
settings.load_profile("regression")


@pytest.fixture(scope="session", autouse=True)
def conversions() -> Iterator[None]:
    """Of this machine's earlier runs, too."""
    with kept_conversions(BUILD_ROOT / "verilog"):
        yield


@pytest.fixture(params=SIMULATORS)
def simulator(request: pytest.FixtureRequest) -> str:
    """The simulator a test runs under; a test that takes it runs once under each."""
    return request.param
