"""Contacts: imported into the CRM, added to a campaign, screened, edited, never to be called.

Adding is the only thing that costs in proportion to the number of contacts. Screening when a run opens walks
the exceptions (contacts marked do-not-call, the team's list of numbers), never the campaign.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, Row, TextClause, func, text

from worker.domain.additions import DEFAULT_PRIORITY
from worker.domain.contact import CONTACT
from worker.domain.whereabouts import PLACED_BY, place_code
from worker.store import tables
from worker.store.bans import is_listed, purpose_of
from worker.store.crm import records
from worker.store.database import driver_of
from worker.store.rules import BY_PLACE, BY_PLACE_OF, key
from worker.store.shapes import shaped

_LEFT_OUT: dict[str, Any] = {
    "id": None,
    "phone_e164": None,
    "phone_fault": None,
    "place": "",
    **{each.column: each.default for each in CONTACT.settable(is_new=True)},
}
"""Every column that is written, and what is in it where nothing was given."""
COPY = f"COPY contacts (team_id, {', '.join(_LEFT_OUT)}) FROM STDIN"


class NewContact:
    """A person for the CRM. ``phone_e164`` and ``phone_fault`` come from :mod:`worker.domain.screening`; one
    of them is ``None``. The ``others`` are columns of a contact's declaration, such as ``first_name``; the place
    follows from them."""

    __slots__ = ("id", "values")

    def __init__(
        self, id: str, phone: str | None, phone_e164: str | None, phone_fault: str | None, **others: Any
    ) -> None:
        self.id = id
        given = {"id": id, "phone": phone, "phone_e164": phone_e164, "phone_fault": phone_fault, **others}
        self.values = {**_LEFT_OUT, **given, "place": place_code(given)}


ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('add to ' || :campaign, 0))")
HOLD_OPEN = text("SELECT pg_advisory_lock_shared(hashtextextended('adding to ' || :campaign, 0))")
LET_COMPLETE = text("SELECT pg_advisory_unlock_shared(hashtextextended('adding to ' || :campaign, 0))")

# A contact that cannot be called is added as skipped with its reason, so that adding loses nobody; a number
# that is in the campaign already, or twice in this request, is called once. LIMIT and OFFSET 0 keep the planner from
# beginning with all the contacts there are, or all numbers on the list, which while they are few looks as good.
_ADD = f"""
WITH wanted AS MATERIALIZED (
    SELECT k.id, k.phone_e164, k.phone_fault, ZONE AS zone, w.ord, PRIORITY AS priority, b.banned,
           row_number() OVER (PARTITION BY k.phone_e164, b.banned ORDER BY w.ord) AS nth
    FROM (SELECT BY_PLACE AS by_place) AS g
    CROSS JOIN (WANTED) AS w
    CROSS JOIN LATERAL (SELECT * FROM contacts WHERE id = w.id AND team_id = :team LIMIT 1) AS k
    CROSS JOIN LATERAL (
        SELECT k.do_not_call OR {is_listed(":team", "k.phone_e164", purpose_of(":campaign"))} AS banned) AS b
    WHERE (SELECT true FROM campaign_contacts cc WHERE cc.contact_id = k.id AND cc.campaign_id = :campaign LIMIT 1
          ) IS NULL),
screened AS (
    SELECT w.*, CASE
        WHEN w.phone_e164 IS NULL THEN coalesce(w.phone_fault, 'no_phone_number')
        WHEN w.banned THEN 'do_not_call'
        WHEN w.nth > 1 OR (
            SELECT true
            FROM (SELECT id FROM contacts WHERE team_id = :team AND phone_e164 = w.phone_e164 AND id <> w.id OFFSET 0
                 ) AS o
            CROSS JOIN LATERAL (SELECT status FROM campaign_contacts
                                WHERE contact_id = o.id AND campaign_id = :campaign OFFSET 0) AS oc
            WHERE oc.status <> 'skipped' LIMIT 1) THEN 'duplicate_number'
        END AS reason
    FROM wanted w),
zones AS (
    INSERT INTO campaign_zones (campaign_id, zone) SELECT DISTINCT :campaign, zone FROM screened
    ON CONFLICT DO NOTHING)
INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, zone, priority, rank, status, reason, due_at)
SELECT :team, :campaign, id, zone, priority, priority,
       CAST(CASE WHEN reason IS NULL THEN 'pending' WHEN reason = 'invalid_number' THEN 'failed' ELSE 'skipped' END
            AS contact_status),
       reason, (SELECT dialer_now())
