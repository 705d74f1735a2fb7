"""Contacts of a file that was staged (:mod:`worker.store.crm.staging`): found among those the team has, made, merged
with them, and put into a campaign, a range of lines at a time.

What reads all lines, looking ahead, is planned by their number; what is about a batch finds its lines by their number
and each contact by an index, as every statement of a batch does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Row, text

from worker.store.crm import contacts
from worker.store.crm.staging import HEADS
from worker.store.database import joined_by_hash, without_timeouts
from worker.store.shapes import shaped

_TURN = "hashtextextended('import contacts of ' || :team, 0)"
TAKE_TURN = text(f"SELECT pg_try_advisory_xact_lock({_TURN})")
WAIT_FOR_TURN = text(f"SELECT pg_advisory_xact_lock({_TURN})")
MATCH_EXTERNAL = text(f"""
UPDATE staged s SET known = (
    SELECT k.id FROM contacts k WHERE k.team_id = :team AND k.external_id = s.external_id LIMIT 1)
WHERE {HEADS} AND s.external_id IS NOT NULL
  AND (SELECT true FROM contacts k WHERE k.team_id = :team AND k.external_id = s.external_id LIMIT 1)
""")
# Who has no external id yet may be the person that the file names now; who has another one is somebody else.
ADOPT = text(f"""
UPDATE staged u SET known = m.id FROM (
    SELECT DISTINCT ON (k.id) k.id, s.line
    FROM staged s CROSS JOIN LATERAL (
        SELECT k.id FROM contacts k
        WHERE k.team_id = :team AND k.phone_e164 = s.phone_e164 AND k.external_id IS NULL
        ORDER BY k.created_at, k.id LIMIT 1) AS k
    WHERE {HEADS} AND s.external_id IS NOT NULL AND s.phone_e164 IS NOT NULL AND s.known IS NULL
      AND k.id NOT IN (SELECT o.known FROM staged o WHERE o.line BETWEEN :first AND :last AND o.known IS NOT NULL)
    ORDER BY k.id, s.line) AS m
WHERE u.line = m.line
""")
MATCH_NUMBER = text(f"""
UPDATE staged s SET known = (
    SELECT k.id FROM contacts k WHERE k.team_id = :team AND k.phone_e164 = s.phone_e164
    ORDER BY k.created_at, k.id LIMIT 1)
WHERE {HEADS} AND s.phone_e164 IS NOT NULL AND s.known IS NULL AND s.external_id IS NULL
  AND (SELECT true FROM contacts k WHERE k.team_id = :team AND k.phone_e164 = s.phone_e164 LIMIT 1)
""")
# As the index contacts_by_words has it.
_WORDS = """
md5({0}.first_name || E'\\x1f' || {0}.last_name || E'\\x1f' || coalesce({0}.phone, '') || E'\\x1f'
    || coalesce({0}.email, ''))
"""
MATCH_WORDS = text(f"""
UPDATE staged u SET known = m.id FROM (
    SELECT s.line, k.id
    FROM staged s CROSS JOIN LATERAL (
        SELECT k.id FROM contacts k
        WHERE coalesce(k.phone_e164, '') = '' AND {_WORDS.format("k")} = {_WORDS.format("s")}
          AND k.team_id || '' = :team   -- for which there is no index, or all of the team's may be gone through
          AND k.first_name = s.first_name AND k.last_name = s.last_name
          AND coalesce(k.phone, '') = coalesce(s.phone, '') AND coalesce(k.email, '') = coalesce(s.email, '')
        ORDER BY k.created_at, k.id LIMIT 1) AS k
    WHERE {HEADS} AND s.phone_e164 IS NULL AND s.known IS NULL AND s.external_id IS NULL
      AND (s.first_name || s.last_name || coalesce(s.phone, '') || coalesce(s.email, '')) <> '') AS m
WHERE u.line = m.line
""")
# Two lines may be one contact by different signs, its id and its number; only one of them writes.
SHARE_BANS = text(f"""
UPDATE staged s SET do_not_call = true
WHERE {HEADS} AND s.known IS NOT NULL AND NOT s.do_not_call
  AND s.known IN (SELECT o.known FROM staged o
                  WHERE o.line BETWEEN :first AND :last AND o.head IS NULL AND o.do_not_call)
""")
# Found by its external id, it has another number in the file, which can be called.
_RENUMBERS = """
s.external_id IS NOT NULL AND s.phone_e164 IS NOT NULL AND (
    SELECT true FROM contacts k WHERE k.id = s.known AND k.external_id = s.external_id
                                  AND k.phone_e164 IS DISTINCT FROM s.phone_e164) IS NOT NULL
"""
_LOCATES = "(s.timezone IS NOT NULL OR s.country IS NOT NULL)"
"""A line says where its person lives: no state and no postal code is without its country."""
FOUND = text(f"""
SELECT count(*) AS contacts, count(s.known) AS known,
       coalesce(bool_or(s.known IS NOT NULL AND (s.do_not_call OR {_LOCATES} OR {_RENUMBERS})), false)
           AS decides
