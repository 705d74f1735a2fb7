"""What is in a campaign: contacts, calls, runs."""

from __future__ import annotations

from typing import Any

from httpx2 import Client, Response

from tests.api.client import CAMPAIGNS, created, paths, refused
from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.simulator.lives import Life


def add(client: Client, campaign: str, contact_ids: list[Any]) -> Response:
    return client.post(f"{CAMPAIGNS}/{campaign}/contacts", json={"contactIds": contact_ids})


def remove(client: Client, campaign: str, contact_ids: list[Any]) -> Response:
    return client.request("DELETE", f"{CAMPAIGNS}/{campaign}/contacts", json={"contactIds": contact_ids})


def listed(client: Client, campaign: str, **query: Any) -> tuple[list[str], int]:
    answer = client.get(f"{CAMPAIGNS}/{campaign}/contacts", params=query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return [contact["contact_id"] for contact in body["contacts"]], body["count"]


def test_contacts_are_added_once(web: World, client: Client) -> None:
    campaign, contacts = created(client, web), web.contacts(3)
    nobody = {"cannotBeCalled": {"count": 0, "reasons": {}}}
    first = add(client, campaign, contacts[:2]).json()
    assert first == {"success": True, "added": 2, "alreadyThere": 0} | nobody
    second = add(client, campaign, [contacts[2], contacts[0], contacts[2]]).json()
    assert second == {"success": True, "added": 1, "alreadyThere": 1} | nobody
    assert listed(client, campaign) == (contacts[::-1], 3)
    assert web.by_status(campaign) == {"pending": 3}


def test_an_unknown_contact_refuses_the_whole_request_and_is_named(web: World, client: Client, other: Client) -> None:
    campaign, contacts = created(client, web), web.contacts(2)
    theirs = web.contact(team="team_b")
    message = refused(add(client, campaign, [contacts[0], "cont_none", theirs, contacts[1]]), 404, "not_found")
    assert "cont_none" in message
    assert theirs in message
    assert contacts[0] not in message
    assert listed(client, campaign) == ([], 0)


def test_what_is_no_list_of_contacts_is_refused_by_its_places(web: World, client: Client) -> None:
    campaign = created(client, web)
    assert paths(add(client, campaign, [])) == ["contactIds"]
    assert paths(add(client, campaign, ["cont_1"] * 10_001)) == ["contactIds"]
    assert paths(add(client, campaign, ["cont_1", 2, "", None])) == ["contactIds[1]", "contactIds[2]", "contactIds[3]"]
    for body in ({}, {"contactIds": "cont_1"}, {"contactIds": None}):
        assert paths(client.post(f"{CAMPAIGNS}/{campaign}/contacts", json=body)) == ["contactIds"]
    assert paths(client.post(f"{CAMPAIGNS}/{campaign}/contacts", json={"contactIds": ["c"], "ids": []})) == ["ids"]


def test_ten_thousand_contacts_fit_in_one_request(web: World, client: Client) -> None:
    campaign, contacts = created(client, web), web.contacts(10_000)
    assert add(client, campaign, contacts).status_code == 200
    assert web.counts(campaign)["total"] == 10_000


def test_contacts_added_while_it_runs_are_called_at_once(web: World, client: Client, sent: list[Any]) -> None:
    campaign = web.campaign(web.contacts(1))
    client.post(f"{CAMPAIGNS}/{campaign}/run")
    late = web.contact()
    add(client, campaign, [late])
    web.carry_out(sent)
    assert len(web.dialed(late)) == 1


def test_nobody_is_added_to_a_cancelled_campaign(web: World, client: Client) -> None:
    campaign = web.campaign_that_is("cancelled")
    assert "cancelled" in refused(add(client, campaign, web.contacts(1)), 409, "conflict")


def test_contacts_are_shown_with_status_reason_and_what_comes_next(web: World, client: Client, sent: list[Any]) -> None:
    window = {"callWindowStart": "09:00", "callWindowEnd": "12:30", "callWindowTimezone": "America/New_York"}
    busy, mute = web.contact(timezone="Asia/Tokyo"), web.contact(None)
    waits = web.contact(first_name="Ada", last_name="Lovelace")
    web.script({web.phone(busy): Life(0, 0, ending=Status.BUSY)})
    campaign = web.campaign([busy, mute], retryDelayMinutes=60)
    client.post(f"{CAMPAIGNS}/{campaign}/run")
    web.carry_out(sent)
    web.advance(1)
    web.pause(campaign)
    client.patch(f"{CAMPAIGNS}/{campaign}", json=window)
    add(client, campaign, [waits])
    body = client.get(f"{CAMPAIGNS}/{campaign}/contacts").json()
    assert (body["success"], body["count"], body["limit"], body["offset"]) == (True, 3, 50, 0)
    shown = {contact.pop("contact_id"): contact for contact in body["contacts"]}
    assert [contact["contact_id"] for contact in client.get(f"{CAMPAIGNS}/{campaign}/contacts").json()["contacts"]] == [
        waits,
        mute,
        busy,
    ]
    due_at = web.entry(campaign, busy).due_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    common: dict[str, Any] = {"callback_at": None, "priority": 5, "outcome_due_at": None}
    common |= {
        "called": False,
        "answered": False,
        "reason": None,
        "timezone": None,
        "attempts": 0,
        "do_not_call": False,
    }
    named = {"first_name": "", "last_name": ""}
    added = {contact: fields["added_at"] for contact, fields in shown.items()}
    assert shown[waits] == common | {
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone": web.phone(waits),
        "status": "pending",
        "due_at": "2027-03-01T17:00:01Z",
        "next_call_at": "2027-03-01T17:00:01Z",
        "added_at": added[waits],
    }
    assert shown[mute] == common | named | {
        "phone": None,
        "status": "skipped",
        "reason": "no_phone_number",
        "due_at": None,
        "next_call_at": None,
        "added_at": added[mute],
    }
    assert shown[busy] == common | named | {
        "phone": web.phone(busy),
        "timezone": "Asia/Tokyo",
        "status": "queued",
        "attempts": 1,
        "called": True,
        "due_at": due_at,
        "next_call_at": "2027-03-02T00:00:00Z",  # 09:00 in Tokyo
        "added_at": added[busy],
    }


def test_contacts_are_filtered_by_the_status_they_read_as(web: World, client: Client, sent: list[Any]) -> None:
    contacts = web.contacts(3)
    campaign = web.campaign([*contacts, web.contact(None)], maxConcurrentCalls=1)
    client.post(f"{CAMPAIGNS}/{campaign}/run")
    web.carry_out(sent)
    web.advance(1)
    assert listed(client, campaign, status="calling") == ([contacts[0]], 1)
    assert listed(client, campaign, status="pending") == (contacts[:0:-1], 2)
    assert listed(client, campaign, status="pending", limit=1, offset=1) == ([contacts[1]], 2)
    assert listed(client, campaign, status="skipped")[1] == 1
    assert paths(client.get(f"{CAMPAIGNS}/{campaign}/contacts", params={"status": "done"})) == ["status"]
    web.cancel(campaign)
    assert listed(client, campaign, status="pending") == ([], 0)
    assert listed(client, campaign, status="cancelled") == (contacts[:0:-1], 2)
    web.tick()
    assert web.by_status(campaign)["cancelled"] == 2
    assert listed(client, campaign, status="cancelled") == (contacts[:0:-1], 2)


def test_contacts_that_were_never_called_are_removed(web: World, client: Client) -> None:
    contacts = [*web.contacts(2), web.contact(None)]
    campaign, outsider = web.campaign(contacts), web.contact()
    assert remove(client, campaign, [contacts[0], contacts[2], outsider]).json() == {"success": True, "removed": 2}
    assert remove(client, campaign, [contacts[0]]).json() == {"success": True, "removed": 0}
    assert listed(client, campaign) == ([contacts[1]], 1)
    assert web.counts(campaign)["total"] == 1
    assert add(client, campaign, [contacts[0]]).status_code == 200


def test_a_contact_with_calls_is_not_removed_nor_are_the_others(web: World, client: Client, sent: list[Any]) -> None:
    campaign = web.campaign(web.contacts(2), maxConcurrentCalls=1)
    client.post(f"{CAMPAIGNS}/{campaign}/run")
    called, waits = listed(client, campaign)[0][::-1]
    assert called in refused(remove(client, campaign, [waits, called]), 409, "conflict")
    assert listed(client, campaign)[1] == 2
    assert remove(client, campaign, [waits]).json()["removed"] == 1
    web.carry_out(sent)
    web.until(campaign, "completed")
    refused(remove(client, campaign, [called]), 409, "conflict")


def test_a_running_campaign_whose_last_contacts_are_removed_is_completed(web: World, client: Client) -> None:
    window = {"callWindowStart": "09:00", "callWindowEnd": "10:00", "callWindowTimezone": "America/New_York"}
    contacts = web.contacts(2)
    campaign = web.campaign(contacts, **window)
    client.post(f"{CAMPAIGNS}/{campaign}/run")
    assert remove(client, campaign, contacts).json()["removed"] == 2
    assert web.status(campaign) == "completed"


def test_an_unknown_contact_cannot_be_removed(web: World, client: Client, other: Client) -> None:
    contact = web.contact()
    campaign, theirs = web.campaign([contact]), web.contact(team="team_b")
    assert theirs in refused(remove(client, campaign, [contact, theirs]), 404, "not_found")
    assert listed(client, campaign)[1] == 1


def test_calls_are_listed_newest_first_with_how_they_ended(web: World, client: Client, sent: list[Any]) -> None:
    contact = web.contact()
    web.script({web.phone(contact): [Life(0, 0, ending=Status.BUSY), Life(5, 30)]})
    web.places = False
    campaign = web.campaign([contact], retryDelayMinutes=1)
    url = f"{CAMPAIGNS}/{campaign}/calls"
    assert client.get(url).json() == {"success": True, "calls": [], "count": 0, "limit": 50, "offset": 0}
    run = client.post(f"{CAMPAIGNS}/{campaign}/run").json()["runId"]
    (reserved,) = client.get(url).json()["calls"]
    assert {name: reserved[name] for name in ("status", "attempt", "disposition", "placed_at", "ended_at")} == {
        "status": "reserved",
        "attempt": None,
        "disposition": None,
        "placed_at": None,
        "ended_at": None,
    }
    web.carry_out(sent)
    web.until(campaign, "completed")
    body = client.get(url).json()
    assert body["count"] == 2
    second, first = body["calls"]
    assert (first["disposition"], first["attempt"], second["disposition"], second["attempt"]) == (
        "busy",
        1,
        "answered",
        2,
    )
    assert first["id"] == reserved["id"]
    row = web.sql("SELECT * FROM calls WHERE id = :id", id=second["id"])[0]
    assert second == {
        "id": row.id,
        "campaign_id": campaign,
        "run_id": run,
        "contact_id": contact,
        "from_number": row.from_number,
        "to_number": web.phone(contact),
        "status": "ended",
        "attempt": 2,
        "disposition": "answered",
        "cause": row.cause,
        "machine_verdict": row.machine_verdict,
        **{
            name: getattr(row, column).strftime("%Y-%m-%dT%H:%M:%SZ")
            for name, column in (
                ("created_at", "reserved_at"),
                ("placed_at", "placed_at"),
                ("ringing_at", "ringing_at"),
                ("answered_at", "answered_at"),
                ("ended_at", "ended_at"),
            )
        },
        "do_not_call": False,
        **dict.fromkeys(
            (
                "outcome",
                "outcome_due_at",
                "summary",
                "data",
                "callback_at",
                "transcript_url",
                "recording_url",
                "spoke_at",
                "reported_at",
            )
        ),
    }
    page = client.get(url, params={"limit": 1, "offset": 1}).json()
    assert ([call["id"] for call in page["calls"]], page["count"]) == ([first["id"]], 2)


def test_runs_are_listed_newest_first_and_counted_beyond_the_page(web: World, client: Client, sent: list[Any]) -> None:
    campaign = web.campaign(web.contacts(3), maxConcurrentCalls=1)
    first = client.post(f"{CAMPAIGNS}/{campaign}/run", json={"maxCalls": 1}).json()["runId"]
    second = client.post(f"{CAMPAIGNS}/{campaign}/run").json()["runId"]
    url = f"{CAMPAIGNS}/{campaign}/runs"
    body = client.get(url).json()
    assert [run["id"] for run in body["runs"]] == [second, first]
    newest, oldest = body["runs"]
    assert oldest["opened_at"] <= newest["opened_at"]
    assert {name: newest[name] for name in newest if name not in ("id", "opened_at")} == {
        "campaign_id": campaign,
        "status": "open",
        "opened_by": "api",
        "max_calls": None,
        "calls_used": newest["calls_used"],
        "ended_at": None,
        "end_reason": None,
    }
    assert (oldest["status"], oldest["max_calls"], oldest["end_reason"]) == ("ended", 1, "superseded")
    assert oldest["ended_at"] is not None
    assert client.get(url, params={"offset": 2}).json() == {
        "success": True, "runs": [], "count": 2, "limit": 50, "offset": 2,
    }  # fmt: skip
    web.carry_out(sent)
