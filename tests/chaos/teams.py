"""Who is called, by whom, and how the phones behave: teams with their campaigns, and lives by kind of number."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from tests.chaos.harness import Chaos
from worker.domain import ids
from worker.flow import admit, stop
from worker.operations import campaigns as campaign_operations
from worker.store.crm import contacts, setup
from worker.store.crm.contacts import NewContact
from worker.store.database import once

NUMBERS_A_KIND = 1000
BATCH = 10_000
"""Contacts written, and added to a campaign, at a time: each within the bound of a statement on a slow machine."""
ANSWERS = {"ring": 3, "talk": 20}
BUSY = {"ring": 2, "end": "busy"}

LIVES: Mapping[str, Any] = {
    "plain": [BUSY, ANSWERS],
    "silent": [{**BUSY, "callbacks": "none"}, {**ANSWERS, "callbacks": "none"}],
    "kept": [{**ANSWERS, "queue": 3}, ANSWERS],
    "locked out": [{"reject": "unauthorized"}, ANSWERS],
    "known late": [{**ANSWERS, "machine": "late"}],
}
"""Kind of number → the lives of its calls, one after the other. Ringing and talking pass at the harness's speed,
``queue``, the time the carrier keeps a call before it rings, as it is."""

BOOKS = """
SELECT k.id, k.state, k.disposition, k.attempt, k.carrier_call_id, k.ended_at, cc.status, cc.attempts, cc.due_at
FROM calls k JOIN campaign_contacts cc USING (campaign_id, contact_id) WHERE k.campaign_id = :id ORDER BY k.id
"""

_blocks = {kind: n for n, kind in enumerate(LIVES)}
_used = {kind: itertools.count() for kind in LIVES}
_callers = itertools.count()


def script() -> dict[str, Any]:
    """The simulator's script; numbers of no kind behave as the plain ones."""
    known = {_number(kind, n): lives for kind, lives in LIVES.items() for n in range(NUMBERS_A_KIND)}
    return {**known, "*": LIVES["plain"]}


def _number(kind: str, n: int) -> str:
    return f"+1303{_blocks[kind]}{n:06d}"


def is_machine(number: str) -> bool:
    """Whether a machine answers there, as is known late."""
    return number.startswith(f"+1303{_blocks['known late']}")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many simultaneous calls the scopes of a team may have."""

    team: int = 8
    number: int = 4
    account: int = 8
    calls_per_second: float | None = None


@dataclass(eq=False)
class Team:
    """A team with everything a campaign needs, in its own simulator's account."""

    chaos: Chaos
    limits: Limits
    id: str = field(default_factory=lambda: ids.new(ids.TEAM))
    account: str = field(default_factory=lambda: ids.new(ids.ACCOUNT))
    campaigns: list[Campaign] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.company, self.assistant = ids.new(ids.COMPANY), ids.new(ids.ASSISTANT)
        self.numbers = {ids.new(ids.NUMBER): f"+1720555{next(_callers):04d}" for _ in range(2)}
        once(self.chaos.dialer.db, self._set_up)

    def _set_up(self, conn: Connection) -> None:
        limits = self.limits
        setup.team(conn, self.id, self.id.replace("_", "-"), "A team", limit=limits.team)
        setup.company(conn, self.company, self.id, "A company")
        setup.assistant(conn, self.assistant, self.id, "An assistant")
        setup.account(
            conn, self.account, self.id, "simulator", "An account",
            limit=limits.account, calls_per_second=limits.calls_per_second,
        )  # fmt: skip
        for number_id, number in self.numbers.items():
            setup.number(conn, number_id, self.id, self.account, number, limit=limits.number)

    def campaign(
        self, *groups: tuple[int, str], limit: int = 6, starts_in: float | None = None, **body: Any
    ) -> Campaign:
        """A campaign with ``count`` contacts of each kind; scheduled to start by itself if ``starts_in``
        (business seconds) is given."""
        phones = [_number(kind, next(_used[kind])) for count, kind in groups for _ in range(count)]
        return self.campaign_of(phones, limit=limit, starts_in=starts_in, **body)

    def campaign_of(
        self, phones: Sequence[str], *, limit: int = 6, starts_in: float | None = None, **body: Any
    ) -> Campaign:
        dialer = self.chaos.dialer
        people = [NewContact(ids.new(ids.CONTACT), phone, phone, None) for phone in phones]
        batches = [people[i : i + BATCH] for i in range(0, len(people), BATCH)]
        for batch in batches:
            once(dialer.db, partial(contacts.load, team_id=self.id, contacts=batch))
        fields: dict[str, Any] = {
            "name": "A campaign",
            "assistantId": self.assistant,
            "companyId": self.company,
            "fromNumberIds": list(self.numbers),
            "maxConcurrentCalls": limit,
            "retryDelayMinutes": 0,
            **body,
        }
        if starts_in is not None:
            (now,) = self.chaos.sql("SELECT dialer_now() AS at")
            fields["scheduledStartAt"] = (now.at + timedelta(seconds=starts_in)).isoformat()
        campaign_id = campaign_operations.create_campaign(dialer, self.id, fields, actor="test")
        for batch in batches:
            campaign_operations.add_contacts(dialer, campaign_id, [person.id for person in batch], actor="test")
        campaign = Campaign(self, campaign_id, frozenset(phones), limit)
        self.campaigns.append(campaign)
        return campaign


@dataclass(frozen=True, eq=False)
class Campaign:
    team: Team
    id: str
    phones: frozenset[str]
    limit: int

    def run(self, *, messages: int = 1) -> None:
        """Open a run, as the web process does it on request, and send the workers so many messages."""
        _, steps = admit.run_campaign(self.team.chaos.dialer, self.id, opened_by="api")
        self.team.chaos.send(steps * messages)

    def pause(self) -> None:
        self.team.chaos.send(stop.pause_campaign(self.team.chaos.dialer, self.id, actor="test"))

    def cancel(self) -> None:
        self.team.chaos.send(stop.cancel_campaign(self.team.chaos.dialer, self.id, actor="test"))

    def resume(self) -> None:
        self.team.chaos.send(admit.resume(self.team.chaos.dialer, self.id, actor="test"))

    @property
    def status(self) -> str:
        return str(self.team.chaos.sql("SELECT status FROM campaigns WHERE id = :id", id=self.id)[0][0])

    def by_status(self) -> dict[str, int]:
        rows = self.team.chaos.sql(
            "SELECT status::text, count(*) FROM campaign_contacts WHERE campaign_id = :id GROUP BY 1", id=self.id
        )
        return {row[0]: int(row[1]) for row in rows}

    def books(self) -> list[tuple[object, ...]]:
        """Everything that is written down about its calls and contacts."""
        rows = self.team.chaos.sql(BOOKS, id=self.id)
        return [tuple(row) for row in rows]

    def calls(self, where: str = "true") -> int:
        """How many of its calls are so."""
        rows = self.team.chaos.sql(f"SELECT count(*) FROM calls WHERE campaign_id = :id AND ({where})", id=self.id)
        return int(rows[0][0])
