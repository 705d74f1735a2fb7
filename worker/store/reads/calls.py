"""The calls of a team: a list that may be read from its newest to its oldest however long it is, by what a call is of,
and one of what has changed; and one call with all its carrier said.

Every list is read along one index that has its order, so a page costs what it shows, at any depth; those of a team have
the calls that ended, and the few that live are put among them. Whoever reads page by page begins each behind the last
row of the one before: rows that come meanwhile stand before the first page. Of what has changed, calls that ended come
in the order in which they did, which never changes, and those that live behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, text

from worker.domain.paging import MOST_COUNTED, Key, Part
from worker.store.candidates import IS_LIVE_OF_TEAM
from worker.store.reads.campaign_calls import CallRow
from worker.store.reads.exports import OUTCOME
from worker.store.shapes import shaped

_SHOWN = f"""
SELECT k.id, k.campaign_id, k.run_id, k.contact_id, k.from_number, k.to_number, k.state, k.attempt, k.disposition,
       k.cause, k.machine_verdict, k.reserved_at, k.dialing_at, k.placed_at, k.ringing_at, k.answered_at, k.ended_at,
       k.zone, k.token, k.carrier_call_id, CAST(a.carrier AS text) AS carrier, {OUTCOME}
FROM {{}} AS k JOIN carrier_accounts a ON a.id = k.account_id LEFT JOIN call_outcomes o ON o.call_id = k.id
"""
ONE = text(f"{_SHOWN.format('calls')} WHERE k.team_id = :team AND k.id = :id")
OF_CONTACT = text(f"""
{_SHOWN.format("(SELECT * FROM calls WHERE contact_id = :contact OFFSET 0)")}
WHERE k.team_id = :team ORDER BY k.reserved_at DESC, k.id DESC LIMIT :most
""")
EVENTS = text("""
SELECT e.id, e.token, e.kind, e.disposition, e.sip_code, e.verdict, e.network_block, e.occurred_at, e.received_at,
       e.outcome
FROM unnest(CAST(:tokens AS text[])) AS x (token)
CROSS JOIN LATERAL (
    SELECT * FROM call_events WHERE token = x.token AND event_id <> '' AND outcome IS DISTINCT FROM 'foreign'
    ORDER BY id LIMIT :most) AS e
ORDER BY e.id
""")
CLOCKS = text("""
SELECT k.id, k.zone, c.call_window_timezone, c.settings
FROM (SELECT id, campaign_id, zone FROM calls WHERE id = ANY(CAST(:ids AS text[])) AND team_id = :team OFFSET 0) AS k
JOIN campaigns c ON c.id = k.campaign_id
""")
# A call that was never spoken of is found while it lives.
BY_CARRIER_ID = text(f"""
SELECT c.id FROM call_events e CROSS JOIN LATERAL (SELECT id, team_id FROM calls WHERE token = e.token LIMIT 1) AS c
WHERE e.carrier_call_id = :carrier_call AND e.kind IN ('ringing', 'ended') AND e.outcome IS DISTINCT FROM 'foreign'
  AND c.team_id = :team
