"""Companies, assistants, carrier accounts, phone numbers and the do-not-call list over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Client, Response

from tests.api.conftest import OTHER_TEAM
from tests.world import World
from worker.domain.resources import PLAIN

CRM = "/api/crm"
RESOURCES = [
    ("companies", "companies", "company", {"name": "Acme"}, {"name": "Ajax"}),
    (
        "assistants",
        "assistants",
        "assistant",
        {"name": "Ann", "streamUrl": "wss://voice.example.com/s", "settings": {"voice": "calm"}},
        {"answerUrl": "https://voice.example.com/a", "streamUrl": None, "telnyxAssistantId": "assistant-1"},
    ),
    (
        "carrier-accounts",
        "carrier_accounts",
        "carrier_account",
        {"name": "Second", "carrier": "simulator", "maxConcurrentCalls": 5},
        {"callsPerSecond": 2.5, "enabled": False},
    ),
    (
        "phone-numbers",
        "phone_numbers",
        "phone_number",
        {"number": "+12025550199", "carrierAccountId": "acct_team_a", "callsPerSecond": 1},
        {"maxConcurrentCalls": 3, "enabled": False, "callsPerSecond": None},
    ),
]
RESOURCES += [
    (each.path, each.many, each.one, dict(each.example), dict(each.edit_example))
    for each in PLAIN
    if each.path not in {path for path, *_ in RESOURCES}
]


def snake(body: dict[str, Any]) -> dict[str, Any]:
    return {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): value for name, value in body.items()}


def faults(answer: Response) -> list[str]:
    assert answer.status_code == 400, answer.text
    return sorted(fault["path"] for fault in answer.json()["errors"])


@pytest.mark.parametrize(("path", "many", "one", "body", "change"), RESOURCES)
def test_a_resource_is_made_found_listed_and_changed(
    client: Client, web: World, path: str, many: str, one: str, body: dict[str, Any], change: dict[str, Any]
) -> None:
    before = client.get(f"{CRM}/{path}").json()["count"]
    answer = client.post(f"{CRM}/{path}", json=body | {"teamId": web.team})
    assert answer.status_code == 200, answer.text
    made = answer.json()[one]
    assert made.items() >= snake(body).items()
    assert made["team_id"] == web.team
    assert made["created_at"].endswith("Z")
    assert client.get(f"{CRM}/{path}/{made['id']}").json() == {"success": True, one: made}
    listed = client.get(f"{CRM}/{path}", params={"limit": 1, "teamId": web.team}).json()
    assert listed == {"success": True, many: [made], "count": before + 1, "limit": 1, "offset": 0}
    changed = client.patch(f"{CRM}/{path}/{made['id']}", json=change).json()[one]
    assert changed == made | snake(change)


@pytest.mark.parametrize(("path", "many", "one", "body", "change"), RESOURCES)
def test_a_resource_of_another_team_is_not_there(
    client: Client, other: Client, path: str, many: str, one: str, body: dict[str, Any], change: dict[str, Any]
) -> None:
    given = body | ({"carrierAccountId": f"acct_{OTHER_TEAM}"} if path == "phone-numbers" else {})
    theirs = other.post(f"{CRM}/{path}", json=given).json()[one]["id"]
    assert client.get(f"{CRM}/{path}/{theirs}").status_code == 404
    assert client.patch(f"{CRM}/{path}/{theirs}", json=change).status_code == 404
    assert client.post(f"{CRM}/{path}", json=body | {"teamId": OTHER_TEAM}).status_code == 403
    assert client.get(f"{CRM}/{path}", params={"teamId": OTHER_TEAM}).status_code == 403
    assert theirs not in client.get(f"{CRM}/{path}").text
    assert other.get(f"{CRM}/{path}/{theirs}").json()[one].items() >= snake(given).items()


def test_a_number_with_another_teams_account_is_refused(client: Client, other: Client) -> None:
    body = {"number": "+12025550199", "carrierAccountId": f"acct_{OTHER_TEAM}"}
    assert client.post(f"{CRM}/phone-numbers", json=body).status_code == 404


def test_what_is_wrong_with_a_resource_is_shown_by_its_path(client: Client) -> None:
    assert faults(client.post(f"{CRM}/companies", json={"nam": "x"})) == ["nam", "name"]
    assert faults(client.post(f"{CRM}/assistants", json={"name": 1, "streamUrl": "ftp://x", "settings": 2})) == [
        "name", "settings", "streamUrl",
    ]  # fmt: skip
    assert faults(client.post(f"{CRM}/phone-numbers", json={"number": "12", "enabled": "yes"})) == [
        "carrierAccountId", "enabled", "number",
    ]  # fmt: skip
    assert faults(client.post(f"{CRM}/carrier-accounts", json={"carrier": "twilio", "callsPerSecond": -1})) == [
        "callsPerSecond", "carrier", "name",
    ]  # fmt: skip


def test_a_number_the_team_has_already_is_a_conflict(client: Client, web: World) -> None:
    body = {"number": "+1 202 555 0199", "carrierAccountId": "acct_team_a"}
    assert client.post(f"{CRM}/phone-numbers", json=body).status_code == 200
    again = client.post(f"{CRM}/phone-numbers", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert "+12025550199" in again.json()["message"]


def test_one_key_makes_one_company(client: Client) -> None:
    answers = [
        client.post(f"{CRM}/companies", json={"name": "Acme"}, headers={"Idempotency-Key": "once"}) for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert client.get(f"{CRM}/companies").json()["count"] == 2  # the world has one


def test_numbers_are_put_on_the_list_found_there_and_taken_off(client: Client, other: Client, web: World) -> None:
    path = f"{CRM}/do-not-call"
    body = {"teamId": web.team, "numbers": ["+1 202 555 0111", "+12025550112"], "reason": "asked by mail"}
    assert client.post(path, json=body).json() == {"success": True, "added": 2}
    assert client.post(path, json={"numbers": ["+12025550111"]}).json() == {"success": True, "added": 0}
    listed = client.get(path, params={"limit": 1}).json()
    assert (listed["count"], listed["limit"], listed["offset"]) == (2, 1, 0)
    assert listed["numbers"][0].items() >= {"number": "+12025550112", "reason": "asked by mail"}.items()
    found = client.get(path, params={"number": "+1 (202) 555-0111"}).json()
    assert [number["number"] for number in found["numbers"]] == ["+12025550111"]
    assert other.get(path).json()["count"] == 0
    assert other.delete(f"{path}/+12025550111").status_code == 404
    gone = client.delete(f"{path}/+12025550111")
    assert (gone.status_code, gone.json()) == (200, {"success": True})
    assert client.delete(f"{path}/+12025550111").status_code == 404
    assert faults(client.post(path, json={"numbers": ["+12025550111", "x"], "reason": 1})) == ["numbers[1]", "reason"]


def test_another_teams_list_cannot_be_named(client: Client, other: Client) -> None:
    path = f"{CRM}/do-not-call"
    assert client.get(path, params={"teamId": OTHER_TEAM}).status_code == 403
    assert client.post(path, json={"teamId": OTHER_TEAM, "numbers": ["+12025550111"]}).status_code == 403
    assert other.get(path).json()["count"] == 0
