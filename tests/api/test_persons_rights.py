"""Consents, opt-outs and erasures over the API: by whom, of whom, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Client

from tests.api.client import paths, refused
from tests.world import World
from worker.domain.call_token import call_token
from worker.flow.base import Step, Stop
from worker.simulator.lives import Life

NUMBER, OTHER = "+12125550123", "+12125550177"
OPT_OUTS, CONSENTS, ERASURES = "/api/crm/opt-outs", "/api/crm/consents", "/api/crm/erasures"


def token_of(web: World, call: str) -> dict[str, str]:
    (secret,) = web.sql("SELECT secret FROM call_secret")
    return {"Authorization": f"Bearer {call_token(bytes(secret[0]), call)}"}


@pytest.fixture
def talking(web: World) -> tuple[str, str]:
    """Two calls, somebody talks in each."""
    web.script({"*": Life(1, 600)})
    campaign = web.campaign([web.contact(NUMBER), web.contact(OTHER)])
    web.run(campaign)
    web.advance(5)
    first, second = (row.id for row in web.sql("SELECT id FROM calls ORDER BY to_number"))
    return first, second


def test_the_callee_of_a_call_opts_out_by_the_word_of_its_assistant_and_no_other(
    web: World, client: Client, url: str, talking: tuple[str, str], sent: list[Step]
) -> None:
    first, second = talking
    with Client(base_url=url) as assistant:
        own, others = token_of(web, first), token_of(web, second)
        refused(assistant.post(OPT_OUTS, json={"callId": first}, headers=others), 401, "unauthorized")
        for body in ({"number": NUMBER}, {"callId": 5}, {}, [], {"callId": "nobody"}, {"callId": "a\x00b"}):
            refused(assistant.post(OPT_OUTS, json=body, headers=own), 401, "unauthorized")
        assert assistant.post(CONSENTS, json={}, headers=own).status_code == 401
        answer = assistant.post(OPT_OUTS, json={"callId": first}, headers=own)
    assert answer.json()["opt_out"] == {
        "number": NUMBER, "purpose": None, "added": True, "live_calls": [first], "hang_up": False,
    }  # fmt: skip
    assert (sent, web.sql("SELECT count(*) FROM calls WHERE hang_up")) == ([], [(0,)])
    again = client.post(OPT_OUTS, json={"callId": first, "hangUp": True}).json()["opt_out"]
    assert (again["added"], again["hang_up"]) == (False, True)
    assert sent == [Stop()]
    (entry,) = client.get("/api/crm/do-not-call").json()["numbers"]
    assert (entry["number"], entry["purpose"], entry["source"], entry["evidence"]) == (NUMBER, None, "call", first)
    assert web.sql("SELECT kind FROM consents") == [("revoked",)]
    assert [row.do_not_call for row in web.sql("SELECT do_not_call FROM contacts ORDER BY phone")] == [True, False]


def test_an_opt_out_names_a_number_or_a_call_of_the_team(
    client: Client, other: Client, talking: tuple[str, str]
) -> None:
    first, _ = talking
    refused(other.post(OPT_OUTS, json={"callId": first}), 404, "not_found")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "callId"), ({"callId": first, "number": NUMBER}, "callId"), ({"number": "12"}, "number"),
        ({"number": NUMBER, "purpose": "any"}, "purpose"), ({"number": NUMBER, "hangUp": "yes"}, "hangUp"),
        ({"number": NUMBER, "reason": "x"}, "reason"), ({"number": NUMBER, "source": ""}, "source"),
    ]  # fmt: skip
    for body, path in wrong:
        assert paths(client.post(OPT_OUTS, json=body)) == [path]
    done = client.post(OPT_OUTS, json={"number": "212 555 0199", "purpose": "debt"}).json()["opt_out"]
    assert (done["number"], done["purpose"], done["live_calls"]) == ("+12125550199", "debt", [])


def test_an_entry_for_a_purpose_stops_calls_of_that_and_of_campaigns_without_one(web: World, client: Client) -> None:
    dnc = "/api/crm/do-not-call"
    assert client.post(dnc, json={"numbers": [NUMBER], "purpose": "telemarketing"}).json()["added"] == 1
    assert client.post(dnc, json={"numbers": [NUMBER], "purpose": "telemarketing"}).json()["added"] == 0
    assert client.post(dnc, json={"numbers": [NUMBER], "purpose": "debt"}).json()["added"] == 1
    assert paths(client.post(dnc, json={"numbers": [NUMBER], "purpose": "all"})) == ["purpose"]
    contact = web.contact(NUMBER)
    for purpose, is_out in ((None, True), ("telemarketing", True), ("debt", True), ("research", False)):
        campaign = web.campaign([contact], **({} if purpose is None else {"purpose": purpose, "law": None}))
        (row,) = web.sql("SELECT reason FROM campaign_contacts WHERE campaign_id = :id", id=campaign)
        assert (row.reason == "do_not_call") is is_out, purpose
        (shown,) = client.get(f"/api/crm/campaigns/{campaign}/contacts").json()["contacts"]
        assert shown["do_not_call"] is is_out, purpose
    assert client.get(dnc, params={"purpose": "debt"}).json()["count"] == 1
    assert paths(client.get(dnc, params={"purpose": "all"})) == ["purpose"]
    assert client.delete(f"{dnc}/{NUMBER}", params={"purpose": "debt"}).status_code == 200
    assert client.delete(f"{dnc}/{NUMBER}", params={"purpose": "debt"}).status_code == 404
    assert [entry["purpose"] for entry in client.get(dnc).json()["numbers"]] == ["telemarketing"]


def test_consents_are_added_listed_and_revoked(client: Client, other: Client) -> None:
    body = {"numbers": [NUMBER, OTHER], "kind": "written", "purpose": "debt", "source": "form", "evidence": "no. 5"}
    assert client.post(CONSENTS, json=body).json()["added"] == 2
    assert client.post(f"{CONSENTS}/revoke", json={"numbers": [OTHER]}).json()["revoked"] == 1
    listed = client.get(CONSENTS, params={"number": OTHER}).json()
    assert [(each["kind"], each["counts"]) for each in listed["consents"]] == [("revoked", False), ("written", False)]
    assert client.get(CONSENTS).json()["count"] == 3
    assert other.get(CONSENTS).json()["count"] == 0
    assert paths(client.post(CONSENTS, json=body | {"givenAt": "2999-01-01T00:00:00Z"})) == ["givenAt"]
    assert paths(client.post(f"{CONSENTS}/revoke", json={"numbers": [], "kind": "x"})) == ["kind", "numbers"]


def test_a_person_is_given_everything_and_then_erased(web: World, client: Client, other: Client) -> None:
    contact = client.post("/api/crm/contacts", json={"firstName": "Zenobia", "phone": NUMBER}).json()["contact"]["id"]
    client.post(CONSENTS, json={"numbers": [NUMBER], "kind": "express"})
    client.post("/api/crm/do-not-call", json={"numbers": [NUMBER], "purpose": "debt"})
    found = client.get(f"/api/crm/contacts/{contact}/everything").json()
    assert [each["purpose"] for each in found["do_not_call_entries"]] == ["debt"]
    assert [each["kind"] for each in found["consents"]] == ["express"]
    assert found["contact"]["first_name"] == "Zenobia"
    refused(other.get(f"/api/crm/contacts/{contact}/everything"), 404, "not_found")
    refused(other.post(ERASURES, json={"contactId": contact}), 404, "not_found")
    key = {"Idempotency-Key": "erase"}
    done = client.post(ERASURES, json={"contactId": contact}, headers=key)
    assert (done.status_code, done.json()["erasure"]["status"]) == (200, "done")
    assert client.post(ERASURES, json={"contactId": contact}, headers=key).json() == done.json()
    assert client.post(ERASURES, json={"contactId": contact}).json() == done.json()
    assert client.get(ERASURES).json()["erasures"] == [done.json()["erasure"]]
    assert client.get(f"/api/crm/contacts/{contact}").json()["contact"]["erased_at"]
    assert client.get("/api/crm/contacts").json()["count"] == 0
    assert paths(client.post("/api/crm/contacts", json={"phone": NUMBER})) == ["phone"]
    refused(client.patch(f"/api/crm/contacts/{contact}", json={"firstName": "Z"}), 409, "conflict")
    assert "Zenobia" not in str(web.sql("SELECT response FROM idempotency_keys"))


def test_who_is_on_the_phone_is_erased_later_and_the_answer_says_so(
    client: Client, talking: tuple[str, str], sent: list[Step]
) -> None:
    first, _ = talking
    done = client.post(ERASURES, json={"number": NUMBER})
    assert (done.status_code, done.json()["erasure"]["live_calls"]) == (202, [first])
    assert sent == [Stop()]
