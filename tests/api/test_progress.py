"""How far a campaign has come, and why nothing is dialed."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Client

from tests.api.client import CAMPAIGNS
from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.simulator.lives import Life

pytestmark = pytest.mark.usefixtures("at_work")


def progress(client: Client, campaign: str) -> dict[str, Any]:
    answer = client.get(f"{CAMPAIGNS}/{campaign}/progress")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"success", "progress"}
    found: dict[str, Any] = body["progress"]
    return found


def activity(client: Client, campaign: str) -> tuple[str, str | None]:
    found = progress(client, campaign)["activity"]
    assert found["message"].endswith((".", ")"))
    return found["code"], found["until"]


def run(web: World, client: Client, campaign: str, sent: list[Any], **body: Any) -> None:
    assert client.post(f"{CAMPAIGNS}/{campaign}/run", json=body).status_code == 200
    web.carry_out(sent)
    sent.clear()


def test_progress_counts_contacts_calls_and_what_is_live(web: World, client: Client, sent: list[Any]) -> None:
    talks, busy = web.contact(), web.contact()
    web.script({web.phone(busy): Life(0, 0, ending=Status.BUSY), "*": Life(5, 300)})
    campaign = web.campaign([talks, busy, web.contact(None)], maxConcurrentCalls=2, retryDelayMinutes=60)
    run(web, client, campaign, sent, maxCalls=9)
    web.advance(10)
    found = progress(client, campaign)
    row = web.campaign_row(campaign)
    (run_row,) = web.sql("SELECT * FROM runs")
    instant = "%Y-%m-%dT%H:%M:%SZ"
    assert found == {
        "campaign_id": campaign,
        "status": "running",
        "contacts": {
            "total": 3, "pending": 0, "queued": 1, "calling": 1, "completed": 0, "exhausted": 0, "failed": 0,
            "skipped": 1, "cancelled": 0,
        },
        "reach": {"reached": 0, "not_reached": 0, "cannot_be_called": 1, "left": 2, "cancelled": 0},
        "contacts_called": 2,
        "contacts_completed": 0,
        "contacts_answered": 0,
        "calls": {
            "answered": 0, "machine": 0, "no_answer": 0, "busy": 1, "rejected": 0, "invalid_number": 0, "failed": 0,
            "canceled": 0, "lost": 0, "not_sent": 0,
        },
        "live_calls": 1,
        "outcomes_awaited": 0,
        "callbacks": 0,
        "max_concurrent_calls": 2,
        "run": {
            "id": run_row.id,
            "is_open": True,
            "opened_by": "api",
            "opened_at": run_row.opened_at.strftime(instant),
            "max_calls": 9,
            "calls_used": 2,
        },
        "next_due_at": web.entry(campaign, busy).due_at.strftime(instant),
        "next_wake_at": row.next_wake_at.strftime(instant),
        "activity": found["activity"],
    }  # fmt: skip
    assert found["activity"]["code"] == "nothing_due"
    assert found["activity"]["until"] == found["next_due_at"]


def test_a_campaign_that_was_not_started_says_so(web: World, client: Client) -> None:
    campaign = web.campaign(web.contacts(1))
    assert activity(client, campaign) == ("not_started", None)
    found = progress(client, campaign)
    assert (found["run"], found["next_wake_at"], found["live_calls"]) == (None, None, 0)
    scheduled = web.campaign(scheduledStartAt="2027-03-02T09:00:00Z")
    assert activity(client, scheduled) == ("scheduled", "2027-03-02T09:00:00Z")


def test_a_shut_window_says_until_when(web: World, client: Client, sent: list[Any]) -> None:
    window = {"callWindowStart": "09:00", "callWindowEnd": "10:00", "callWindowTimezone": "America/New_York"}
    campaign = web.campaign([web.contact(), web.contact(timezone="Europe/Berlin")], **window)
    run(web, client, campaign, sent)
    assert activity(client, campaign) == ("window_shut", "2027-03-02T08:00:00Z")  # 09:00 in Berlin
    assert "Tue 03:00 New York, in 15 h" in progress(client, campaign)["activity"]["message"]


def test_the_last_moments_of_a_window_are_shut_too(web: World, client: Client, sent: list[Any]) -> None:
    window = {"callWindowStart": "09:00", "callWindowEnd": "12:01", "callWindowTimezone": "America/New_York"}
    campaign = web.campaign(web.contacts(1), **window)
    web.advance(45)
    run(web, client, campaign, sent)
    assert activity(client, campaign) == ("window_shut", "2027-03-02T14:00:00Z")


def test_a_pause_says_why(web: World, client: Client, sent: list[Any]) -> None:
    campaign = web.campaign(web.contacts(2))
    run(web, client, campaign, sent, maxCalls=1)
    web.until(campaign, "paused")
    assert activity(client, campaign) == ("paused", None)
    assert "new run" in progress(client, campaign)["activity"]["message"]
    stopped = web.campaign_that_is("running")
    web.pause(stopped, "account_suspended")
    assert "account_suspended" in progress(client, stopped)["activity"]["message"]
    asked = web.campaign_that_is("paused")
    assert "resume" in progress(client, asked)["activity"]["message"]


def test_no_caller_id_and_a_resting_account_say_so(web: World, client: Client, sent: list[Any]) -> None:
    web.sql("UPDATE phone_numbers SET enabled = false")
    campaign = web.campaign(web.contacts(1))
    run(web, client, campaign, sent)
    assert activity(client, campaign) == ("no_caller_id", None)
    web.sql("UPDATE phone_numbers SET enabled = true")
    web.sql("UPDATE carrier_accounts SET resting_until = '2099-01-01T00:00:00Z', resting_reason = 'HTTP 429'")
    assert activity(client, campaign) == ("resting", "2099-01-01T00:00:00Z")
    assert "HTTP 429" in progress(client, campaign)["activity"]["message"]
    web.sql("UPDATE carrier_accounts SET resting_until = '2020-01-01T00:00:00Z'")
    assert activity(client, campaign) == ("starting", None)


def test_limits_that_are_reached_say_which(web: World, client: Client, sent: list[Any]) -> None:
    web.script({"*": Life(5, 300)})
    first = web.campaign(web.contacts(3), maxConcurrentCalls=2)
    run(web, client, first, sent)
    assert activity(client, first) == ("dialing", None)
    assert "2 of 2 calls" in progress(client, first)["activity"]["message"]
    second = web.campaign(web.contacts(3))
    web.sql("UPDATE teams SET max_concurrent_calls = 2")
    run(web, client, second, sent)
    assert activity(client, second) == ("team_limit", None)
    web.sql("UPDATE teams SET max_concurrent_calls = 100")
    web.sql("UPDATE phone_numbers SET max_concurrent_calls = 1")
    assert activity(client, second) == ("number_limit", None)
    web.sql("UPDATE phone_numbers SET max_concurrent_calls = 10")
    web.sql("UPDATE carrier_accounts SET max_concurrent_calls = 2")
    assert activity(client, second) == ("account_limit", None)
    web.sql("UPDATE carrier_accounts SET max_concurrent_calls = 1000")
    assert activity(client, second) == ("starting", None)


def test_the_end_says_so(web: World, client: Client, sent: list[Any]) -> None:
    done = web.campaign_that_is("completed")
    assert activity(client, done) == ("completed", None)
    client.post(f"{CAMPAIGNS}/{done}/contacts", json={"contactIds": web.contacts(2)})
    assert "2 added since" in progress(client, done)["activity"]["message"]
    cancelled = web.campaign(web.contacts(3))
    web.cancel(cancelled)
    found = progress(client, cancelled)
    assert found["activity"]["code"] == "cancelled"
    assert (found["contacts"]["pending"], found["contacts"]["cancelled"]) == (0, 3)
    assert found["next_due_at"] is None
    client.delete(f"{CAMPAIGNS}/{cancelled}")
    assert activity(client, cancelled) == ("deleted", None)


def test_the_last_calls_of_a_run_are_distinguished_from_its_end(web: World, client: Client, sent: list[Any]) -> None:
    web.script({"*": Life(5, 300)})
    campaign = web.campaign(web.contacts(2), maxConcurrentCalls=5)
    run(web, client, campaign, sent)
    assert activity(client, campaign) == ("nothing_waiting", None)
    assert "2 calls are still live" in progress(client, campaign)["activity"]["message"]
    capped = web.campaign(web.contacts(2), maxConcurrentCalls=5)
    run(web, client, capped, sent, maxCalls=1)
    assert activity(client, capped) == ("max_calls_reached", None)
