"""Persons over HTTP: made or changed by a sign of theirs, shown in full, chosen by a filter."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Client, Response

from tests.api.client import CAMPAIGNS, paths, refused
from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.simulator.lives import Life

CONTACTS = "/api/crm/contacts"
NUMBER = "+12025550123"


def put(client: Client, where: str, **body: Any) -> dict[str, Any]:
    answer = client.put(f"{CONTACTS}/{where}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_upsert_makes_a_contact_once_and_changes_it_then(web: World, client: Client) -> None:
    first = put(client, "by-external-id/crm%2F1", firstName="Ada", phone=NUMBER, tags=["a"])
    again = put(client, "by-external-id/crm%2F1", firstName="Ada", phone=NUMBER, tags=["a"])
    assert (first["created"], again["created"]) == (True, False)
    assert again["contact"] == first["contact"], "the same again changes nothing"
    assert first["contact"]["external_id"] == "crm/1"
    by_number = put(client, "by-number/%2B1 202 555 0123", lastName="Byron")
    assert (by_number["created"], by_number["contact"]["id"]) == (False, first["contact"]["id"])
    assert (by_number["contact"]["first_name"], by_number["contact"]["last_name"]) == ("Ada", "Byron")
    other = put(client, "by-number/+12025550124", externalId="crm-2", timezone="Asia/Tokyo")
    assert (other["created"], other["contact"]["phone_e164"]) == (True, "+12025550124")
    assert put(client, "by-external-id/crm-2", timezone=None)["contact"]["timezone"] is None
    assert len(web.sql("SELECT FROM contacts")) == 2
    shown = client.get(CONTACTS, params={"externalId": "crm-2"}).json()
    assert [each["id"] for each in shown["contacts"]] == [other["contact"]["id"]]
    (found,) = client.get(CONTACTS, params={"search": "BYRON"}).json()["contacts"]
    assert found["id"] == first["contact"]["id"]


def test_another_teams_external_id_is_a_name_of_its_own(web: World, client: Client, other: Client) -> None:
    ours, theirs = (put(each, "by-external-id/crm-1", firstName="Ada") for each in (client, other))
    assert (ours["created"], theirs["created"]) == (True, True)
    assert ours["contact"]["id"] != theirs["contact"]["id"]
    refused(other.get(f"{CONTACTS}/{ours['contact']['id']}/history"), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "where", "body", "wrong"),
    [
        ("PUT", "contacts/by-external-id/" + "x" * 201, {}, ["externalId"]),
        ("PUT", "contacts/by-external-id/%20", {}, ["externalId"]),
        ("PUT", "contacts/by-external-id/a", {"externalId": "b"}, ["externalId"]),
        ("PUT", "contacts/by-external-id/a", {"nam": 1, "timezone": "Mars"}, ["nam", "timezone"]),
        ("PUT", "contacts/by-number/12", {}, ["number"]),
        ("PUT", "contacts/by-number/+12025550123", {"phone": "+12025550124"}, ["phone"]),
        ("POST", "contacts", {"externalId": ""}, ["externalId"]),
        ("POST", "contacts", {"externalId": 5}, ["externalId"]),
        ("GET", "contacts?after=x", None, ["after"]),
        ("GET", "contacts?updatedSince=yesterday", None, ["updatedSince"]),
        ("GET", "contacts?after=1.x&offset=1", None, ["offset"]),
        ("GET", "contacts?externalid=1", None, ["externalid"]),
        ("GET", "calls?from=2027-03-01&to=x", None, ["from", "to"]),
        ("GET", "calls?disposition=gone", None, ["disposition"]),
        ("GET", "calls?outcom=1&offset=-1", None, ["outcom", "offset"]),
        ("GET", "calls?after=none", None, ["after"]),
        ("POST", "campaigns/{campaign}/contacts", {"filter": {}}, ["filter"]),
        ("POST", "campaigns/{campaign}/contacts", {"filter": {"tag": "a"}, "contactIds": ["b"]}, ["contactIds"]),
        ("POST", "campaigns/{campaign}/contacts", {"filter": {"tag": 1}, "priority": 0}, ["filter.tag", "priority"]),
        ("DELETE", "campaigns/{campaign}/contacts", {"filter": {"status": "x"}}, ["filter.status"]),
        ("DELETE", "campaigns/{campaign}/contacts", {"filter": {"tag": "a"}, "priority": 1}, ["priority"]),
        ("POST", "campaigns/{campaign}/contacts/requeue", {}, ["contactIds"]),
        ("GET", "campaigns/{campaign}/contacts?after=x", None, ["after"]),
    ],
)
def test_bad_input_is_named(web: World, client: Client, method: str, where: str, body: Any, wrong: list[str]) -> None:
    path = where.replace("{campaign}", web.campaign())
    assert sorted(paths(client.request(method, f"/api/crm/{path}", json=body))) == sorted(wrong)
    assert not web.sql("SELECT FROM contacts")


def test_an_external_id_that_somebody_has_is_a_conflict_that_names_them(web: World, client: Client) -> None:
    first = put(client, "by-external-id/crm-1")["contact"]["id"]
    second = web.contact()
    for answer in (
        client.post(CONTACTS, json={"externalId": "crm-1"}),
        client.patch(f"{CONTACTS}/{second}", json={"externalId": "crm-1"}),
        client.put(f"{CONTACTS}/by-number/{web.phone(second)}", json={"externalId": "crm-1"}),
        client.post(CONTACTS, json={"contacts": [{"externalId": "crm-2"}, {"externalId": "crm-1"}]}),
    ):
        assert first in refused(answer, 409, "conflict")
    twice = client.post(CONTACTS, json={"contacts": [{"externalId": "crm-2"}, {"externalId": "crm-2"}]})
    assert "crm-2" in refused(twice, 409, "conflict")
    assert client.patch(f"{CONTACTS}/{first}", json={"externalId": "crm-1"}).status_code == 200
    assert client.patch(f"{CONTACTS}/{first}", json={"externalId": None}).json()["contact"]["external_id"] is None


def send(client: Client, method: str, campaign: str, where: str = "", **filters: Any) -> dict[str, Any]:
    answer: Response = client.request(method, f"{CAMPAIGNS}/{campaign}/contacts{where}", json={"filter": filters})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_contacts_are_added_put_back_and_removed_by_a_filter(
    web: World, client: Client, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.operations.by_filter.BATCH", 2)
    vips = web.contacts(5, tags=["vip"])
    others = web.contacts(3)
    campaign = web.campaign([vips[0]], maxAttemptsPerContact=1)
    added = send(client, "POST", campaign, tag="vip")
    assert (added["matched"], added["added"]) == (5, 4)
    assert send(client, "POST", campaign, doNotCall=False, search=web.phone(others[0]))["added"] == 1
    web.script({web.phone(vips[1]): Life(1, ending=Status.BUSY), "*": Life(1, 5)})
    web.run(campaign)
    web.until(campaign, "completed")
    assert web.by_status(campaign) == {"completed": 5, "exhausted": 1}
    assert send(client, "POST", campaign, "/requeue", status="exhausted", tag="vip") == {
        "success": True, "requeued": 0, "matched": 1, "refused": 1,
        "errors": [f"Contact {vips[1]} has used the one attempt a contact may have in this campaign"],
    }  # fmt: skip
    web.edit_campaign(campaign, max_attempts_per_contact=2)
    assert send(client, "POST", campaign, "/requeue", status="exhausted")["requeued"] == 1
    web.contact(tags=["vip"])
    assert send(client, "POST", campaign, tag="vip")["added"] == 1
    removed = send(client, "DELETE", campaign, tag="vip")
    assert (removed["matched"], removed["removed"], removed["kept"]) == (6, 1, 5)
    web.carry_out(sent)


def test_contacts_are_added_by_a_filter_with_a_priority(web: World, client: Client) -> None:
    vips, campaign = web.contacts(2, tags=["vip"]), web.campaign()
    body = {"filter": {"tag": "vip"}, "priority": 2}
    assert client.post(f"{CAMPAIGNS}/{campaign}/contacts", json=body).json()["added"] == 2
    shown = client.get(f"{CAMPAIGNS}/{campaign}/contacts").json()["contacts"]
    assert {each["contact_id"]: each["priority"] for each in shown} == dict.fromkeys(vips, 2)


def test_the_lists_of_contacts_lose_and_double_nothing_while_they_change(web: World, client: Client) -> None:
    there = web.contacts(7)
    campaign = web.campaign(there)
    for path in (CONTACTS, f"{CAMPAIGNS}/{campaign}/contacts"):
        seen: list[str] = []
        more: dict[str, Any] = {}
        while "after" not in more or more["after"] is not None:
            page = client.get(path, params={"limit": 2, **more}).json()
            seen += [each.get("id") or each["contact_id"] for each in page["contacts"]]
            new = web.contacts(2)
            client.post(f"{CAMPAIGNS}/{campaign}/contacts", json={"contactIds": new})
            more = {"after": page["next"]}
        assert len(seen) == len(set(seen))
        assert set(there) <= set(seen)
    answer = client.get(CONTACTS, params={"updatedSince": "2000-01-01T00:00:00Z", "limit": 1}).json()
    assert answer["contacts"][0]["id"] == there[0], "in the order in which they changed"
    client.patch(f"{CONTACTS}/{there[0]}", json={"firstName": "Ada"})
    last = client.get(CONTACTS, params={"updatedSince": answer["read_at"], "limit": 500}).json()["contacts"][-1]
    assert last["id"] == there[0]


def test_the_story_of_a_person_has_campaigns_calls_events_edits_and_bans(web: World, client: Client) -> None:
    ada = web.contact(timezone="America/New_York")
    number = web.phone(ada)
    web.script({number: Life(1, ending=Status.BUSY)})
    called = web.campaign([ada], name="Called", callWindowStart="09:00", callWindowEnd="17:00",
                          callWindowTimezone="Europe/London", retryDelayMinutes=720)  # fmt: skip
    waiting = web.campaign([ada], name="Not run")
    web.run(called)
    web.advance(60)
    client.patch(f"{CONTACTS}/{ada}", json={"firstName": "Ada", "doNotCall": False})
    story = client.get(f"{CONTACTS}/{ada}/history").json()
    standing = {each["campaign_id"]: each["standing"] for each in story["campaigns"]}
    assert standing[waiting]["code"] == "not_started"
    assert standing[called]["code"] == "not_due"
    assert "Tue 09:00 New York" in standing[called]["message"], "by the clock of the contact"
    (call,) = story["calls"]
    assert (call["disposition"], call["to_number"], call["carrier"]) == ("busy", number, "simulator")
    assert [event["kind"] for event in call["events"]][-1] == "ended"
    assert story["edits"][0]["action"] == "edit_contact"
    assert story["edits"][0]["detail"] == {"fields": ["do_not_call", "first_name"]}
    assert story["do_not_call"] == {"by_flag": False, "by_list": False, "list_reason": None, "listed_at": None,
                                    "imports": []}  # fmt: skip
    web.ban(number)
    story = client.get(f"{CONTACTS}/{ada}/history").json()
    assert (story["do_not_call"]["by_flag"], story["do_not_call"]["by_list"]) == (False, True)
    assert story["contact"]["do_not_call"] is True
    assert {each["standing"]["code"] for each in story["campaigns"]} == {"do_not_call"}
    assert all(each["standing"]["is_over"] for each in story["campaigns"])