UNION
SELECT id FROM calls WHERE {IS_LIVE_OF_TEAM} AND carrier_call_id = :carrier_call
""")
IS_LIVE = f"{IS_LIVE_OF_TEAM} AND greatest(reserved_at, dialing_at, placed_at, ringing_at, answered_at) >= :since"


@dataclass(frozen=True, slots=True)
class WantedCalls:
    """Which calls to list; ``None`` matches all. ``number`` is the callee's, in E.164; ``outcome`` is a word of the
    campaign's, which goes with it; ``since`` and ``until`` bound the instant they were reserved at, the second from
    above and not in it."""

    contact_id: str | None = None
    campaign_id: str | None = None
    number: str | None = None
    disposition: str | None = None
    carrier_call_id: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None


# Each names the one index that has the calls it means in their order: whose a campaign is its own row says, for a
# condition on the calls would be taken to leave few. OFFSET 0 keeps from looking for a few calls in the order of all.
_ENDED = " AND ended_at IS NOT NULL"
OF_TEAM = f"team_id = :team{_ENDED}"
OF_CAMPAIGN = "campaign_id = (SELECT id FROM campaigns WHERE id = :campaign_id AND team_id = :team) AND id <> ''"
TO_NUMBER = f"team_id = :team AND to_number = :number{_ENDED}"
BY_DISPOSITION = "team_id = :team AND disposition = CAST(:disposition AS disposition)"
_FEW = "(SELECT * FROM calls WHERE {} OFFSET 0) AS few"
OF_ONE_CONTACT = _FEW.format("contact_id = :contact_id")
OF_OUTCOME = _FEW.format(
    "id = ANY(ARRAY(SELECT call_id FROM call_outcomes WHERE campaign_id = :campaign_id AND outcome = :outcome))"
)
OF_IDS = _FEW.format("id = ANY(CAST(:ids AS text[]))")
_MINE = "team_id = :team"
_BY_COLUMN = {
    "contact_id": "contact_id = :contact_id",
    "campaign_id": "campaign_id = :campaign_id",
    "number": "to_number = :number",
    "disposition": "disposition = CAST(:disposition AS disposition)",
}
_IN_ORDER = {"number": TO_NUMBER, "campaign_id": OF_CAMPAIGN, "disposition": BY_DISPOSITION}
"""Filters that have an index in the order of the list, the one that leaves the fewest first."""


_ALIVE = {OF_TEAM: IS_LIVE_OF_TEAM, TO_NUMBER: f"{IS_LIVE_OF_TEAM} AND to_number = :number"}
"""Where the index has only calls that ended: those that live."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the calls of a list are read from, and the conditions they meet."""

    where: str
    table: str = "calls"
    more: str = ""

    @property
    def wheres(self) -> list[str]:
        """The conditions of each of the parts that the list consists of."""
        return [f"{where}{self.more}" for where in (self.where, _ALIVE.get(self.where)) if where is not None]


@shaped(ONE, OF_CONTACT)
class TeamCallRow(CallRow, Protocol):
    """A call as it is shown, with what leads to its news. ``zone`` is the contact's own then, or ''."""

    zone: str
    token: str
    carrier_call_id: str | None
    carrier: str


@shaped(EVENTS)
class CallEventRow(Protocol):
    """What a carrier said of a call; ``outcome`` is what was done with it (``None``: nothing yet)."""

    id: int
    token: str
    kind: str
    disposition: str | None
    sip_code: int | None
    verdict: str | None
    network_block: bool
    occurred_at: datetime | None
    received_at: datetime
    outcome: str | None


@shaped(CLOCKS)
class CallClock(Protocol):
    """By which clocks somebody was called: their own ``zone``, or '', and the campaign's, and whose its ``settings``
    say."""

    id: str
    zone: str
    call_window_timezone: str | None
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallPage:
    """A page of calls, and how many there are, ``MOST_COUNTED`` at most; a page that begins behind another is not
    counted (``None``)."""

    count: int | None
    rows: Sequence[TeamCallRow]


def page(conn: Connection, team_id: str, wanted: WantedCalls, part: Part) -> CallPage:
    """Calls of the team, newest first; with ``updated_since`` those that have changed since, see above."""
    values: dict[str, Any] = {"team": team_id, "limit": part.limit, "offset": part.offset}
    source = _source(conn, team_id, wanted, values)
    if part.after is not None:
        values |= {"after_at": part.after.at, "after_id": part.after.id}
    if part.updated_since is not None:
        values["since"] = part.updated_since
        listed, counted = changed_statements(source, part.after)
    else:
        listed, counted = newest_statements(source, part.after)
    rows = conn.execute(text(listed), values).all()
    return CallPage(None if part.after else conn.execute(text(counted), values).scalar_one(), rows)


def newest_statements(source: Source, after: Key | None = None) -> tuple[str, str]:
    """The statement of a page, newest first, and the one that counts."""
    behind = " AND (reserved_at, id) < (:after_at, :after_id)" if after else ""
    order = "ORDER BY reserved_at DESC, id DESC"
    reach = "LIMIT CAST(:limit AS bigint) + :offset"
    parts = [f"(SELECT * FROM {source.table} WHERE {where}{behind} {order} {reach})" for where in source.wheres]
    found = f"(SELECT * FROM ({' UNION ALL '.join(parts)}) AS listed {order} LIMIT :limit OFFSET :offset)"
    counts = [f"(SELECT 1 FROM {source.table} WHERE {where} {order} LIMIT {MOST_COUNTED})" for where in source.wheres]
    every = " UNION ALL ".join(counts)
    return (
        f"{_SHOWN.format(found)} ORDER BY k.reserved_at DESC, k.id DESC",
        f"SELECT count(*) FROM (SELECT 1 FROM ({every}) AS every LIMIT {MOST_COUNTED}) AS counted",
    )