FROM staged s WHERE {HEADS}
""")

# Each contact by itself, in these and in the statements of a batch elsewhere: planned while there were few, a join
# begins with all there are, and the plan is kept.
_STAGED = (
    "id", "first_name", "last_name", "phone", "phone_e164", "phone_fault", "phone_secondary", "email", "timezone",
    "timezone_confirmed", "country", "region", "postal_code", "place", "do_not_call", "custom_fields", "tags",
    "external_id",
)  # fmt: skip
"""The columns of a contact that a line has."""
INSERT = text(f"""
INSERT INTO contacts (team_id, company_id, {", ".join(_STAGED)})
SELECT :team, :company, {", ".join(f"s.{column}" for column in _STAGED)}
FROM staged s WHERE {HEADS} AND s.known IS NULL ORDER BY s.line
""")
_NEW_NUMBER = (
    "s.external_id = k.external_id AND s.phone_e164 IS NOT NULL AND k.phone_e164 IS DISTINCT FROM s.phone_e164"
)
NEW_OF_SEVERAL = text(f"""
SELECT s.id FROM staged s WHERE {HEADS} AND s.known IS NULL AND s.line IN (SELECT r.line FROM repeated r)
""")
_MOVES_AWAY = "s.country <> coalesce(k.country, '')"
_MERGE = {
    "company_id": "coalesce(CAST(:company AS text), k.company_id)",
    "phone": f"CASE WHEN {_NEW_NUMBER} THEN s.phone ELSE k.phone END",
    "phone_e164": f"CASE WHEN {_NEW_NUMBER} THEN s.phone_e164 ELSE k.phone_e164 END",
    "phone_fault": f"CASE WHEN {_NEW_NUMBER} THEN NULL ELSE k.phone_fault END",
    "first_name": "coalesce(nullif(s.first_name, ''), k.first_name)",
    "last_name": "coalesce(nullif(s.last_name, ''), k.last_name)",
    "phone_secondary": "coalesce(s.phone_secondary, k.phone_secondary)",
    "email": "coalesce(s.email, k.email)",
    "timezone": "coalesce(s.timezone, k.timezone)",
    "timezone_confirmed": "CASE WHEN coalesce(s.timezone, k.timezone) IS NOT DISTINCT FROM k.timezone "
    "THEN k.timezone_confirmed OR s.timezone_confirmed ELSE s.timezone_confirmed END",
    "country": "coalesce(s.country, k.country)",
    "region": f"CASE WHEN {_MOVES_AWAY} THEN s.region ELSE coalesce(s.region, k.region) END",
    "postal_code": f"CASE WHEN {_MOVES_AWAY} THEN s.postal_code ELSE coalesce(s.postal_code, k.postal_code) END",
    "do_not_call": "k.do_not_call OR s.do_not_call",
    "custom_fields": "k.custom_fields || s.custom_fields",
    "tags": """k.tags || ARRAY(SELECT t.tag FROM unnest(s.tags) WITH ORDINALITY AS t (tag, ord)
                               WHERE t.tag <> ALL (k.tags) ORDER BY t.ord)""",
    "external_id": "coalesce(k.external_id, s.external_id)",
}
"""Column → what it becomes. Of the contact as it is when it is written, not as it was read: an edit that came between
is not undone."""
_MERGED = ", ".join(_MERGE.values())
_DIFFERS = f"(({', '.join(f'k.{column}' for column in _MERGE)}) IS DISTINCT FROM ({_MERGED}))"
CHANGE = text(f"""
UPDATE contacts k SET ({", ".join(_MERGE)}, updated_at) = ROW ({_MERGED}, clock_timestamp())
FROM staged s WHERE {HEADS} AND s.known IS NOT NULL AND k.id = s.known AND {_DIFFERS}
  AND k.id = ANY(ARRAY(SELECT s.known FROM staged s WHERE {HEADS} AND s.known IS NOT NULL))
RETURNING k.id, {_LOCATES} OR s.external_id IS NOT NULL AS is_located
""")
WOULD = text(f"""
SELECT count(*) AS contacts, count(*) FILTER (WHERE s.known IS NULL) AS created,
       count(*) FILTER (WHERE k.id IS NOT NULL AND {_DIFFERS}) AS changed,
       count(*) FILTER (WHERE NOT EXISTS (
           SELECT FROM campaign_contacts cc WHERE cc.contact_id = s.known AND cc.campaign_id = :campaign)) AS addable
