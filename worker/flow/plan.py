"""What a fill may ask for: which campaigns, how many calls of each, with which caller IDs.

The plan is read, not locked: it may be out of date when it is used, and the claim asks everything again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from sqlalchemy import Connection, Row

from worker.domain import ids
from worker.domain.rotation import CallerId, pick
from worker.flow.base import Dialer, valid_until
from worker.slots import Kind, Scope, SlotRequest
from worker.store import claims
from worker.store.claims import Place

MOST_PER_CAMPAIGN = 200
"""How many calls one round reserves for one campaign; the next round takes the rest."""
MOST_AT_ONCE = 1000
"""How many calls one round reserves in all: one transaction, under the team's lock."""
RATE_RESERVE_SECONDS = 2.0
"""No more calls of an account are reserved than its rate lets out in this time."""


@dataclass(slots=True)
class Rooms:
    """How many more calls each scope of a team may carry, by the rows; counted down as calls are planned.
    ``paced`` are the accounts whose rate leaves less room than their limit."""

    team: int
    campaigns: dict[str, int]
    numbers: dict[str, int]
    accounts: dict[str, int]
    paced: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, rows: Sequence[Row[Any]], live: Sequence[Row[Any]]) -> Rooms:
        """From the candidates' limits and the team's live calls."""
        campaigns: dict[str, int] = defaultdict(int)
        numbers: dict[str, int] = defaultdict(int)
        accounts: dict[str, int] = defaultdict(int)
        reserved: dict[str, int] = defaultdict(int)
        total = 0
        for campaign_id, number_id, account_id, count, count_reserved in map(tuple, live):
            campaigns[campaign_id] += count
            numbers[number_id] += count
            accounts[account_id] += count
            reserved[account_id] += count_reserved
            total += count
        number_room, account_room, slowed = {}, {}, set()
        for number in (n for row in rows for n in row.numbers):
            account = number["account"]
            number_room[number["id"]] = number["limit"] - numbers[number["id"]]
            account_room[account] = number["account_limit"] - accounts[account]
            if number["channels"] is not None and accounts[account] < number["channels"]:
                account_room[account] = min(account_room[account], number["channels"] - accounts[account])
            if number["account_rate"] is not None:
                paced = ceil(number["account_rate"] * RATE_RESERVE_SECONDS) - reserved[account]
                if paced < account_room[account]:
                    account_room[account] = paced
                    slowed.add(account)
            if number["half_open"]:
                account_room[account] = min(account_room[account], 1 - reserved[account])
        return cls(
            team=(rows[0].team_limit if rows else 0) - total,
            campaigns={row.id: row.max_concurrent_calls - campaigns[row.id] for row in rows},
            numbers=number_room,
            accounts=account_room,
            paced=slowed,
        )

    @property
    def full(self) -> set[str]:
        """The numbers and accounts without room."""
        return {i for rooms in (self.numbers, self.accounts) for i, room in rooms.items() if room <= 0}

    def take(self, campaign_id: str, number_id: str, account_id: str) -> bool:
        """Count one call in, if every scope has room."""
        room = min(
            self.team,
            self.campaigns.get(campaign_id, 0),
            self.numbers.get(number_id, 0),
            self.accounts.get(account_id, 0),
        )
        if room <= 0:
            return False
        self.team -= 1
        self.campaigns[campaign_id] -= 1
        self.numbers[number_id] -= 1
        self.accounts[account_id] -= 1
        return True


@dataclass(frozen=True, slots=True)
class Planned:
    """One call that might be: an id, a campaign, a caller ID. Whom it calls the claim decides."""

    slot: SlotRequest
    from_number: str


