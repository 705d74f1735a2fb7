"""The simulator as a process: it dies, stops, comes back, and its ledger says the truth all along."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.carriers.receiver import Receiver
from tests.carriers.running import RunningSimulator, a_call_request
from tests.patience import PATIENCE_SECONDS
from worker.carriers.base import Accepted, Ambiguous, CarrierCall, NotSent, Outcome, Rejected
from worker.domain.model import CallState, Disposition

LONG, SHORT, CHANGING = "+12025550001", "+12025550002", "+12025550003"
SCRIPT: dict[str, Any] = {
    LONG: {"ring": 0, "talk": 600},
    SHORT: {"ring": 0, "talk": 1},
    CHANGING: [{"reject": 429}, {"ring": 1, "end": "busy"}, {"ring": 0, "talk": 1}],
    "*": {"ring": 600},
}

Start = Callable[..., RunningSimulator]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts simulators that end with the test."""
    started: list[RunningSimulator] = []

    def start(*options: str, script: dict[str, Any] | None = SCRIPT, speed: float = 20.0) -> RunningSimulator:
        started.append(RunningSimulator(tmp_path, script, *options, speed=speed))
        return started[-1]

    yield start
    for simulator in started:
        simulator.stop()


def test_sigterm_ends_it_cleanly(start: Start, receiver: Receiver) -> None:
    simulator = start()
    carrier = simulator.carrier()
    placed = a_call_request(LONG, receiver.callback_url)
    carrier.place(placed)
    receiver.wait_for_event(placed.token, "answered")

    assert simulator.stop() == 0

    assert [call.token for call in simulator.ledger().live()] == [placed.token]
    assert isinstance(carrier.place(a_call_request(SHORT, receiver.callback_url)), NotSent)
    carrier.close()


def test_the_ledger_of_a_killed_simulator_holds_every_call_it_accepted(start: Start, receiver: Receiver) -> None:
    simulator = start()
    carrier = simulator.carrier()
    outcomes: list[Outcome] = []
    enough = threading.Event()

    def place_until_it_is_gone(line: int) -> None:
        for n in range(10_000):
            outcome = carrier.place(a_call_request(f"+1202{line}{n:06}", receiver.callback_url))
            outcomes.append(outcome)
            if len(outcomes) > 100:
                enough.set()
            if not isinstance(outcome, Accepted):
                return

    threads = [threading.Thread(target=place_until_it_is_gone, args=(line,)) for line in range(4)]
    for thread in threads:
        thread.start()
    assert enough.wait(PATIENCE_SECONDS)
    simulator.kill()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)

    accepted = {outcome.carrier_call_id for outcome in outcomes if isinstance(outcome, Accepted)}
    others = [outcome for outcome in outcomes if not isinstance(outcome, Accepted)]
    written = simulator.ledger()
    assert len(accepted) >= 97
    assert accepted <= {call.call_id for call in written.placed}
    assert len(written.placed) <= len(outcomes)
    assert all(isinstance(outcome, Ambiguous | NotSent) for outcome in others)
    assert written.peak_concurrent() == len(written.placed)
    assert written.overlapping_callees() == ()
    carrier.close()


def test_a_restart_fails_the_calls_that_were_live_and_reports_it(start: Start, receiver: Receiver) -> None:
    simulator = start()
    carrier = simulator.carrier()
    live, over = (a_call_request(number, receiver.callback_url) for number in (LONG, SHORT))
    placed, finished = carrier.place(live), carrier.place(over)
    assert isinstance(placed, Accepted)
    assert isinstance(finished, Accepted)
    receiver.wait_for_event(live.token, "answered")
    receiver.wait_for_end(over.token)
    carrier.close()

    simulator.kill()
    simulator.restart()

    assert [seen.event for seen in receiver.wait_for_end(live.token)] == ["answered", "ended"]
    carrier = simulator.carrier()
    failed = CarrierCall(placed.carrier_call_id, CallState.ENDED, Disposition.FAILED)
    answered = CarrierCall(finished.carrier_call_id, CallState.ENDED, Disposition.ANSWERED)
    assert carrier.find(live) == (failed,)
    assert carrier.get(over, finished.carrier_call_id) == answered
    assert len(receiver.about(over.token)) == 2
    assert simulator.ledger().live() == ()
    assert simulator.stats()["live"] == 0
    carrier.close()


def test_a_restart_goes_on_with_the_next_life_of_a_number(start: Start, receiver: Receiver) -> None:
    simulator = start()
    carrier = simulator.carrier()
    assert isinstance(carrier.place(a_call_request(CHANGING, receiver.callback_url)), Rejected)
    carrier.close()
    simulator.kill()
    simulator.restart()
    carrier = simulator.carrier()

    second, third = (a_call_request(CHANGING, receiver.callback_url) for _ in range(2))
    carrier.place(second)
    receiver.wait_for_end(second.token)
    carrier.place(third)
    receiver.wait_for_end(third.token)

    assert simulator.ledger().ended_by_disposition() == {"busy": 1, "completed": 1}
    assert [request.attempt for request in simulator.ledger().not_placed] == [1]
    carrier.close()


