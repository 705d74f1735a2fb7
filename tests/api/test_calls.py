"""The calls of a team over HTTP: found by what they are of, read to their end while calls are made, and one in full."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Client

from tests.api.client import refused
from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.simulator.lives import Life

CALLS = "/api/crm/calls"


@pytest.fixture
def called(web: World) -> tuple[str, list[str]]:
    """A campaign whose three contacts were called once, the second busy."""
    contacts = web.contacts(3)
    web.script({web.phone(contacts[1]): Life(1, ending=Status.BUSY), "*": Life(1, 5)})
    campaign = web.campaign(contacts, maxAttemptsPerContact=1)
    web.run(campaign)
    web.until(campaign, "completed")
    return campaign, contacts


def ids(client: Client, **query: Any) -> list[str]:
    answer = client.get(CALLS, params=query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["count"] == len(body["calls"])
    return [call["id"] for call in body["calls"]]


def test_calls_are_found_by_all_they_are_of(web: World, client: Client, called: tuple[str, list[str]]) -> None:
    campaign, contacts = called
    other = web.campaign([web.contact()])
    web.run(other)
    web.advance(60)
    rows = web.all_calls()
    newest = [row.id for row in reversed(rows)]
    (busy,) = (row for row in rows if row.disposition == "busy")
    assert ids(client) == newest
    assert ids(client, campaignId=campaign) == newest[1:]
    assert ids(client, contactId=contacts[1]) == [busy.id]
    assert ids(client, number=busy.to_number.replace("+1", "+1 (")[:-4] + ") " + busy.to_number[-4:]) == [busy.id]
    assert ids(client, disposition="busy") == [busy.id]
    assert ids(client, disposition="busy", campaignId=other) == []
    assert ids(client, disposition="busy", contactId=contacts[0]) == []
    assert ids(client, carrierCallId=busy.carrier_call_id) == [busy.id]
    assert ids(client, carrierCallId="nobody") == []
    between = {"from": rows[0].reserved_at.isoformat(), "to": rows[3].reserved_at.isoformat()}
    assert ids(client, **between) == newest[1:], "the last is not in it"
    assert ids(client, updatedSince="2000-01-01T00:00:00Z") == [
        row.id for row in sorted(rows, key=lambda row: (row.ended_at, row.id))
    ]
    web.finish_all()


def test_a_live_call_is_found_by_its_carriers_id_and_stands_behind_what_has_ended(
    web: World, client: Client, called: tuple[str, list[str]]
) -> None:
    web.script({"*": Life(20, 500)})
    running = web.campaign([web.contact()])
    web.run(running)
    live = web.call(running)
    assert ids(client, carrierCallId=live.carrier_call_id) == [live.id]
    assert ids(client, updatedSince="2000-01-01T00:00:00Z")[-1] == live.id
    first = client.get(CALLS, params={"updatedSince": "2000-01-01T00:00:00Z", "limit": 3}).json()
    rest = client.get(CALLS, params={"updatedSince": "2000-01-01T00:00:00Z", "after": first["next"]}).json()
    assert [call["id"] for call in rest["calls"]] == [live.id]
    assert (rest["count"], rest["next"]) == (None, None)
    web.finish_all()


@pytest.mark.parametrize("limit", [1, 2, 500])
def test_calls_that_live_stand_in_their_place_among_those_that_ended(web: World, client: Client, limit: int) -> None:
    """One that talks on stands between one that ended before it was reserved and one that ended since."""
    contacts = web.contacts(3)
    for n, contact in enumerate(contacts):
        web.script({"*": Life(1, 500 if n == 1 else 5)})
        web.run(web.campaign([contact]))
        web.advance(30)
    rows = web.all_calls()
    assert [row.ended_at is None for row in rows] == [False, True, False]
    newest = [row.id for row in reversed(rows)]
    for filters, wanted in [
        ({}, newest),
        *(({"number": row.to_number}, [row.id]) for row in rows),
        *(({"campaignId": row.campaign_id}, [row.id]) for row in rows),
        ({"from": rows[1].reserved_at.isoformat()}, newest[:2]),
        ({"to": rows[2].reserved_at.isoformat()}, newest[1:]),
    ]:
        behind, by_offset = [], []
        more: dict[str, Any] = {}
        while True:
            page = client.get(CALLS, params={**filters, "limit": limit, **more}).json()
            behind += [call["id"] for call in page["calls"]]
            if page["next"] is None:
                break
            more = {"after": page["next"]}
        for offset in range(0, len(wanted), limit):
            page = client.get(CALLS, params={**filters, "limit": limit, "offset": offset}).json()
            assert page["count"] == len(wanted)
            by_offset += [call["id"] for call in page["calls"]]
        assert behind == by_offset == wanted, filters
    web.finish_all()


def test_a_list_that_grows_while_it_is_read_loses_and_doubles_nothing(
    web: World, client: Client, called: tuple[str, list[str]]
) -> None:
    there = {row.id for row in web.all_calls()}
    seen: list[str] = []
    more: dict[str, Any] = {}
    while True:
        page = client.get(CALLS, params={"limit": 1, **more}).json()
        seen += [call["id"] for call in page["calls"]]
        if page["next"] is None:
            break
        web.run(web.campaign([web.contact()]))
        more = {"after": page["next"]}
    assert len(seen) == len(set(seen)) == len(there)
    assert set(seen) == there
    web.finish_all()


def test_one_call_has_all_that_its_carrier_said(
    web: World, client: Client, other: Client, called: tuple[str, list[str]]
) -> None:
    (busy,) = (row for row in web.all_calls() if row.disposition == "busy")
    shown = client.get(f"{CALLS}/{busy.id}").json()
    assert (shown["call"]["id"], shown["call"]["carrier_call_id"]) == (busy.id, busy.carrier_call_id)
    ended = shown["events"][-1]
    assert (ended["kind"], ended["disposition"], ended["outcome"]) == ("ended", "busy", "moved")
    refused(other.get(f"{CALLS}/{busy.id}"), 404, "not_found")
    refused(client.get(f"{CALLS}/call_none"), 404, "not_found")
