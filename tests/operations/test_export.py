"""Everything a campaign has comes out once, as it stands."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.domain.contact_table import CONTACT_FIELDS
from worker.domain.errors import NotFound
from worker.operations import export
from worker.operations.export import CALL_FIELDS, export_calls, export_contacts
from worker.simulator.lives import Life


def contacts_of(world: World, campaign: str) -> dict[str, dict[str, Any]]:
    return {str(row["phone"]): dict(row) for row in export_contacts(world.dialer, world.team, campaign)}


def test_contacts_come_with_status_attempts_last_disposition_next_call_and_reason(world: World) -> None:
    world.script({"+12025550111": Life(1, 5), "+12025550112": Life(1, 0, Status.BUSY)})
    answered = world.contact("+12025550111", first_name="Ada", tags=["a", "b"], custom_fields={"plan": "gold"})
    busy = world.contact("+12025550112")
    campaign = world.campaign([answered, busy, world.contact("12"), world.contact("+12025550113", do_not_call=True)])
    world.run(campaign)
    world.advance(60)
    found = contacts_of(world, campaign)
    assert list(next(iter(found.values()))) == list(CONTACT_FIELDS)
    ada = found["+12025550111"]
    assert (ada["contact_id"], ada["first_name"], ada["tags"], ada["custom_fields"]) == (
        answered, "Ada", ["a", "b"], {"plan": "gold"},
    )  # fmt: skip
    assert (ada["status"], ada["attempts"], ada["last_disposition"], ada["next_call_at"]) == (
        "completed", 1, "answered", None,
    )  # fmt: skip
    again = found["+12025550112"]
    assert (again["status"], again["attempts"], again["last_disposition"]) == ("queued", 1, "busy")
    assert again["next_call_at"] > world.now + timedelta(minutes=30)
    assert (found["12"]["status"], found["12"]["reason"], found["12"]["last_disposition"]) == (
        "failed", "invalid_number", None,
    )  # fmt: skip
    assert (found["+12025550113"]["status"], found["+12025550113"]["reason"]) == ("skipped", "do_not_call")


def test_the_next_call_of_a_contact_is_when_its_window_opens(world: World) -> None:
    window = {"callWindowStart": "13:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}
    campaign = world.campaign([world.contact("+12025550111"), world.contact("+12025550112", timezone="UTC")], **window)
    assert {row["next_call_at"] for row in contacts_of(world, campaign).values()} == {None}, "nobody runs it"
    world.run(campaign)
    found = contacts_of(world, campaign)
    assert found["+12025550111"]["next_call_at"] - world.now < timedelta(hours=1, seconds=1)
    assert found["+12025550112"]["next_call_at"].hour == 13


def test_who_waits_in_a_cancelled_campaign_reads_as_cancelled_and_is_not_called_again(world: World) -> None:
    campaign = world.campaign([world.contact("+12025550111")])
    world.cancel(campaign)
    (row,) = contacts_of(world, campaign).values()
    assert (row["status"], row["next_call_at"]) == ("cancelled", None)


def test_calls_come_with_their_times_and_dispositions_in_the_order_they_were_made(world: World) -> None:
    world.script({"*": (Life(1, 0, Status.BUSY), Life(1, 5))})
    campaign = world.campaign(world.contacts(2))
    world.run(campaign)
    world.until(campaign, "completed")
    rows = list(export_calls(world.dialer, world.team, campaign))
    assert [row["disposition"] for row in rows] == ["busy", "busy", "answered", "answered"]
    assert list(rows[0]) == list(CALL_FIELDS)
    assert all(row["reserved_at"] <= row["dialing_at"] <= row["ended_at"] for row in rows)


def test_every_page_is_exported_once_whatever_its_size(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    contacts = world.contacts(7)
    campaign = world.campaign(contacts)
    world.run(campaign)
    world.until(campaign, "completed")
    for size in (1, 3, 7, 8):
        monkeypatch.setattr(export, "PAGE_ROWS", size)
        exported = [row["contact_id"] for row in export_contacts(world.dialer, world.team, campaign)]
        assert exported == contacts
        calls = [row["id"] for row in export_calls(world.dialer, world.team, campaign)]
        assert len(calls) == len(set(calls)) == 7


def test_a_reader_that_stalls_holds_no_transaction_open(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE_ROWS", 2)
    reading = export_contacts(world.dialer, world.team, world.campaign(world.contacts(5)))
    next(reading)
    open_ones = world.sql(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND xact_start IS NOT NULL AND backend_type = 'client backend'"
    )
    assert open_ones == []
    assert len(list(reading)) == 4


def test_another_teams_campaign_is_not_there(world: World) -> None:
    world.another_team("team_b")
    campaign = world.campaign()
    for exported in (export_contacts, export_calls):
        with pytest.raises(NotFound):
            exported(world.dialer, "team_b", campaign)


@pytest.mark.slow
def test_what_is_held_does_not_grow_with_the_campaign(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE_ROWS", 200)

    campaign = world.campaign(world.contacts(5_000))

    def most_held(read: Callable[[Iterator[Mapping[str, Any]]], int]) -> int:
        gc.collect()
        tracemalloc.start()
        assert read(export_contacts(world.dialer, world.team, campaign)) == 5_000
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    one_by_one = most_held(lambda rows: sum(1 for _ in rows))
    assert one_by_one < most_held(lambda rows: len(list(rows))) / 4, "25 pages make the whole"
