"""When a campaign calls, over HTTP: windows by weekday, ends, callbacks, priorities."""

from __future__ import annotations

from typing import Any

from httpx2 import Client

from tests.api.client import CAMPAIGNS, campaign_of, created, paths, refused
from tests.world import World

LUNCH = [{"days": ["mon"], "start": "9:00", "end": "12:30"}, {"start": "13:00", "end": "17:00"}]
EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def test_windows_by_weekday_are_kept_and_take_the_place_of_the_two_bounds(web: World, client: Client) -> None:
    campaign = created(client, web, callWindows=LUNCH, callWindowTimezone="America/New_York")
    shown = campaign_of(client, campaign)
    assert shown["call_windows"] == [
        {"days": ["mon"], "start": "09:00", "end": "12:30"},
        {"days": EVERY_DAY, "start": "13:00", "end": "17:00"},
    ]
    assert (shown["call_window_start"], shown["call_window_end"]) == (None, None)
    client.patch(f"{CAMPAIGNS}/{campaign}", json={"callWindowStart": "8:00", "callWindowEnd": "9:00"})
    shown = campaign_of(client, campaign)
    assert (shown["call_windows"], shown["call_window_start"]) == (None, "08:00")
    twice = client.patch(f"{CAMPAIGNS}/{campaign}", json={"callWindows": [LUNCH[1], LUNCH[1]]})
    assert paths(twice) == ["callWindows[1]"]


def test_a_shut_window_of_the_weekday_says_when_the_next_opens(web: World, client: Client, sent: list[Any]) -> None:
    windows = [{"days": ["wed"], "start": "9:00", "end": "12:00"}]
    campaign = created(client, web, callWindows=windows, callWindowTimezone="America/New_York")
    client.post(f"{CAMPAIGNS}/{campaign}/contacts", json={"contactIds": web.contacts(1)})
    for body in ({"dryRun": True}, {}):
        answer = client.post(f"{CAMPAIGNS}/{campaign}/run", json=body).json()
        assert (answer["started"], answer["opensAt"]) == (0, "2027-03-03T14:00:00Z")
    web.until(campaign, "completed", hours=72)
    assert [at.isoformat() for at in web.dialed()] == ["2027-03-03T14:00:00+00:00"]


def test_a_campaign_is_completed_by_hand(web: World, client: Client, sent: list[Any]) -> None:
    campaign = created(client, web, keepOpen=True)
    client.post(f"{CAMPAIGNS}/{campaign}/contacts", json={"contactIds": web.contacts(2)})
    refused(client.post(f"{CAMPAIGNS}/{campaign}/complete"), 409, "conflict")
    client.post(f"{CAMPAIGNS}/{campaign}/run", json={"maxCalls": 1})
    web.carry_out(sent)
    web.advance(60)
    for _ in range(2):
        assert client.post(f"{CAMPAIGNS}/{campaign}/complete").json()["campaign"]["status"] == "completed"
    assert web.by_status(campaign) == {"completed": 1, "cancelled": 1}
    shown = client.get(f"{CAMPAIGNS}/{campaign}/contacts", params={"status": "cancelled"}).json()["contacts"]
    assert [each["reason"] for each in shown] == ["campaign_ended"]


def test_a_contact_is_called_back_and_no_more(web: World, client: Client, other: Client) -> None:
    contact = web.contact(timezone="America/Chicago")
    campaign = web.campaign([contact])
    url = f"{CAMPAIGNS}/{campaign}/contacts/{contact}/callback"
    answer = client.post(url, json={"at": "2027-03-01T17:00"}).json()
    five = "2027-03-01T23:00:00Z"
    assert answer["callback"] == {"campaign_id": campaign, "contact_id": contact, "at": five, "call_at": five}
    assert answer["message"].startswith(f"Contact {contact} is called back on 2027-03-01 17:00 Chicago.")
    assert client.get(f"{CAMPAIGNS}/{campaign}/progress").json()["progress"]["callbacks"] == 1
    (shown,) = client.get(f"{CAMPAIGNS}/{campaign}/contacts").json()["contacts"]
    assert (shown["callback_at"], shown["due_at"]) == (five, five)
    assert [client.delete(url).json()["cancelled"] for _ in range(2)] == [True, False]
    for body, path in (({"at": "2027-03-14T02:30"}, "at"), ({}, "at"), ({"at": "2027-06-01T00:00Z"}, "at")):
        assert paths(client.post(url, json=body)) == [path]
    refused(other.post(url, json={"at": five}), 404, "not_found")


def test_priorities_are_given_when_contacts_are_added_and_later(web: World, client: Client) -> None:
    campaign, people = created(client, web), web.contacts(3)
    body = {"contacts": [{"contactId": people[0], "priority": 1}, {"contactId": people[1]}], "priority": 8}
    assert client.post(f"{CAMPAIGNS}/{campaign}/contacts", json=body).json()["added"] == 2
    later = {"contactIds": people, "priority": 8}
    assert client.post(f"{CAMPAIGNS}/{campaign}/contacts/priority", json=later).json() == {
        "success": True,
        "changed": 1,
    }
    assert {web.entry(campaign, each).priority for each in people[:2]} == {8}
    assert paths(client.post(f"{CAMPAIGNS}/{campaign}/contacts/priority", json={"contactIds": people})) == ["priority"]