def test_the_same_seed_gives_the_same_lives_whatever_the_order(tmp_path: Path, receiver: Receiver) -> None:
    numbers = [f"+1202555{n:04}" for n in range(40)]

    def dispositions(name: str, seed: str, called: list[str]) -> dict[str, str | None]:
        folder = tmp_path / name
        folder.mkdir()
        simulator = RunningSimulator(folder, None, "--seed", seed, speed=10_000)
        carrier = simulator.carrier()
        call_requests = [a_call_request(number, receiver.callback_url) for number in called]
        for call_request in call_requests:
            carrier.place(call_request)
        for call_request in call_requests:
            receiver.wait_for_end(call_request.token)
        carrier.close()
        simulator.stop()
        return {call.to_number: call.disposition for call in simulator.ledger().placed}

    first = dispositions("first", "7", numbers)
    assert dispositions("again", "7", numbers[::-1]) == first
    assert dispositions("other", "8", numbers) != first
    assert len(set(first.values())) >= 3


def test_two_simulators_never_share_a_ledger(start: Start) -> None:
    simulator = start()

    second = subprocess.run(simulator.command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)

    assert second.returncode == 2
    assert "Another simulator" in second.stderr
    assert simulator.stats()["live"] == 0


def test_the_port_is_written_to_a_file(start: Start, tmp_path: Path) -> None:
    simulator = start("--port-file", str(tmp_path / "port"))

    assert simulator.url.endswith(f":{(tmp_path / 'port').read_text().strip()}")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--script", "SCRIPT"], ["+12025550001[0].rng", "+12025550001[1].end"]),
        (["--odds", "eaten=1"], ["odds"]),
        (["--speed", "0", "--nasty", "2", "--secret", ""], ["speed", "nasty", "secret"]),
    ],
)
def test_faulty_options_are_shown_before_anything_runs(tmp_path: Path, options: list[str], named: list[str]) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"+12025550001": [{"rng": 5}, {"end": "badly"}]}))
    ledger_path = tmp_path / "ledger.jsonl"
    command = [
        sys.executable,
        "-m",
        "worker.simulator",
        "--secret",
        "s",
        "--ledger",
        str(ledger_path),
    ]
    command += [str(script) if option == "SCRIPT" else option for option in options]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)

    assert ended.returncode == 2
    assert [path for path in named if f"{path}:" not in ended.stderr] == []
    assert not ledger_path.exists()


def test_peaks_and_totals_agree_between_the_statistics_and_the_ledger(start: Start, receiver: Receiver) -> None:
    simulator = start()
    carrier = simulator.carrier()
    call_requests = [
        a_call_request(f"+1202555{n:04}", receiver.callback_url, from_number=f"+1202444000{n % 2}", account_id="a1")
        for n in range(100, 110)
    ]
    placed = [carrier.place(call_request) for call_request in call_requests]
    for call_request, outcome in zip(call_requests[:4], placed, strict=False):
        assert isinstance(outcome, Accepted)
        carrier.end(call_request, outcome.carrier_call_id)
    carrier.place(a_call_request(call_requests[0].to_number, receiver.callback_url))

    written, stats = simulator.ledger(), simulator.stats()

    assert (stats["live"], stats["peak"], stats["placed"]) == (7, 10, 11)
    assert len(written.live()) == 7
    assert written.peak_concurrent() == 10
    assert written.peak_per("from") == {"+12024440000": 5, "+12024440001": 5, "+12025550000": 1}
    assert written.peak_per("account") == {"a1": 10, "account_1": 1}
    assert written.calls_per_callee()[call_requests[0].to_number] == 2
    assert written.overlapping_callees() == ()
    assert written.ended_by_disposition() == {"canceled": 4}
    carrier.close()


def test_a_second_call_to_a_callee_who_is_still_talking_shows_as_an_overlap(start: Start, receiver: Receiver) -> None:
    simulator = start()
    carrier = simulator.carrier()
    first, second = (a_call_request(LONG, receiver.callback_url) for _ in range(2))
    carrier.place(first)
    carrier.place(second)

    (overlap,) = simulator.ledger().overlapping_callees()

    assert (overlap.to_number, overlap.first.token, overlap.second.token) == (LONG, first.token, second.token)
    carrier.close()


def test_each_fact_is_on_disk_before_its_callback(start: Start) -> None:
    """The receiver reads the ledger while the simulator waits for its acknowledgement."""
    simulator = start()
    carrier, receiver = simulator.carrier(), Receiver()
    facts_by_event: dict[str, list[str]] = {}

    def look_into_the_ledger(received: Any) -> int:
        lines = simulator.ledger_path.read_text().splitlines()
        facts_by_event[received.event] = [json.loads(line)["fact"] for line in lines]
        return 204

    receiver.status = look_into_the_ledger
    receiver.start()
    placed = a_call_request(SHORT, receiver.callback_url)
    carrier.place(placed)
    receiver.wait_for_end(placed.token)
    simulator.wait_for_stats(lambda stats: stats["callbacks"]["delivered"] == 2)

    assert facts_by_event["answered"][:2] == ["placed", "answered"]
    assert facts_by_event["ended"] == ["placed", "answered", "ended"]
    receiver.close()
    carrier.close()
