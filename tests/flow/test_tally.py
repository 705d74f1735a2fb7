"""What strangers cause is counted without a row of the database or a line of the log for each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.world import World
from worker.domain.errors import Unavailable
from worker.flow import tally
from worker.flow.tally import FOREIGN, REFUSED, CallbackTally
from worker.store import events


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What time it is, by the machine's clock; stands still unless the test says otherwise."""
    at = [1000.0]
    monkeypatch.setattr(tally, "monotonic", lambda: at[0])
    monkeypatch.setattr(tally, "EVERY_SECONDS", 600.0)
    return at


def refused(world: World) -> dict[str, int]:
    return {row.carrier: row.refused for row in world.sql("SELECT carrier, refused FROM callback_refusals")}


def lines(said: str) -> list[list[str]]:
    """What was logged, without the instant."""
    return [line.split()[4:] for line in said.splitlines()]


def test_refusals_are_written_down_and_logged_together_at_most_once_a_second(
    world: World, clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    writes, count_refused = [], events.count_refused
    monkeypatch.setattr(events, "count_refused", lambda *given: (writes.append(1), count_refused(*given)))
    capsys.readouterr()
    counts = CallbackTally()
    with ThreadPoolExecutor(8) as strangers:
        list(strangers.map(lambda n: counts.add(world.dialer.db, REFUSED, ("twilio", "telnyx")[n % 2]), range(200)))
    assert (len(writes), sum(refused(world).values())) == (1, 1), "the first is seen at once"
    clock[0] += 601
    counts.add(world.dialer.db, FOREIGN, "twilio", 3)
    assert (len(writes), refused(world)) == (2, {"twilio": 100, "telnyx": 100})
    said = lines(capsys.readouterr().out)
    assert len(said) == 4
    assert ["foreign_news", "carrier=twilio", "count=3"] in said


def test_what_came_last_is_written_down_without_another_that_comes(
    world: World, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "EVERY_SECONDS", 0.1)
    counts = CallbackTally()
    for _ in range(5):
        counts.add(world.dialer.db, REFUSED, "twilio")
    assert counts._later is not None
    counts._later.join()
    assert refused(world) == {"twilio": 5}


def test_a_database_that_is_away_keeps_nobody_from_going_on_and_nothing_from_being_counted(
    world: World, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = CallbackTally()
    with monkeypatch.context() as away:

        def fail(*_: object) -> None:
            raise Unavailable("PostgreSQL is away")

        away.setattr(tally, "transact", fail)
        counts.add(world.dialer.db, REFUSED, "twilio")
    clock[0] += 601
    counts.add(world.dialer.db, REFUSED, "twilio")
    assert refused(world) == {"twilio": 2}