FROM screened ORDER BY ord
ON CONFLICT (contact_id, campaign_id) DO NOTHING
"""


def adding(wanted: str, *, priority: str = str(DEFAULT_PRIORITY), then: str = "") -> TextClause:
    """The statement that adds the contacts of ``wanted``, a query ``w`` of their ``id`` and the place of each,
    ``ord``."""
    zone, by = key("k", "g.by_place"), BY_PLACE_OF.format(campaign=":campaign")
    return text(
        _ADD.replace("WANTED", wanted).replace("PRIORITY", priority).replace("ZONE", zone).replace("BY_PLACE", by)
        + then
    )


ADD = adding(
    "SELECT id, min(ord) AS ord, min(priority) AS priority "
    "FROM unnest(CAST(:ids AS text[]), CAST(:priorities AS smallint[])) WITH ORDINALITY AS u (id, priority, ord) "
    "GROUP BY id",
    priority="w.priority",
    then="RETURNING reason",
)

# Each by itself: joined, while the table was never analyzed, each is compared with all contacts of the team.
MISSING = text("""
SELECT u.id FROM unnest(CAST(:ids AS text[])) WITH ORDINALITY AS u (id, ord)
WHERE (SELECT true FROM contacts k WHERE k.id = u.id AND k.team_id = :team LIMIT 1) IS NULL ORDER BY u.ord LIMIT :most
""")

HOLD = text("""
SELECT k.id FROM contacts k WHERE k.id = ANY(CAST(:ids AS text[])) AND k.team_id = :team
ORDER BY k.id FOR SHARE
""")

SCREEN_OUT = text(f"""
WITH purpose AS MATERIALIZED (SELECT {purpose_of(":campaign")} AS of_campaign),
banned AS MATERIALIZED (
    SELECT k.id, 'do_not_call' AS reason FROM contacts k WHERE k.team_id = :team AND k.do_not_call
    UNION SELECT k.id, 'do_not_call' FROM do_not_call d
          JOIN contacts k ON k.team_id = d.team_id AND k.phone_e164 = d.number
          CROSS JOIN purpose p
          WHERE d.team_id = :team AND (p.of_campaign IS NULL OR d.purpose IN ('', p.of_campaign))
    UNION SELECT k.id, 'do_not_call' FROM do_not_call_everywhere d
          JOIN contacts k ON k.team_id = :team AND k.phone_e164 = d.number
          CROSS JOIN purpose p
          WHERE p.of_campaign IS NULL OR d.purpose IN ('', p.of_campaign)
    UNION SELECT k.id, coalesce(k.phone_fault, 'no_phone_number') FROM contacts k
          WHERE k.team_id = :team AND k.phone_e164 IS NULL AND NOT k.do_not_call)
UPDATE campaign_contacts cc
SET status = CAST(CASE WHEN b.reason = 'invalid_number' THEN 'failed' ELSE 'skipped' END AS contact_status),
    reason = b.reason
FROM banned b
WHERE cc.contact_id = b.id AND cc.campaign_id = :campaign AND cc.status IN ('pending', 'queued')
""")

# Each step looks up what the one before it found, by a key: OFFSET 0 keeps the planner from beginning with all the
# contacts there are, which it takes for one while their table was never analyzed.
SCREEN_IN = text(f"""
WITH skipped AS MATERIALIZED (
    SELECT cc.contact_id FROM campaign_contacts cc
    WHERE cc.campaign_id = :campaign
      AND (cc.status = 'skipped' OR (cc.status = 'failed' AND NOT cc.called AND cc.reason = 'invalid_number'))),
callable AS MATERIALIZED (
    SELECT k.* FROM skipped s CROSS JOIN LATERAL (
        SELECT k.id, k.team_id, k.phone_e164 FROM contacts k
        WHERE k.id = s.contact_id AND k.phone_e164 IS NOT NULL AND NOT k.do_not_call OFFSET 0) AS k
    WHERE NOT {is_listed("k.team_id", "k.phone_e164", purpose_of(":campaign"))}),
alone AS MATERIALIZED (
    SELECT k.id, k.phone_e164 FROM callable k
    WHERE NOT EXISTS (
        SELECT FROM (SELECT o.id FROM contacts o
                     WHERE o.team_id = k.team_id AND o.phone_e164 = k.phone_e164 AND o.id <> k.id OFFSET 0) AS o
        CROSS JOIN LATERAL (SELECT oc.status FROM campaign_contacts oc
                            WHERE oc.campaign_id = :campaign AND oc.contact_id = o.id OFFSET 0) AS oc
        WHERE oc.status <> 'skipped'))
UPDATE campaign_contacts cc SET status = 'queued', reason = NULL FROM (
    SELECT DISTINCT ON (phone_e164) id FROM alone ORDER BY phone_e164, id) AS back