FROM staged s LEFT JOIN contacts k ON k.id = s.known WHERE {HEADS}
""")
# Nobody else can have those that this transaction made.
HOLD = text(f"""
SELECT k.id FROM contacts k
WHERE k.id = ANY(ARRAY(SELECT s.known FROM staged s WHERE {HEADS} AND s.known IS NOT NULL)) AND k.team_id = :team
ORDER BY k.id FOR SHARE
""")
ADD = contacts.adding(
    f"SELECT coalesce(s.known, s.id) AS id, min(s.line) AS ord FROM staged s WHERE {HEADS} GROUP BY 1"
)
CONTACTS = text(f"SELECT coalesce(s.known, s.id) AS id FROM staged s WHERE {HEADS} ORDER BY s.line LIMIT :most")


@shaped(FOUND)
class Matched(Protocol):
    """How many ``contacts`` there are among some lines, how many of them the team has (``known``), and whether writing
    these ``decides`` if or when somebody is called."""

    contacts: int
    known: int
    decides: bool


@shaped(WOULD)
class Forecast(Protocol):
    """How many ``contacts`` there are among some lines, how many would be ``created`` and ``changed``, and how many are
    not in the campaign yet."""

    contacts: int
    created: int
    changed: int
    addable: int


@dataclass(frozen=True, slots=True)
class Written:
    """What became of some lines: how many contacts were made, how many changed, and which of those may now be somewhere
    else."""

    created: int
    changed: int
    located: list[str]


def take_turns(conn: Connection, team_id: str) -> None:
    """Imports of a team take turns from here to the end of the transaction, so that two of one file do not both find
    nobody."""
    if not conn.execute(TAKE_TURN, {"team": team_id}).scalar_one():
        with without_timeouts(conn):
            conn.execute(WAIT_FOR_TURN, {"team": team_id})


def match(
    conn: Connection, team_id: str, first: int, last: int, *, exported: bool, uncallable: bool, external: bool
) -> Matched:
    """Find the contacts the team has: by the ``external`` id a line has, or else by the number among those who have
    none; without one by the number, the oldest of several; where there is none that can be dialed, as of lines that are
    ``uncallable``, by the same words as number, names and address; those that were ``exported``
    :func:`worker.store.crm.staging.fold` may have found by their own ids. Where writing them ``decides``, the caller
    holds :func:`worker.store.gate.close_gate`."""
    values = {"team": team_id, "first": first, "last": last}
    if external:
        conn.execute(MATCH_EXTERNAL, values)
        conn.execute(ADOPT, values)
    conn.execute(MATCH_NUMBER, values)
    if uncallable:
        conn.execute(MATCH_WORDS, values)
    if exported:
        with joined_by_hash(conn):
            conn.execute(SHARE_BANS, {"first": first, "last": last})
    return conn.execute(FOUND, {"first": first, "last": last}).one()


def match_all(conn: Connection, team_id: str, last: int, *, exported: bool, uncallable: bool, external: bool) -> None:
    """The same for all lines up to ``last``, however many they are, where nothing is written."""
    with without_timeouts(conn):
        match(conn, team_id, 0, last, exported=exported, uncallable=uncallable, external=external)


def write(conn: Connection, team_id: str, company_id: str | None, first: int, last: int, *, known: bool) -> Written:
    """Make the contacts that are new, and merge the others with what the team has: what a line says replaces what was
    there, what it does not say stays; fields and tags are joined; nobody is taken off do-not-call. ``known`` says
    whether there are such others."""
    values = {"company": company_id, "first": first, "last": last}
    changed: Sequence[Row[Any]] = []
    if known:
        with joined_by_hash(conn):
            changed = conn.execute(CHANGE, values).all()
    created = conn.execute(INSERT, {"team": team_id} | values).rowcount
    return Written(created, len(changed), [row.id for row in changed if row.is_located])


def new_of_several(conn: Connection, first: int, last: int) -> list[str]:
    """The contacts that were made of several lines: what one of these says of where they live was not known when the
    place of another was computed."""
    return list(conn.execute(NEW_OF_SEVERAL, {"first": first, "last": last}).scalars())


def hold_known(conn: Connection, team_id: str, first: int, last: int) -> None:
    """Keep those of the contacts that the team had from being edited, as :func:`worker.store.crm.contacts.hold`."""
    conn.execute(HOLD, {"team": team_id, "first": first, "last": last})


def add(conn: Connection, team_id: str, campaign_id: str, first: int, last: int) -> int:
    """Put the contacts of these lines, which are written, into a campaign, as :func:`worker.store.crm.contacts.add`;
    returns how many were new. The caller holds those that were known."""
    contacts.take_turns(conn, campaign_id)
    return conn.execute(ADD, {"team": team_id, "campaign": campaign_id, "first": first, "last": last}).rowcount


def would_write(conn: Connection, company_id: str | None, campaign_id: str | None, first: int, last: int) -> Forecast:
    """What writing these lines would do."""
    values = {"company": company_id, "campaign": campaign_id, "first": first, "last": last}
    with without_timeouts(conn):
        return conn.execute(WOULD, values).one()


def contact_ids(conn: Connection, first: int, last: int, *, most: int | None = None) -> list[str]:
    """The contacts of these lines, made or found, in the order of the file; ``most`` of them."""
    return list(conn.execute(CONTACTS, {"first": first, "last": last, "most": most}).scalars())
