"""What callees say to a real assistant over HTTP holds though web and worker are killed wherever a crash may fall.

Ann is interested. Bob asks to be called at a minute of his own clock. Cem never wants to be called again, by another
campaign neither. Judged by the carrier's ledger: nobody is called before his instant, and Cem by nobody any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytz

from tests.chaos.harness import Chaos
from tests.chaos.judge import await_end, judge
from tests.chaos.teams import Campaign, Limits, Team
from tests.patience import PATIENCE_SECONDS
from tests.scenarios.talking import Assistant
from worker.flow import close

ANN, BOB, CEM = NAMES = ("Ann", "Bob", "Cem")
ZONE = "America/Los_Angeles"
LATER = timedelta(minutes=40)
OUTCOMES = {"interested": "done", "later": {"retryAfterMinutes": 1}}
WEB = ("outcome.after_commit", "record.after_commit", "record.after_release")
WORKER = ("dial.after_commit", "dial.after_request", "outcome.after_decide")
"""Where a process that has part in a conversation may die."""


@pytest.fixture
def words() -> dict[str, dict[str, Any]]:
    return {
        ANN: {"outcome": "interested", "summary": "wants an offer"},
        BOB: {"outcome": "later"},
        CEM: {"outcome": "interested", "doNotCall": True},
    }


@pytest.fixture
def assistant(chaos: Chaos, words: Mapping[str, Mapping[str, Any]]) -> Iterator[Assistant]:
    speaking = Assistant(f"http://127.0.0.1:{chaos.web_port}", words)
    yield speaking
    speaking.close()


def local_minute(chaos: Chaos, after: timedelta) -> tuple[str, datetime]:
    """A minute of Bob's clock as he says it, and the instant it is."""
    ((now,),) = chaos.sql("SELECT dialer_now()")
    at = (now + after).replace(second=0, microsecond=0)
    return f"{at.astimezone(pytz.timezone(ZONE)):%Y-%m-%dT%H:%M}", at


def conversing(team: Team, assistant: Assistant) -> Campaign:
    """A campaign of the three, whose assistant is this one."""
    chaos = team.chaos
    chaos.sql("UPDATE assistants SET answer_url = :url WHERE id = :id", url=assistant.url, id=team.assistant)
    campaign = team.campaign(
        (3, "plain"), limit=3, maxAttemptsPerContact=4, outcomes=OUTCOMES, keepOpen=True,
        variables={"name": "{first_name}", "offer": "spring"},
    )  # fmt: skip
    for name, phone in zip(NAMES, sorted(campaign.phones), strict=True):
        chaos.sql(
            "UPDATE contacts SET first_name = :name, timezone = :zone WHERE phone_e164 = :phone AND team_id = :team",
            name=name, zone=ZONE, phone=phone, team=team.id,
        )  # fmt: skip
    zones = "INSERT INTO campaign_zones (campaign_id, zone) VALUES (:id, :zone)"
    chaos.sql(zones, id=campaign.id, zone=ZONE)
    chaos.sql("UPDATE campaign_contacts SET zone = :zone WHERE campaign_id = :id", id=campaign.id, zone=ZONE)
    return campaign


@pytest.mark.parametrize(
    ("role", "point"), [("", ""), *(("web", point) for point in WEB), *(("worker", point) for point in WORKER)]
)
def test_what_was_said_holds_whoever_is_killed(
    chaos: Chaos, assistant: Assistant, words: dict[str, dict[str, Any]], role: str, point: str
) -> None:
    team = Team(chaos, Limits())
    said, instant = local_minute(chaos, LATER)
    words[BOB]["callbackAt"] = said
    campaign = conversing(team, assistant)
    ann, bob, cem = sorted(campaign.phones)
    other = team.campaign_of([cem], starts_in=(LATER + timedelta(minutes=5)).total_seconds())
    team.campaigns.remove(other)
    if role == "web":
        chaos.terminate(*chaos.processes["web"])
        victim = chaos.web(point)
    elif role == "worker":
        (survivor,) = chaos.processes["worker"]
        chaos.freeze_idle(survivor)
        if point == "outcome.after_decide":
            words[ANN]["outcome"] = "of no campaign"  # refused; so her wait is over one day
        victim = chaos.worker(point)
    campaign.run()
    if role:
        chaos.died_at(victim, point)
        chaos.web() if role == "web" else chaos.thaw(survivor)
    chaos.wait(lambda: {each["name"] for each in assistant.sent} == set(NAMES), "all three have spoken")
    words[BOB] = {"outcome": "interested"}
    spoken = f"to_number = '{bob}' AND ended_at IS NOT NULL AND dialed_at >= '{instant.isoformat()}'"
    chaos.wait(lambda: campaign.calls(spoken), "Bob is called back", 2 * PATIENCE_SECONDS)
    chaos.send(close.complete_campaign(chaos.dialer, campaign.id, actor="test"))
    await_end(team)
    await_end(team, other)
    judge(team)

    assert {each["offer"] for each in assistant.sent} == {"spring"}
    calls = {
        phone: [call for call in chaos.ledger(team.account).placed if call.to_number == phone]
        for phone in (ann, bob, cem)
    }
    assert sum(call.answered_at is not None for call in calls[cem]) == 1, "nobody calls him again"
    ((status, reason),) = chaos.sql(
        "SELECT status::text, reason FROM campaign_contacts WHERE campaign_id = :id", id=other.id
    )
    assert (status, reason) == ("skipped", "do_not_call")
    dialed = chaos.sql(
        """SELECT k.dialed_at FROM calls k WHERE k.campaign_id = :id AND k.to_number = :bob ORDER BY k.id""",
        id=campaign.id, bob=bob,
    )  # fmt: skip
    spoke = next(n for n, call in enumerate(calls[bob]) if call.answered_at is not None)
    assert len(calls[bob]) == spoke + 2, "once more, after he had asked for it"
    assert dialed[-1].dialed_at >= instant, "and not before"
    kept = chaos.sql(
        """SELECT o.callback_at, o.do_not_call, l.to_number FROM call_outcomes o JOIN calls l ON l.id = o.call_id
           WHERE o.campaign_id = :id AND o.outcome IS NOT NULL ORDER BY l.id""", id=campaign.id,
    )  # fmt: skip
    assert instant in {row.callback_at for row in kept if row.to_number == bob}
    assert any(row.do_not_call for row in kept if row.to_number == cem)
    assert all(answer["success"] for answer in assistant.answers) or point == "outcome.after_decide"
