"""The API page to the letter: its curl lines as they stand, with real ids, and every field of its answers."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
from httpx2 import Client, Response

from tests.world import World
from worker.simulator.lives import Life

LIST = """
curl "https://<your-domain>/api/crm/campaigns?teamId=team_01j...&status=running&limit=20" \\
  -H "Authorization: Bearer <token>"
"""
CREATE = """
curl -X POST https://<your-domain>/api/crm/campaigns \\
  -H "Authorization: Bearer <token>" \\
  -H "Content-Type: application/json" \\
  -d '{
    "teamId": "team_01j...",
    "assistantId": "asst_01j...",
    "companyId": "comp_01j...",
    "fromNumberIds": ["pn_01j..."],
    "name": "Q1 Trade Show Follow-Up",
    "description": "Follow up with leads from the January trade show",
    "callWindowStart": "09:00",
    "callWindowEnd": "17:00",
    "callWindowTimezone": "America/New_York",
    "maxConcurrentCalls": 5,
    "maxAttemptsPerContact": 3,
    "retryDelayMinutes": 60
  }'
"""
ADD = """
curl -X POST https://<your-domain>/api/crm/campaigns/camp_01j.../contacts \\
  -H "Authorization: Bearer <token>" \\
  -H "Content-Type: application/json" \\
  -d '{
    "contactIds": ["cont_01j...", "cont_02k...", "cont_03l..."]
  }'
"""
RUN = """
curl -X POST https://<your-domain>/api/crm/campaigns/camp_01j.../run \\
  -H "Authorization: Bearer <token>" \\
  -H "Content-Type: application/json" \\
  -d '{
    "accountSlug": "my-team",
    "maxCalls": 20
  }'
