"""Every RTL test runs under both simulators unless it says why not."""

from __future__ import annotations

import pytest
from support.simulate import SIMULATORS


@pytest.fixture(params=SIMULATORS)
def simulator(request: pytest.FixtureRequest) -> str:
    """The simulator a test runs under; a test that takes it runs once under each."""
    return request.param