WHERE cc.contact_id = back.id AND cc.campaign_id = :campaign
""")

OUT_OF_REACH = text("""
SELECT out.contact_id, out.reason, concat_ws(' ', nullif(c.first_name, ''), nullif(c.last_name, '')) AS name,
       coalesce(c.phone_e164, c.phone, '') AS phone
FROM (SELECT id, contact_id, reason FROM campaign_contacts
      WHERE campaign_id = :campaign AND (status = 'skipped' OR (status = 'failed' AND NOT called))
      ORDER BY id LIMIT :most) AS out
JOIN contacts c ON c.id = out.contact_id
ORDER BY out.id
""")

COUNT_OUT_OF_REACH = text("""
SELECT reason, count(*) AS count FROM campaign_contacts
WHERE campaign_id = :campaign AND (status = 'skipped' OR (status = 'failed' AND NOT called))
GROUP BY reason ORDER BY count DESC, reason
""")

# Two statements, for the first may have to wait for somebody who is adding the contact to a campaign, and only
# a statement that begins afterwards sees what was added.
_OWN_KEY = f"""(SELECT {key("k", BY_PLACE)} FROM campaigns c JOIN teams t ON t.id = c.team_id
    JOIN contacts k ON k.id = cc.contact_id WHERE c.id = cc.campaign_id)"""
MOVE_TO_ZONE = text(f"""
WITH zones AS (
    INSERT INTO campaign_zones (campaign_id, zone)
    SELECT DISTINCT cc.campaign_id, {_OWN_KEY}
    FROM campaign_contacts cc WHERE cc.contact_id = ANY(CAST(:ids AS text[]))
    ON CONFLICT DO NOTHING)
UPDATE campaign_contacts cc SET zone = {_OWN_KEY}
WHERE cc.contact_id = ANY(CAST(:ids AS text[])) AND cc.zone <> {_OWN_KEY}
""")

_WHEREABOUTS = ", ".join(f"k.{column}" for column in PLACED_BY)
WHEREABOUTS = text(f"""
SELECT k.id, {_WHEREABOUTS}, k.place FROM contacts k
WHERE k.id = ANY(CAST(:ids AS text[])) AND k.team_id = :team ORDER BY k.id FOR NO KEY UPDATE
""")
PLACE = text("""
UPDATE contacts k SET place = x.place
FROM unnest(CAST(:ids AS text[]), CAST(:places AS text[])) AS x (id, place) WHERE k.id = x.id
""")

WAITS_IN = text("""
SELECT DISTINCT c.id FROM campaign_contacts cc JOIN campaigns c ON c.id = cc.campaign_id
WHERE cc.contact_id = ANY(CAST(:ids AS text[])) AND cc.status IN ('pending', 'queued') AND c.status = 'running'
ORDER BY c.id
""")


@shaped(WHEREABOUTS)
class Whereabouts(Protocol):
    """What says where a contact is, and the place that was computed of it."""

    id: str
    phone_e164: str | None
    timezone: str | None
    timezone_confirmed: bool
    country: str | None
    region: str | None
    postal_code: str | None
    place: str


@shaped(OUT_OF_REACH, never_null=("reason",))
class UnreachableContact(Protocol):
    """A contact that a run cannot call, why not, and its name and number as far as they are known."""

    contact_id: str
    reason: str
    name: str
    phone: str


def load(conn: Connection, team_id: str, contacts: Iterable[NewContact]) -> int:
    """Write many contacts with COPY; returns how many. A contact with an id that exists is an error of the
    caller's (ids are made for the purpose)."""
    count = 0
    with driver_of(conn) as driver, driver.cursor() as cursor, cursor.copy(COPY) as copy:
        for contact in contacts:
            copy.write_row((team_id, *map(_written, contact.values.values())))
            count += 1
    return count


def _written(value: Any) -> Any:
    match value:
        case dict():
            return json.dumps(value)
        case tuple():
            return list(value)
        case _:
            return value


def missing(conn: Connection, team_id: str, contact_ids: Sequence[str], *, most: int = 20) -> list[str]:
    """Those of the ids that are no contact of this team, the first ``most`` of them."""
    return list(conn.execute(MISSING, {"team": team_id, "ids": list(contact_ids), "most": most}).scalars())


def hold(conn: Connection, team_id: str, contact_ids: Sequence[str], *, most: int = 20) -> list[str]:
    """Keep these contacts from being edited until this transaction ends: a zone that changes while its contact is
    being added would be the wrong one in the campaign for ever. Returns those of the ids that are no contact of
    this team, the first ``most`` of them."""
    held = set(conn.execute(HOLD, {"team": team_id, "ids": list(contact_ids)}).scalars())
    return [contact_id for contact_id in dict.fromkeys(contact_ids) if contact_id not in held][:most]


