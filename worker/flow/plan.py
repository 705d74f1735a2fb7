"""What a fill may ask for: which campaigns, how many calls of each, with which caller IDs.

A claim reads it under its locks, and nothing that it says changes until the claim is over. Read without, to be shown,
it may be out of date by then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import overload

from sqlalchemy import Connection

from worker.domain import ids
from worker.domain.rotation import CallerId, pick
from worker.flow.base import Dialer
from worker.flow.due import Due, due_now
from worker.slots import Kind, Scope, SlotRequest
from worker.store import candidates, claims, credentials, gate
from worker.store.candidates import Candidate, LiveCount, Place
from worker.store.credentials import CredentialsUse
from worker.store.pipeline import pipelined

MOST_PER_CAMPAIGN = 200
"""How many calls one round reserves for one campaign; the next round takes the rest."""
MOST_AHEAD = 3
"""How many other teams are let go first, where credentials are shared."""
MOST_AT_ONCE = 1000
"""How many calls one round reserves in all: one transaction, under the team's lock."""
RATE_RESERVE_SECONDS = 2.0
"""No more calls of an account are reserved than its rate lets out in this time."""


@dataclass(slots=True)
class Rooms:
    """How many more calls each scope of a team may carry, by the rows; counted down as calls are planned.
    ``paced`` are the accounts whose rate leaves less room than their limit. ``shared`` is the room, and
    ``shared_limits`` the limit, of credentials that several accounts have; ``sharers`` are these, by carrier."""

    team: int
    campaigns: dict[str, int]
    numbers: dict[str, int]
    accounts: dict[str, int]
    paced: set[str] = field(default_factory=set)
    shared: dict[str, int] = field(default_factory=dict)
    shared_limits: dict[str, int] = field(default_factory=dict)
    sharers: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, rows: Sequence[Candidate], live: Sequence[LiveCount]) -> Rooms:
        """From the candidates' limits and the team's live calls."""
        campaigns: dict[str, int] = defaultdict(int)
        numbers: dict[str, int] = defaultdict(int)
        accounts: dict[str, int] = defaultdict(int)
        reserved: dict[str, int] = defaultdict(int)
        total = 0
        for counted in live:
            campaigns[counted.campaign_id] += counted.live
            numbers[counted.number_id] += counted.live
            accounts[counted.account_id] += counted.live
            reserved[counted.account_id] += counted.reserved
            total += counted.live
        number_room, account_room, slowed = {}, {}, set()
        sharers: dict[str, set[str]] = defaultdict(set)
        for number in (n for row in rows for n in row.numbers):
            account = number["account"]
            if number["credentials"] is not None:
                sharers[number["credentials"]].add(account)
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
            sharers=sharers,
        )

    @property
    def full(self) -> set[str]:
        """The numbers, accounts and carriers without room."""
        return {i for rooms in (self.numbers, self.accounts, self.shared) for i, room in rooms.items() if room <= 0}

    def share(self, uses: Sequence[CredentialsUse]) -> None:
        """Add what several accounts may do together (:func:`worker.store.credentials.read`)."""
        for row in uses:
            most = row.known_to_fit if row.live < row.known_to_fit else row.most
            by_limit = by_rate = most - row.live
            if row.rate is not None:
                by_rate = ceil(row.rate * RATE_RESERVE_SECONDS) - row.reserved
            room = self.shared[row.carrier] = min(by_limit, by_rate)
            self.shared_limits[row.carrier] = row.most
            for account in self.sharers[row.carrier]:
                if room < self.accounts[account]:
                    self.accounts[account] = room
                    self.paced |= {account} if by_rate < by_limit else set()

    def take(self, campaign_id: str, number_id: str, account_id: str, credentials: str | None) -> bool:
        """Count one call in, if every scope has room."""
        room = min(
            self.team,
            self.campaigns.get(campaign_id, 0),
            self.numbers.get(number_id, 0),
            self.accounts.get(account_id, 0),
            self.team if credentials is None else self.shared.get(credentials, 0),
        )
        if room <= 0:
            return False
        self.team -= 1
        self.campaigns[campaign_id] -= 1
        self.numbers[number_id] -= 1
        self.accounts[account_id] -= 1
        if credentials is not None:
            self.shared[credentials] -= 1
        return True


@dataclass(frozen=True, slots=True)
class CandidatePage:
    """Which campaigns are looked at: those named, and the ``starved`` ones, ``after`` a place in the order of turns
    (:func:`worker.store.candidates.of_page`); without those that could only show a caller ID that is ``full``. With
    ``yields`` also who of other teams comes first."""

    campaign_ids: Sequence[str]
    starved: bool = True
    after: Place | None = None
    full: frozenset[str] = frozenset()
    yields: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """One call that might be: an id, a campaign, a caller ID. Whom it calls the claim decides."""

    slot: SlotRequest
    from_number: str
    credentials: str | None = None


@dataclass(slots=True)
class Plan:
    """What a fill would ask for. ``due`` is where contacts of each campaign are due. ``starved`` are the campaigns that
    want more than shared scopes allow, ``idle`` those with nothing due and nothing live, or with their budget used up.
    ``rooms`` is what the calls it asks for would leave; ``has_more`` is whether it could ask for more than a round
    reserves. ``ahead`` are other teams whose turn it is, where calls would be made by credentials that these share."""

    rooms: Rooms
    rows: dict[str, Candidate] = field(default_factory=dict)
    due: dict[str, Due] = field(default_factory=dict)
    calls: list[Planned] = field(default_factory=list)
    limits: dict[Scope, int] = field(default_factory=dict)
    starved: set[str] = field(default_factory=set)
    idle: list[str] = field(default_factory=list)
    generation: int = 0
    has_more: bool = False
    ahead: Sequence[str] = ()

    @property
    def is_news(self) -> bool:
        """Whether a campaign is starved that was not before, or the other way round, or a place was found shut."""
        return any(row.is_starved != (row.id in self.starved) for row in self.rows.values()) or any(
            due.shut or due.never for due in self.due.values()
        )

    @property
    def has_shut(self) -> bool:
        """Whether places were found shut, which no claim looks at from now on: so others may be seen."""
        return any(due.shut for due in self.due.values())

    @property
    def following(self) -> Place | None:
        """After which place the next page of candidates begins; ``None`` when there is none, or nothing to share out
        to those on it."""
        if len(self.rows) < candidates.PAGE or self.rooms.team <= 0:
            return None
        last = list(self.rows.values())[-1]
        return last.filled_at, last.id