@dataclass(slots=True)
class Plan:
    """What a fill would ask for. ``short`` are the campaigns that want more than shared scopes allow, ``idle``
    those with nothing due and nothing live, or with their budget used up. ``rooms`` is what the calls it asks
    for would leave; ``has_more`` is whether it could ask for more than a round reserves."""

    rooms: Rooms
    rows: dict[str, Row[Any]] = field(default_factory=dict)
    calls: list[Planned] = field(default_factory=list)
    limits: dict[Scope, int] = field(default_factory=dict)
    short: set[str] = field(default_factory=set)
    idle: list[str] = field(default_factory=list)
    generation: int = 0
    has_more: bool = False

    @property
    def is_news(self) -> bool:
        """Whether a campaign went short that did not before, or the other way round."""
        return any(row.short_of_slots != (row.id in self.short) for row in self.rows.values())

    @property
    def following(self) -> Place | None:
        """After which place the next page of candidates begins; ``None`` when there is none, or nothing to share out
        to those on it."""
        if len(self.rows) < claims.PAGE or self.rooms.team <= 0:
            return None
        last = list(self.rows.values())[-1]
        return last.filled_at, last.id


def plan_calls(
    conn: Connection,
    dialer: Dialer,
    team_id: str,
    campaign_ids: Sequence[str],
    *,
    hungry: bool = True,
    after: Place | None = None,
    full: Collection[str] = (),
) -> Plan:
    """Which calls the rows would allow now, campaign by campaign in the order of their turn: those of the page that
    begins ``after`` this place (see :func:`worker.store.claims.candidates`)."""
    live = claims.live(conn, team_id)
    rows = claims.candidates(
        conn,
        team_id,
        campaign_ids,
        most=MOST_PER_CAMPAIGN,
        recovery_seconds=dialer.bounds.rate_recovery_seconds,
        hungry=hungry,
        after=after,
        full=full,
    )
    rooms = Rooms.read(rows, live)
    live_in = Counter({row.campaign_id: 0 for row in live})
    for row in live:
        live_in[row.campaign_id] += row.live
    plan = Plan(rooms, rows={row.id: row for row in rows})
    if rows:
        plan.generation = rows[0].generation
    for row in rows:
        due = sum(count for zone, count in row.due_by_zone if is_open(dialer, row, zone))
        budget = due if row.budget is None else row.budget
        if not live_in[row.id] and min(due, budget) == 0:
            plan.idle.append(row.id)
        want = min(due, budget, rooms.campaigns[row.id])
        most = min(MOST_PER_CAMPAIGN, MOST_AT_ONCE - len(plan.calls))
        planned = len(plan.calls)
        if want > 0 and most > 0:
            _plan_campaign(plan, rooms, team_id, row, min(want, most))
        elif want > 0 and row.short_of_slots:
            plan.short.add(row.id)  # as before: the next round will tell
        plan.has_more |= want > 0 and len(plan.calls) - planned >= most
    return plan


def _plan_campaign(plan: Plan, rooms: Rooms, team_id: str, row: Row[Any], want: int) -> None:
    numbers = {n["id"]: n for n in row.numbers}
    callers = [CallerId(n["id"], n["account"], rooms.numbers[n["id"]], float(n["used_at"])) for n in row.numbers]
    for number_id in pick(callers, rooms.accounts, min(want, max(0, rooms.team))):
        number = numbers[number_id]
        if not rooms.take(row.id, number_id, number["account"]):
            break
        slot = SlotRequest(ids.new(ids.CALL), team_id, row.id, number_id, number["account"])
        plan.calls.append(Planned(slot, number["number"]))
        plan.limits[Scope(Kind.NUMBER, number_id)] = number["limit"]
        plan.limits[Scope(Kind.ACCOUNT, number["account"])] = number["account_limit"]
        want -= 1
    plan.limits[Scope(Kind.TEAM, team_id)] = row.team_limit
    plan.limits[Scope(Kind.CAMPAIGN, row.id)] = row.max_concurrent_calls
    if want > 0 and callers:
        plan.short.add(row.id)


def is_open(dialer: Dialer, row: Row[Any], zone: str) -> bool:
    """Whether a call to a contact in this zone may be committed now."""
    return valid_until(row, zone, row.now, dialer.bounds.closing_margin_seconds) is not None