def add(
    conn: Connection,
    team_id: str,
    campaign_id: str,
    contact_ids: Sequence[str],
    priorities: Mapping[str, int] | None = None,
) -> Counter[str | None]:
    """Put contacts into a campaign, each screened; those already in it are left as they are. Returns how many were new,
    by the reason why they cannot be called (``None``: they can). ``priorities`` are those that are not the default; the
    campaign knows them (:func:`worker.store.campaigns.know_ranks`). The caller holds the contacts, and the campaign by
    :func:`worker.store.campaigns.share`; requests for one campaign take turns, so that a number in two of them is
    seen."""
    take_turns(conn, campaign_id)
    given = priorities or {}
    each = [given.get(contact_id, DEFAULT_PRIORITY) for contact_id in contact_ids]
    values = {"team": team_id, "campaign": campaign_id, "ids": list(contact_ids), "priorities": each}
    return Counter(conn.execute(ADD, values).scalars())


def take_turns(conn: Connection, campaign_id: str) -> None:
    """Wait for whoever else adds contacts to the campaign, and keep others waiting until this transaction ends."""
    conn.execute(ONE_AT_A_TIME, {"campaign": campaign_id})


def hold_open(conn: Connection, campaign_id: str) -> None:
    """Keep the campaign from completing (:func:`worker.store.campaigns.finished`) until :func:`let_complete`, or the
    session ends: more contacts are on their way, in other transactions of it."""
    conn.execute(HOLD_OPEN, {"campaign": campaign_id})


def let_complete(conn: Connection, campaign_id: str) -> None:
    """All of them are there."""
    conn.execute(LET_COMPLETE, {"campaign": campaign_id})


def screen(conn: Connection, team_id: str, campaign_id: str) -> None:
    """Take out of the waiting those who may no longer be called, and put back those who may again."""
    conn.execute(SCREEN_OUT, {"team": team_id, "campaign": campaign_id})
    conn.execute(SCREEN_IN, {"team": team_id, "campaign": campaign_id})


def out_of_reach(conn: Connection, campaign_id: str, *, most: int = 1000) -> Sequence[UnreachableContact]:
    """The first of the contacts that a run cannot call."""
    return conn.execute(OUT_OF_REACH, {"campaign": campaign_id, "most": most}).all()


def count_out_of_reach(conn: Connection, campaign_id: str) -> dict[str, int]:
    """How many contacts a run cannot call, by reason, the most frequent first."""
    rows = conn.execute(COUNT_OUT_OF_REACH, {"campaign": campaign_id}).mappings()
    return {row["reason"]: row["count"] for row in rows}


def edit(conn: Connection, team_id: str, contact_id: str, changes: Mapping[str, Any]) -> Row[Any] | None:
    """Set these columns; where the contact waits, it waits in its new zone, or place. Returns the contact as it is
    then, ``None`` if the team has none with this id. For what decides calls the caller holds
    :func:`worker.store.gate.close_gate`."""
    stamped = {**changes, "updated_at": func.clock_timestamp()} if changes else {}
    moves = bool(changes.keys() & set(PLACED_BY))
    if moves:
        before = conn.execute(WHEREABOUTS, {"team": team_id, "ids": [contact_id]}).mappings().first()
        stamped["place"] = place_code({**(before or {}), **changes})
    row = records.edit(conn, tables.contacts, team_id, contact_id, stamped)
    if row is not None and moves:
        move_to_zones(conn, [contact_id])
    return row


def whereabouts(conn: Connection, team_id: str, contact_ids: Sequence[str]) -> Sequence[Whereabouts]:
    """What says where these contacts are, each kept from being edited until this transaction ends."""
    return conn.execute(WHEREABOUTS, {"team": team_id, "ids": list(contact_ids)}).all()


def place_anew(conn: Connection, rows: Sequence[Whereabouts]) -> list[str]:
    """Compute where these contacts may be, and write it where it is another place than they have: their ids. Where they
    wait they are moved."""
    placed = {row.id: place_code({column: getattr(row, column) for column in PLACED_BY}) for row in rows}
    moved = [row.id for row in rows if placed[row.id] != row.place]
    if moved:
        conn.execute(PLACE, {"ids": moved, "places": [placed[contact_id] for contact_id in moved]})
        move_to_zones(conn, moved)
    return moved


def move_to_zones(conn: Connection, contact_ids: Sequence[str]) -> None:
    """Let the contacts wait in the zones they have now, wherever they wait."""
    conn.execute(MOVE_TO_ZONE, {"ids": list(contact_ids)})


def waits_in(conn: Connection, contact_ids: Sequence[str]) -> list[str]:
    """The running campaigns in which any of the contacts waits."""
    return [row.id for row in conn.execute(WAITS_IN, {"ids": list(contact_ids)})]