def plan_calls(
    conn: Connection, dialer: Dialer, team_id: str, page: CandidatePage, *, locks: bool = False, passes: bool = False
) -> Plan:
    """Which calls the rows allow now, campaign by campaign in the order of their turn. With ``locks`` the team's row is
    locked, and those of the campaigns that may be planned for; where it ``passes`` the team's gate, before anything."""
    rows, live, rooms = _read_rooms(conn, dialer, team_id, page, locks=locks, passes=passes)
    live_in: Counter[str] = Counter()
    for counted in live:
        live_in[counted.campaign_id] += counted.live
    plan = Plan(rooms, rows={row.id: row for row in rows})
    if rows:
        plan.generation = rows[0].generation
    for row in rows:
        plan.due[row.id] = due_now(dialer, row, min(MOST_PER_CAMPAIGN, row.max_concurrent_calls))
        due = plan.due[row.id].count
        budget = due if row.budget is None else row.budget
        if not live_in[row.id] and min(due, budget) == 0:
            plan.idle.append(row.id)
        want = min(due, budget, rooms.campaigns[row.id])
        if want > 0:
            _plan_campaign(plan, rooms, team_id, row, want)
    if page.yields:
        plan.ahead = _ahead(conn, team_id, plan)
    return plan


def _read_rooms(
    conn: Connection, dialer: Dialer, team_id: str, page: CandidatePage, *, locks: bool, passes: bool
) -> tuple[Sequence[Candidate], Sequence[LiveCount], Rooms]:
    """The candidates, the team's live calls, and the room there is. For a claim: where other accounts have the same
    credentials, nobody adds to what is counted of them until its transaction ends."""
    recovery = dialer.bounds.rate_recovery_seconds
    first = [gate.passage(team_id)] if passes else []
    if locks:
        first.append(claims.lock(team_id, page.campaign_ids, starved=page.starved))
    looking = candidates.of_page(
        team_id,
        page.campaign_ids,
        most=MOST_PER_CAMPAIGN,
        recovery_seconds=recovery,
        starved=page.starved,
        after=page.after,
        full=page.full,
        sharing=dialer.sharing,
    )
    *before, live, rows = pipelined(conn, *first, candidates.live(team_id), looking)
    if locks:
        locked = {row.id for row in before[-1]}
        rows = [row for row in rows if row.id in locked]  # who has just begun to run is another's
    rooms = Rooms.read(rows, live)
    carriers = rooms.sharers.keys()
    if carriers and locks:
        credentials.lock(conn, carriers)
    if carriers:
        rooms.share(credentials.read(conn, carriers, recovery_seconds=recovery))
    return rows, live, rooms


def _ahead(conn: Connection, team_id: str, plan: Plan) -> Sequence[str]:
    shared = [call for call in plan.calls if call.credentials is not None]
    if not shared:
        return ()
    oldest = min(plan.rows[call.slot.campaign_id].filled_at for call in shared)
    carriers = {call.credentials for call in shared if call.credentials is not None}
    return credentials.ahead(conn, team_id, carriers, oldest, most=MOST_AHEAD)


def _plan_campaign(plan: Plan, rooms: Rooms, team_id: str, row: Candidate, want: int) -> None:
    most = min(MOST_PER_CAMPAIGN, MOST_AT_ONCE - len(plan.calls))
    if want > most and row.is_starved:
        plan.starved.add(row.id)  # as before: the next round will show
    want = left = min(want, most)
    numbers = {n["id"]: n for n in row.numbers}
    shared = {key(carrier): room for carrier, room in rooms.shared.items()}
    callers = [
        CallerId(n["id"], n["account"], rooms.numbers[n["id"]], float(n["used_at"]), key(n["credentials"]))
        for n in row.numbers
    ]
    for number_id in pick(callers, rooms.accounts | shared, min(want, max(0, rooms.team))):
        number = numbers[number_id]
        if not rooms.take(row.id, number_id, number["account"], number["credentials"]):
            break
        slot = SlotRequest(ids.new(ids.CALL), team_id, row.id, number_id, number["account"])
        plan.calls.append(Planned(slot, number["number"], number["credentials"]))
        plan.limits[Scope(Kind.NUMBER, number_id)] = number["limit"]
        plan.limits[Scope(Kind.ACCOUNT, number["account"])] = number["account_limit"]
        left -= 1
    plan.has_more |= want - left == most
    plan.limits[Scope(Kind.TEAM, team_id)] = row.team_limit
    plan.limits[Scope(Kind.CAMPAIGN, row.id)] = row.max_concurrent_calls
    if left > 0 and callers:
        plan.starved.add(row.id)


@overload
def key(carrier: str) -> str: ...
@overload
def key(carrier: None) -> None: ...
def key(carrier: str | None) -> str | None:
    """What the credentials of a carrier are called beside ids of accounts."""
    return None if carrier is None else f"credentials of {carrier}"