def changed_statements(source: Source, after: Key | None = None) -> tuple[str, str]:
    """The same of what has changed: what has ended since, in that order, then what lives and has moved."""
    more = source.more if source.where == OF_TEAM else f" AND {source.where.removesuffix(_ENDED)}{source.more}"
    since = f"team_id = :team AND ended_at >= :since{more}"
    behind = "" if after is None else " AND (ended_at, id) > (:after_at, :after_id)" if after.at else " AND false"
    live = f"{IS_LIVE}{more}" + (" AND id > :after_id" if after is not None and after.at is None else "")
    reach = "LIMIT CAST(:limit AS bigint) + :offset"
    found = f"""(SELECT * FROM (
        (SELECT * FROM {source.table} WHERE {since}{behind} ORDER BY ended_at, id {reach})
        UNION ALL (SELECT * FROM {source.table} WHERE {live} ORDER BY id {reach})) AS changed
        ORDER BY ended_at NULLS LAST, id LIMIT :limit OFFSET :offset)"""
    ended = f"SELECT 1 FROM {source.table} WHERE {since} ORDER BY ended_at, id LIMIT {MOST_COUNTED}"
    alive = f"SELECT 1 FROM {source.table} WHERE {live}"
    return (
        f"{_SHOWN.format(found)} ORDER BY k.ended_at NULLS LAST, k.id",
        f"SELECT count(*) FROM (({ended}) UNION ALL ({alive}) LIMIT {MOST_COUNTED}) AS counted",
    )


def _source(conn: Connection, team_id: str, wanted: WantedCalls, values: dict[str, Any]) -> Source:
    """Where to read what is wanted; adds to the ``values`` of the statement."""
    values |= {name: value for name in _BY_COLUMN if (value := getattr(wanted, name)) is not None}
    bounds = {"since": "reserved_at >= :from_at", "until": "reserved_at < :to_at"}
    values |= {"from_at": wanted.since, "to_at": wanted.until}
    more = [condition for name, condition in bounds.items() if getattr(wanted, name) is not None]
    if wanted.carrier_call_id is not None:
        found = conn.execute(BY_CARRIER_ID, {"team": team_id, "carrier_call": wanted.carrier_call_id})
        values["ids"] = list(found.scalars())
        table, where, left = OF_IDS, _MINE, tuple(_BY_COLUMN)
    elif wanted.outcome is not None:
        values["outcome"] = wanted.outcome
        table, where, left = OF_OUTCOME, _MINE, tuple(_BY_COLUMN)
    elif wanted.contact_id is not None:
        table, where, left = OF_ONE_CONTACT, _MINE, tuple(_IN_ORDER)
    else:
        table = "calls"
        where, left = next(
            ((where, _after(name)) for name, where in _IN_ORDER.items() if getattr(wanted, name) is not None),
            (OF_TEAM, ()),
        )
    more += [_BY_COLUMN[name] for name in left if getattr(wanted, name) is not None]
    return Source(where, table, "".join(f" AND {condition}" for condition in more))


def _after(name: str) -> tuple[str, ...]:
    """The filters that stand behind this one."""
    names = tuple(_IN_ORDER)
    return names[names.index(name) + 1 :]


def key_of(row: TeamCallRow, *, changed: bool) -> Key:
    """Where the call stands in such a list."""
    return Key(row.ended_at if changed else row.reserved_at, row.id)


def one(conn: Connection, team_id: str, call_id: str) -> TeamCallRow | None:
    """The team's call with this id, if it is kept."""
    return conn.execute(ONE, {"team": team_id, "id": call_id}).first()


def clocks(conn: Connection, team_id: str, call_ids: Sequence[str]) -> Sequence[CallClock]:
    """Those of these calls of the team."""
    return conn.execute(CLOCKS, {"team": team_id, "ids": list(call_ids)}).all()


def of_contact(conn: Connection, team_id: str, contact_id: str, *, most: int) -> Sequence[TeamCallRow]:
    """The latest calls to a contact, in whatever campaign, newest first."""
    return conn.execute(OF_CONTACT, {"team": team_id, "contact": contact_id, "most": most}).all()


def events_of(conn: Connection, tokens: Sequence[str], *, most: int) -> dict[str, list[CallEventRow]]:
    """What carriers said of the calls of these tokens, in the order they did; of each the first ``most``."""
    found: dict[str, list[CallEventRow]] = {token: [] for token in tokens}
    for row in conn.execute(EVENTS, {"tokens": list(tokens), "most": most}):
        found[row.token].append(row)
    return found
