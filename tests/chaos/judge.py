"""The verdict: what the phones saw, by the simulator's own ledger, against what the dialer wrote down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from tests.chaos.teams import Campaign, Team, is_machine
from tests.patience import PATIENCE_SECONDS
from worker.operations.examine import examine
from worker.simulator.ledger import Ledger, RecordedCall
from worker.slots import Scope
from worker.store import counters
from worker.store.database import once

TERMINAL = {"completed", "exhausted", "failed", "skipped", "cancelled"}
DISPOSITIONS = {"completed": "answered", "no-answer": "no_answer", "declined": "rejected"}
"""The simulator's words that are not the dialer's."""


def await_end(team: Team, *campaigns: Campaign, seconds: float = PATIENCE_SECONDS) -> float:
    """Wait until the campaigns are completed; returns how long that took."""
    waited = campaigns or tuple(team.campaigns)
    return team.chaos.wait(
        lambda: all(campaign.status == "completed" for campaign in waited), "the campaigns are completed", seconds
    )


def judge(team: Team, *, cancelled: Collection[Campaign] = (), services_fail: bool = False) -> Ledger:
    """Fail unless nothing was lost, nobody called twice, every limit held, and all books agree. All campaigns
    are completed, except those that were ``cancelled``."""
    chaos = team.chaos
    rang = chaos.ledger(team.account)
    for campaign in team.campaigns:
        _nobody_is_left(campaign, "cancelled" if campaign in cancelled else "completed")
        _books_agree(campaign, rang)
    _nobody_is_called_twice(rang)
    _limits_held(team, rang)
    chaos.wait(lambda: not held(team), "no slot is held once everything has ended", 10)
    chaos.wait(lambda: not chaos.sql("SELECT FROM call_events WHERE outcome IS NULL"), "all news is settled", 10)
    found = {name: rows for name, rows in examine(chaos.dialer).items() if rows}
    assert not found
    assert all(process.exit_code is None for process in chaos.running), "a process ended that nobody had ended"
    mistakes = chaos.mistakes(services_fail=services_fail)
    assert not mistakes, "\n\n".join(mistakes)
    return rang


def held(team: Team) -> dict[Scope, Any]:
    """Who holds a slot in the scopes of the team."""
    own = {team.id, team.account, *team.numbers, *(campaign.id for campaign in team.campaigns)}
    return {scope: calls for scope, calls in team.chaos.dialer.slots.members().items() if scope.id in own}


def _nobody_is_left(campaign: Campaign, status: str) -> None:
    assert campaign.status == status
    statuses = campaign.by_status()
    assert statuses.keys() <= TERMINAL, statuses
    assert sum(statuses.values()) == len(campaign.phones), statuses


def _nobody_is_called_twice(rang: Ledger) -> None:
    assert rang.overlapping_callees() == ()
    assert [token for token, count in rang.calls_per_token().items() if count > 1] == []
    assert rang.live() == (), "a call goes on that nobody waits for"


def _limits_held(team: Team, rang: Ledger) -> None:
    assert rang.peak_concurrent() <= min(team.limits.team, team.limits.account)
    assert max(rang.peak_per("from").values(), default=0) <= team.limits.number
    for campaign in team.campaigns:
        own = tuple(change for change in rang.changes if change[0].to_number in campaign.phones)
        assert Ledger((), (), (), own).peak_concurrent() <= campaign.limit


def _books_agree(campaign: Campaign, rang: Ledger) -> None:
    """Counters, calls and attempts against the ledger. A call may be written down as lost that never was: in
    doubt it counts as made. One that was made is never written down as lost, nor as never sent."""
    chaos = campaign.team.chaos
    own = [call for call in rang.placed if call.to_number in campaign.phones]
    rows = chaos.sql(
        "SELECT token, to_number, disposition::text, rang FROM calls WHERE campaign_id = :id", id=campaign.id
    )
    written = {row.token: row.disposition for row in rows}
    assert {call.token: written.get(call.token) for call in own} == {call.token: _disposition(call) for call in own}
    lost = [row for row in rows if row.disposition == "lost"]
    counts = once(chaos.dialer.db, lambda conn: counters.read(conn, [campaign.id])[campaign.id])
    assert counts["answered"] == len({call.to_number for call in own if call.answered_at is not None})
    called = {call.to_number for call in own} | {row.to_number for row in lost}
    assert counts["called"] == len(called)
    ended = once(chaos.dialer.db, lambda conn: counters.dispositions(conn, campaign.id))
    assert dict(ended) == Counter(written.values())
    attempts = {row[0]: row[1] for row in chaos.sql(
        """SELECT k.phone_e164, cc.attempts FROM campaign_contacts cc JOIN contacts k ON k.id = cc.contact_id
           WHERE cc.campaign_id = :id""", id=campaign.id)}  # fmt: skip
    may_have_rung = {row.token for row in rows if row.rang}  # no event says, so in doubt it did
    made = Counter(call.to_number for call in own if _counts(call) or call.token in may_have_rung)
    made += Counter(row.to_number for row in lost)
    assert attempts == {phone: made[phone] for phone in campaign.phones}


def _disposition(call: RecordedCall) -> str:
    if call.disposition == "completed" and is_machine(call.to_number):
        return "machine"
    return DISPOSITIONS.get(str(call.disposition), str(call.disposition))


def _counts(call: RecordedCall) -> bool:
    """Whether it counts as an attempt: not if it was canceled before it rang."""
    return call.disposition != "canceled" or call.ringing_at is not None
