"""An assistant over HTTP: by the token of its call, or by a key of the team."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Client

from tests.api.client import CAMPAIGNS, created, new_campaign, paths, refused
from tests.api.client import campaign_of as shown_campaign
from tests.flow.test_outcomes import OUTCOMES, call_ended, call_in_progress, campaign_of, step
from tests.world import World
from worker.domain.call_token import call_token

CALLS = "/api/crm/calls"


def token_of(world: World, call: Any) -> dict[str, str]:
    """The header by which the assistant of this call speaks."""
    return {"Authorization": f"Bearer {call_token(world.sql('SELECT secret FROM call_secret')[0][0], call.id)}"}


@pytest.fixture
def assistant(web: World, url: str) -> Iterator[Client]:
    """A client without a key."""
    with Client(verify=False, base_url=url) as made:
        yield made


def test_the_assistant_gets_the_token_that_opens_its_call(web: World, assistant: Client) -> None:
    campaign, call = call_ended(web)
    (request,) = web.stage.requests
    header = {"Authorization": f"Bearer {request.call_token}"}
    assert header == token_of(web, call)
    answer = assistant.post(f"{CALLS}/{call.id}/outcome", json={"outcome": "busy_now"}, headers=header)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "success": True,
        "outcome": {
            "call_id": call.id, "campaign_id": campaign, "contact_id": call.contact_id, "outcome": "busy_now",
            "effect": "decides", "next": "retry", "retry_after_minutes": 120, "callback_at": None,
            "call_at": None, "callback": None, "do_not_call": False,
        },
    }  # fmt: skip
    again = assistant.post(f"{CALLS}/{call.id}/outcome", json={"outcome": "busy_now"}, headers=header)
    assert again.json() == answer.json()
    web.finish_all()


def test_an_idempotency_key_may_come_with_it(web: World, assistant: Client) -> None:
    _, call = call_ended(web)
    header = {**token_of(web, call), "Idempotency-Key": "once"}
    first = assistant.post(f"{CALLS}/{call.id}/outcome", json={"outcome": "interested"}, headers=header)
    again = assistant.post(f"{CALLS}/{call.id}/outcome", json={"outcome": "interested"}, headers=header)
    assert (first.status_code, again.headers["Idempotency-Replayed"], again.json()) == (200, "true", first.json())


def test_nobody_speaks_for_a_call_with_another_token(web: World, assistant: Client, other: Client) -> None:
    _, call = call_in_progress(web)
    another = campaign_of(web)
    web.run(another)
    wrong = [
        token_of(web, web.call(another)),
        {"Authorization": f"Bearer {call.token}"},
        {"Authorization": f"Bearer dct_{call.token}"},
        {"Authorization": "Bearer dct_"},
        {},
    ]
    for header in wrong:
        for answer in (
            assistant.post(f"{CALLS}/{call.id}/outcome", json={"outcome": "interested"}, headers=header),
            assistant.get(f"{CALLS}/{call.id}/context", headers=header),
        ):
            refused(answer, 401, "unauthorized")
            assert call.token not in answer.text
    refused(assistant.get(f"{CALLS}/call_of_nobody/context", headers=token_of(web, call)), 401, "unauthorized")
    refused(other.post(f"{CALLS}/{call.id}/outcome", json={"outcome": "interested"}), 404, "not_found")
    refused(other.get(f"{CALLS}/{call.id}/context"), 404, "not_found")
    refused(assistant.get("/api/crm/campaigns?teamId=team_a", headers=token_of(web, call)), 401, "unauthorized")
    assert web.sql("SELECT * FROM call_outcomes") == []
    web.finish_all()


def test_the_token_of_a_call_opens_no_callback_of_it(web: World, assistant: Client) -> None:
    _, call = call_in_progress(web)
    token = token_of(web, call)["Authorization"].removeprefix("Bearer ")
    answer = assistant.post(f"/carriers/simulator/events/{token}", json={})
    assert answer.status_code >= 400
    assert web.sql("SELECT * FROM call_events WHERE token = :token", token=token) == []
    web.finish_all()


def test_a_token_is_spent_a_day_after_its_call(web: World, assistant: Client) -> None:
    _, call = call_ended(web)
    header = token_of(web, call)
    for hours, status in ((23, 200), (25, 401)):
        web.sql("ALTER TABLE calls DISABLE TRIGGER calls_only_move_forward")
        web.sql("UPDATE calls SET ended_at = clock_timestamp() - CAST(:hours AS double precision) * interval '1 hour' "
                "WHERE id = :id", hours=hours, id=call.id)  # fmt: skip
        web.sql("ALTER TABLE calls ENABLE TRIGGER calls_only_move_forward")
        body = {"outcome": "interested", "summary": f"after {hours} h"}
        answer = assistant.post(f"{CALLS}/{call.id}/outcome", json=body, headers=header)
        assert answer.status_code == status, answer.text


def test_a_key_of_the_team_reports_too_and_faults_are_named_all_at_once(web: World, client: Client) -> None:
    _, call = call_ended(web)
    path = f"{CALLS}/{call.id}/outcome"
    wrong = client.post(path, json={"outcome": "intrested", "callbackAt": "2001-01-01T00:00:00Z"})
    assert paths(wrong) == ["callbackAt"]
    unknown = client.post(path, json={"outcome": "intrested"})
    assert paths(unknown) == ["outcome"]
    assert all(word in unknown.text for word in OUTCOMES)
    assert paths(client.post(path, json={"outcome": "interested", "mood": 1})) == ["mood"]
    assert client.post(path, json={"outcome": "interested"}).status_code == 200
    refused(client.post(f"{CALLS}/call_of_nobody/outcome", json={"outcome": "interested"}), 404, "not_found")


def test_the_context_is_read_by_the_token_while_the_call_lives(web: World, assistant: Client) -> None:
    variables = {"name": "{first_name}", "plan": "{custom.plan}", "offer": "spring"}
    campaign, call = call_in_progress(web, variables=variables)
    fields = {"firstName": "Ann", "customFields": {"plan": "gold & <more>"}}
    web.edit_contact(call.contact_id, **fields)
    answer = assistant.get(f"{CALLS}/{call.id}/context", headers=token_of(web, call))
    assert answer.json() == {
        "success": True,
        "context": {
            "call_id": call.id,
            "campaign_id": campaign,
            "contact_id": call.contact_id,
            "variables": {"name": "Ann", "plan": "gold & <more>", "offer": "spring"},
        },
    }
    assert answer.headers["Cache-Control"] == "no-store"
    step(web, 60)
    refused(assistant.get(f"{CALLS}/{call.id}/context", headers=token_of(web, call)), 404, "not_found")


def test_what_was_reported_is_shown_with_the_call(web: World, client: Client) -> None:
    campaign, call = call_ended(web)
    (waiting,) = client.get(f"/api/crm/campaigns/{campaign}/contacts").json()["contacts"]
    assert (waiting["status"], waiting["outcome_due_at"] is None) == ("calling", False)
    progress = client.get(f"/api/crm/campaigns/{campaign}/progress").json()["progress"]
    assert progress["outcomes_awaited"] == 1
    assert "outcome of 1 call is awaited" in progress["activity"]["message"]
    body = {"outcome": "interested", "summary": "Wants an offer.", "data": {"seats": 12}, "doNotCall": True,
            "transcriptUrl": "https://example.com/t/1", "recordingUrl": "https://example.com/r/1",
            "spokeAt": "2027-03-01T17:00:05Z"}  # fmt: skip
    assert client.post(f"{CALLS}/{call.id}/outcome", json=body).status_code == 200
    (shown,) = client.get(f"/api/crm/campaigns/{campaign}/calls").json()["calls"]
    names = ("outcome", "summary", "data", "do_not_call", "transcript_url", "recording_url", "spoke_at")
    assert [shown[name] for name in names] == [*list(body.values())[:3], True, *list(body.values())[4:]]
    assert shown["reported_at"] is not None
    (entry,) = client.get(f"/api/crm/campaigns/{campaign}/contacts").json()["contacts"]
    assert (entry["status"], entry["outcome_due_at"]) == ("completed", None)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"variables": {"name": "{frist_name}"}}, "variables.name"),
        ({"variables": []}, "variables"),
        ({"outcomes": {}}, "outcomes"),
        ({"outcomes": {"w": "maybe"}}, "outcomes.w"),
    ],
)
def test_a_campaign_with_what_means_nothing_is_not_made_nor_edited(
    web: World, client: Client, fields: dict[str, Any], path: str
) -> None:
    assert paths(client.post(CAMPAIGNS, json=new_campaign(web, **fields))) == [path]
    campaign = created(client, web)
    assert paths(client.patch(f"{CAMPAIGNS}/{campaign}", json=fields)) == [path]


def test_variables_and_outcomes_are_made_shown_edited_and_taken_back(web: World, client: Client) -> None:
    variables = {"name": "{first_name}"}
    campaign = created(client, web, variables=variables, outcomes=OUTCOMES)
    shown = shown_campaign(client, campaign)
    assert (shown["variables"], shown["outcomes"]) == (variables, OUTCOMES)
    assert client.patch(f"{CAMPAIGNS}/{campaign}", json={"variables": None, "outcomes": None}).status_code == 200
    shown = shown_campaign(client, campaign)
    assert (shown["variables"], shown["outcomes"]) == (None, None)
    bare = shown_campaign(client, created(client, web))
    assert (bare["variables"], bare["outcomes"]) == (None, None)


def test_a_dry_run_says_who_lacks_what(web: World, client: Client) -> None:
    variables = {"name": "{first_name} {last_name}", "plan": "{custom.plan}"}
    (whole,) = web.contacts(1, first_name="Ann", last_name="Lee", custom_fields={"plan": "gold"})
    (half,) = web.contacts(1, first_name="Bob")
    (bare,) = web.contacts(1)
    campaign = web.campaign([whole, half, bare], variables=variables)
    answer = client.post(f"/api/crm/campaigns/{campaign}/run", json={"dryRun": True}).json()
    assert answer["missingVariables"] == [
        f"Contact {half} has no last_name, custom.plan",
        f"Contact {bare} has no first_name, last_name, custom.plan",
    ]
    (warning,) = answer["warnings"]
    assert warning == (
        "2 of 3 contacts that wait lack a variable: 2 no last_name, 2 no custom.plan, 1 no first_name "
        "(sent as empty text)."
    )