"""
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
CREATED_FIELDS = {
    "id": str, "team_id": str, "assistant_id": str, "company_id": str, "name": str, "status": str,
    "call_window_start": str, "call_window_end": str, "call_window_timezone": str, "max_concurrent_calls": int,
    "total_contacts": int, "contacts_called": int, "contacts_completed": int, "contacts_answered": int,
    "created_at": str, "updated_at": str,
}  # fmt: skip
LISTED_FIELDS = CREATED_FIELDS | {"description": str, "from_number": str}


def paste(client: Client, line: str, **values: str) -> Response:
    """Do what curl does with the line, ``values`` in the places of its placeholders."""
    line = line.replace("https://<your-domain>", str(client.base_url).rstrip("/"))
    line = line.replace("<token>", client.headers["Authorization"].removeprefix("Bearer "))
    for placeholder, value in values.items():
        line = line.replace(f"{placeholder}...", value)
    line = line.replace("my-team", values.get("slug", "my-team"))
    words = shlex.split(line.replace("\\\n", " "))[1:]
    url, method, headers, body = "", "GET", {}, None
    while words:
        match words.pop(0):
            case "-X":
                method = words.pop(0)
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            case "-d":
                body = words.pop(0)
            case word:
                url = word
    with Client() as bare:
        return bare.request(method, url, headers=headers, content=body)


@pytest.fixture
def placeholders(web: World) -> dict[str, str]:
    """What stands for the placeholders of the page."""
    return {
        "team_01j": web.team,
        "asst_01j": f"asst_{web.team}",
        "comp_01j": f"comp_{web.team}",
        "pn_01j": web.numbers[0],
        "slug": web.team.replace("_", "-"),
    }


def fields_are(found: dict[str, Any], expected: dict[str, type]) -> None:
    for name, kind in expected.items():
        assert type(found[name]) is kind, f"{name} is {found[name]!r}"
        if name.endswith("_at"):
            assert INSTANT.fullmatch(found[name]), f"{name} is {found[name]!r}"


def test_the_pages_lines_create_fill_run_and_list_a_campaign(
    web: World, client: Client, placeholders: dict[str, str], sent: list[Any]
) -> None:
    web.script({"*": Life(5, 30)})

    answer = paste(client, CREATE, **placeholders)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"success", "campaign"}
    assert body["success"] is True
    campaign = body["campaign"]
    fields_are(campaign, CREATED_FIELDS)
    assert campaign["id"].startswith("camp_")
    assert campaign["team_id"] == web.team
    assert campaign["assistant_id"] == f"asst_{web.team}"
    assert campaign["company_id"] == f"comp_{web.team}"
    assert campaign["name"] == "Q1 Trade Show Follow-Up"
    assert campaign["description"] == "Follow up with leads from the January trade show"
    assert campaign["from_number"] == "+12025550001"
    assert campaign["status"] == "draft"
    assert campaign["call_window_start"] == "09:00"
    assert campaign["call_window_end"] == "17:00"
    assert campaign["call_window_timezone"] == "America/New_York"
    assert campaign["max_concurrent_calls"] == 5
    assert [campaign[name] for name in CREATED_FIELDS if name.startswith(("total", "contacts"))] == [0, 0, 0, 0]
    assert campaign["created_at"] == campaign["updated_at"]
    placeholders["camp_01j"] = campaign["id"]

    named = web.contacts(3)
    answer = paste(client, ADD, **placeholders, **dict(zip(("cont_01j", "cont_02k", "cont_03l"), named, strict=True)))
    assert answer.status_code == 200, answer.text
    nobody = {"count": 0, "reasons": {}}
    assert answer.json() == {"success": True, "added": 3, "alreadyThere": 0, "cannotBeCalled": nobody}
    unreachable = [web.contact(None), web.contact(do_not_call=True)]
    added = client.post(f"/api/crm/campaigns/{campaign['id']}/contacts", json={"contactIds": unreachable})
    reasons = {"do_not_call": 1, "no_phone_number": 1}
    both = {"count": 2, "reasons": reasons}
    assert added.json() == {"success": True, "added": 2, "alreadyThere": 0, "cannotBeCalled": both}

    answer = paste(client, RUN, **placeholders)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["success"] is True
    assert body["started"] == 3
    assert body["failed"] == 2
    assert [call["contact_id"] for call in body["calls"]] == named
    assert body["errors"] == [
        f"Contact {unreachable[0]} has no phone number",
        f"Contact {unreachable[1]} is marked do-not-call",
    ]
    assert body["message"] == "Started 3 calls"
    assert body["dryRun"] is False

    answer = paste(client, LIST, **placeholders)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"success", "campaigns", "count", "limit", "offset"}
    assert (body["success"], body["count"], body["limit"], body["offset"]) == (True, 1, 20, 0)
    (listed,) = body["campaigns"]
    fields_are(listed, LISTED_FIELDS)
    assert listed["status"] == "running"
    assert listed["total_contacts"] == 5

    web.carry_out(sent)
    web.advance(120)
    (listed,) = client.get("/api/crm/campaigns", params={"teamId": web.team}).json()["campaigns"]
    counters = [listed[f"contacts_{name}"] for name in ("called", "completed", "answered")]
    assert (listed["status"], counters) == ("completed", [3, 3, 3])


def test_a_created_campaign_shows_every_field_beyond_the_page_too(web: World, client: Client) -> None:
    body = {
        "teamId": web.team,
        "assistantId": f"asst_{web.team}",
        "companyId": f"comp_{web.team}",
        "fromNumberIds": web.numbers,
        "name": "Later",
        "scheduledStartAt": "2027-03-02T09:00:00-05:00",
        "settings": {"retryDelays": {"busy": 10}, "colour": ["red", 1, None]},
    }
    campaign = client.post("/api/crm/campaigns", json=body).json()["campaign"]
    assert campaign == {
        "id": campaign["id"],
        "team_id": web.team,
        "assistant_id": f"asst_{web.team}",
        "company_id": f"comp_{web.team}",
        "name": "Later",
        "description": None,
        "from_number": "+12025550001",
        "from_numbers": ["+12025550001", "+12025550002"],
        "from_number_ids": web.numbers,
        "status": "scheduled",
        "pause_reason": None,
        "scheduled_start_at": "2027-03-02T14:00:00Z",
        "call_window_start": None,
        "call_window_end": None,
        "call_window_timezone": None,
        "call_windows": None,
        "scheduled_end_at": None,
        "start_no_later_than_minutes": None,
        "missed_start_at": None,
        "closing_at": None,
        "keep_open": False,
        "use_secondary_phone": False,
        "max_concurrent_calls": 3,
        "max_attempts_per_contact": 3,
        "retry_delay_minutes": 60,
        "settings": {"retryDelays": {"busy": 10}, "colour": ["red", 1, None]},
        "variables": None,
        "outcomes": None,
        "purpose": None,
        "law": None,
        "run_id": None,
        "total_contacts": 0,
        "contacts_called": 0,
        "contacts_completed": 0,
        "contacts_answered": 0,
        "reach": {"reached": 0, "not_reached": 0, "cannot_be_called": 0, "left": 0, "cancelled": 0},
        "created_at": campaign["created_at"],
        "updated_at": campaign["created_at"],
        "completed_at": None,
        "deleted_at": None,
    }


def test_the_answers_are_json_in_utf_8(web: World, client: Client) -> None:
    answer = client.post(
        "/api/crm/campaigns",
        json={
            "teamId": web.team,
            "assistantId": f"asst_{web.team}",
            "companyId": f"comp_{web.team}",
            "fromNumberIds": web.numbers,
            "name": "Früh ☎",
        },
    )
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.content.decode("utf-8"))["campaign"]["name"] == "Früh ☎"
