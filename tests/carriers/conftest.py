"""One simulator and one receiver for the module: starting a process costs more than most of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.carriers.receiver import Receiver
from tests.carriers.running import RunningSimulator
from worker.carriers.simulated.adapter import SimulatorCarrier


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver().start()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def simulator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    """Runs the module's ``SCRIPT``."""
    folder: Path = tmp_path_factory.mktemp("simulator")
    running = RunningSimulator(folder, request.module.SCRIPT)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def carrier(simulator: RunningSimulator) -> Iterator[SimulatorCarrier]:
    carrier = simulator.carrier()
    yield carrier
    carrier.close()
