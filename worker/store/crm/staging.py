"""A file of contacts on its way into the CRM: read into a temporary table by COPY, merged from there by the set.

``staged`` has a row for each line of the file. Lines with the same ``key`` are one person: the first of them is the
``head`` and takes up what the others say, they point to it and are done. ``known`` is the contact of the team that
the head is already. All of it is one session's (:func:`worker.store.database.pinned`), and no table of the dialer's
is touched before :func:`write`, which works on ``first`` to ``last`` line, so that a transaction is as short as the
caller wants it.

What reads all of it, folding it and looking ahead, is planned by its size; what is about a batch finds its lines by
their number and each contact by an index, as every statement of a batch does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, Row, text

from worker.store.database import driver_of, joined_by_hash, without_timeouts
from worker.store.shapes import shaped

CREATE = """
DROP TABLE IF EXISTS pg_temp.staged;
CREATE TEMPORARY TABLE staged (
    line            bigint PRIMARY KEY,
    contact_id      text,
    key             text NOT NULL,
    head            bigint,
    known           text,
    id              text NOT NULL,
    first_name      text NOT NULL,
    last_name       text NOT NULL,
    phone           text,
    phone_e164      text,
    phone_fault     text,
    phone_secondary text,
    email           text,
    timezone        text,
    do_not_call     boolean NOT NULL,
    custom_fields   jsonb NOT NULL,
    tags            text[] NOT NULL
)
"""
DROP = text("DROP TABLE IF EXISTS pg_temp.staged")

# A line that was exported from this team is that contact, though others may have its number; but not if its number
# was written over since. That its number is on the list was in the export, too, and is no word about the person.
FIND_EXPORTED = text("""
UPDATE staged s SET known = k.id, key = 'contact ' || k.id, do_not_call = s.do_not_call AND NOT EXISTS (
    SELECT FROM do_not_call d WHERE d.team_id = :team AND d.number = k.phone_e164)
FROM contacts k
WHERE s.contact_id IS NOT NULL AND k.id = s.contact_id AND k.team_id = :team
  AND (k.phone_e164 = s.phone_e164 OR k.phone_e164 IS NULL AND coalesce(k.phone, '') = coalesce(s.phone, ''))
""")
FIND_REPEATED = """
ANALYZE staged;
DROP TABLE IF EXISTS pg_temp.repeated;
CREATE TEMPORARY TABLE repeated AS
SELECT s.line, r.head, s.first_name, s.last_name, s.phone_secondary, s.email, s.timezone, s.do_not_call,
       s.custom_fields, s.tags
FROM staged s
JOIN (SELECT key, min(line) AS head FROM staged GROUP BY key HAVING count(*) > 1) AS r ON r.key = s.key;
ANALYZE repeated
"""
POINT_TO_HEAD = text("UPDATE staged s SET head = r.head FROM repeated r WHERE s.line = r.line AND r.line <> r.head")
# The latest line that says something has the word.
TAKE_UP = text("""
WITH said AS (
    SELECT head, bool_or(do_not_call) AS do_not_call,
           (array_agg(first_name ORDER BY line DESC) FILTER (WHERE first_name <> ''))[1] AS first_name,
           (array_agg(last_name ORDER BY line DESC) FILTER (WHERE last_name <> ''))[1] AS last_name,
           (array_agg(phone_secondary ORDER BY line DESC) FILTER (WHERE phone_secondary <> ''))[1] AS phone_secondary,
           (array_agg(email ORDER BY line DESC) FILTER (WHERE email <> ''))[1] AS email,
           (array_agg(timezone ORDER BY line DESC) FILTER (WHERE timezone <> ''))[1] AS timezone
    FROM repeated GROUP BY head),
fields AS (
    SELECT r.head, jsonb_object_agg(f.key, f.value ORDER BY r.line) AS custom_fields
    FROM repeated r CROSS JOIN jsonb_each(r.custom_fields) AS f GROUP BY r.head),
tagged AS (
    SELECT head, array_agg(tag ORDER BY line, ord) AS tags
    FROM (SELECT DISTINCT ON (r.head, t.tag) r.head, r.line, t.tag, t.ord
          FROM repeated r CROSS JOIN unnest(r.tags) WITH ORDINALITY AS t (tag, ord)
          ORDER BY r.head, t.tag, r.line, t.ord) AS once
    GROUP BY head)
UPDATE staged s
SET first_name = coalesce(said.first_name, ''), last_name = coalesce(said.last_name, ''),
    phone_secondary = said.phone_secondary, email = said.email, timezone = said.timezone,
    do_not_call = said.do_not_call, custom_fields = coalesce(fields.custom_fields, '{}'),
    tags = coalesce(tagged.tags, '{}')
FROM said LEFT JOIN fields USING (head) LEFT JOIN tagged USING (head)
WHERE s.line = said.head
""")
REPEATS = text("SELECT line, head FROM repeated WHERE line <> head AND line > :after ORDER BY line LIMIT :most")
DROP_REPEATED = text("DROP TABLE IF EXISTS pg_temp.repeated")

HEADS = "s.line BETWEEN :first AND :last AND s.head IS NULL"
"""The contacts of a range of lines, as ``s``."""

TAKE_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended('import contacts of ' || :team, 0))")
MATCH_NUMBER = text(f"""
UPDATE staged s SET known = (
    SELECT k.id FROM contacts k WHERE k.team_id = :team AND k.phone_e164 = s.phone_e164
    ORDER BY k.created_at, k.id LIMIT 1)
WHERE {HEADS} AND s.phone_e164 IS NOT NULL AND s.known IS NULL
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
    WHERE {HEADS} AND s.phone_e164 IS NULL AND s.known IS NULL
      AND (s.first_name || s.last_name || coalesce(s.phone, '') || coalesce(s.email, '')) <> '') AS m
WHERE u.line = m.line
""")
HAS_UNCALLABLE = text(f"SELECT EXISTS (SELECT FROM staged s WHERE {HEADS} AND s.phone_e164 IS NULL)")
# Two lines may be one contact by different signs, its id and its number; only one of them writes.
SHARE_BANS = text(f"""
UPDATE staged s SET do_not_call = true
WHERE {HEADS} AND s.known IS NOT NULL AND NOT s.do_not_call
  AND s.known IN (SELECT o.known FROM staged o
                  WHERE o.line BETWEEN :first AND :last AND o.head IS NULL AND o.do_not_call)
""")
KNOWN = text(f"""
SELECT count(*) AS known, coalesce(bool_or(s.do_not_call OR s.timezone IS NOT NULL), false) AS decides
FROM staged s WHERE {HEADS} AND s.known IS NOT NULL
""")

# Each contact by itself, in these and in the statements of a batch elsewhere: planned while there were few, a join
# begins with all there are, and the plan is kept.
_STAGED = (
    "id", "first_name", "last_name", "phone", "phone_e164", "phone_fault", "phone_secondary", "email", "timezone",
    "do_not_call", "custom_fields", "tags",
)  # fmt: skip
"""The columns of a contact that a line has."""
INSERT = text(f"""
INSERT INTO contacts (team_id, company_id, {", ".join(_STAGED)})
SELECT :team, :company, {", ".join(f"s.{column}" for column in _STAGED)}
FROM staged s WHERE {HEADS} AND s.known IS NULL ORDER BY s.line
""")
_MERGE = {
    "company_id": "coalesce(CAST(:company AS text), k.company_id)",
    "first_name": "coalesce(nullif(s.first_name, ''), k.first_name)",
    "last_name": "coalesce(nullif(s.last_name, ''), k.last_name)",
    "phone_secondary": "coalesce(s.phone_secondary, k.phone_secondary)",
    "email": "coalesce(s.email, k.email)",
    "timezone": "coalesce(s.timezone, k.timezone)",
    "do_not_call": "k.do_not_call OR s.do_not_call",
    "custom_fields": "k.custom_fields || s.custom_fields",
    "tags": """k.tags || ARRAY(SELECT t.tag FROM unnest(s.tags) WITH ORDINALITY AS t (tag, ord)
                               WHERE t.tag <> ALL (k.tags) ORDER BY t.ord)""",
}
"""Column → what it becomes. Of the contact as it is when it is written, not as it was read: an edit that came between
is not undone."""
_MERGED = ", ".join(_MERGE.values())
_DIFFERS = f"(({', '.join(f'k.{column}' for column in _MERGE)}) IS DISTINCT FROM ({_MERGED}))"
CHANGE = text(f"""
UPDATE contacts k SET ({", ".join(_MERGE)}, updated_at) = ROW ({_MERGED}, clock_timestamp())
FROM staged s WHERE {HEADS} AND s.known IS NOT NULL AND k.id = s.known AND {_DIFFERS}
  AND k.id = ANY(ARRAY(SELECT s.known FROM staged s WHERE {HEADS} AND s.known IS NOT NULL))
RETURNING k.id, s.timezone IS NOT NULL AS is_zoned
""")
WOULD = text(f"""
SELECT count(*) AS contacts, count(*) FILTER (WHERE s.known IS NULL) AS created,
       count(*) FILTER (WHERE k.id IS NOT NULL AND {_DIFFERS}) AS changed,
       count(*) FILTER (WHERE NOT EXISTS (
           SELECT FROM campaign_contacts cc WHERE cc.contact_id = s.known AND cc.campaign_id = :campaign)) AS addable
FROM staged s LEFT JOIN contacts k ON k.id = s.known WHERE {HEADS}
""")
CONTACTS = text(f"SELECT coalesce(s.known, s.id) AS id FROM staged s WHERE {HEADS} ORDER BY s.line LIMIT :most")
RANGE = text("""
SELECT min(line) AS first, max(line) AS last, count(*) AS lines
FROM (SELECT line FROM staged WHERE line > :after ORDER BY line LIMIT :most) AS next
""")


class Staged(NamedTuple):
    """One line of the file, by the columns of ``staged``. ``contact_id`` is that of the contact it was exported from;
    ``key`` is what makes two lines the same person;
    ``custom_fields`` is JSON, ``tags`` may be an array as PostgreSQL writes it."""

    line: int
    contact_id: str | None
    key: str
    id: str
    first_name: str
    last_name: str
    phone: str | None
    phone_e164: str | None
    phone_fault: str | None
    phone_secondary: str | None
    email: str | None
    timezone: str | None
    do_not_call: bool
    custom_fields: str
    tags: list[str] | str


COPY = f"COPY staged ({', '.join(Staged._fields)}) FROM STDIN"


@shaped(REPEATS, never_null=("line", "head"))
class RepeatedLine(Protocol):
    """A line that was merged into another, the ``head``."""

    line: int
    head: int


@shaped(RANGE)
class LineRange(Protocol):
    """The ``first`` and ``last`` of the next lines, ``None`` when there are none, and how many ``lines``."""

    first: int | None
    last: int | None
    lines: int


@shaped(KNOWN)
class Matched(Protocol):
    """How many of some lines are contacts the team has, and whether writing them ``decides`` if or when somebody is
    called."""

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
    """What became of some lines: how many contacts were made, which were changed, and which of those may now be in
    another time zone."""

    created: int
    changed: int
    zoned: list[str]


def create(conn: Connection) -> None:
    """An empty table for this session."""
    with driver_of(conn) as driver:
        driver.execute(CREATE)


def drop(conn: Connection) -> None:
    """Leave nothing in a session that others will have."""
    conn.execute(DROP_REPEATED)
    conn.execute(DROP)


def copy(conn: Connection, lines: Sequence[Staged]) -> None:
    """Write these lines. They are all there before the statement begins: its time is not spent on reading a file."""
    with driver_of(conn) as driver, driver.cursor() as cursor, cursor.copy(COPY) as writer:
        for line in lines:
            writer.write_row(line)


def fold(conn: Connection, team_id: str, *, exported: bool) -> int:
    """Make one of all lines that are the same person; how many lines were merged into others. ``exported`` is whether
    there are lines with the id of a contact."""
    with without_timeouts(conn):
        if exported:
            conn.execute(FIND_EXPORTED, {"team": team_id})
        with driver_of(conn) as driver:
            driver.execute(FIND_REPEATED)
        merged = conn.execute(POINT_TO_HEAD).rowcount
        if merged:
            conn.execute(TAKE_UP)
    return merged


def repeats(conn: Connection, *, after: int, most: int) -> Sequence[RepeatedLine]:
    """Lines behind ``after`` that were merged into another."""
    return conn.execute(REPEATS, {"after": after, "most": most}).all()


def next_range(conn: Connection, *, after: int, most: int) -> LineRange:
    """The next lines."""
    return conn.execute(RANGE, {"after": after, "most": most}).one()


def take_turns(conn: Connection, team_id: str) -> None:
    """Imports of a team take turns from here to the end of the transaction, so that two of one file do not both find
    nobody."""
    with without_timeouts(conn):
        conn.execute(TAKE_TURNS, {"team": team_id})


def match(conn: Connection, team_id: str, first: int, last: int, *, exported: bool) -> Matched:
    """Find the contacts the team has: by the number, the oldest of several; where there is none that can be dialed,
    by the same words as number, names and address; those that were ``exported`` :func:`fold` may have found by their
    own ids. Where writing them ``decides``, the caller holds :func:`worker.store.gate.close_gate`."""
    values = {"team": team_id, "first": first, "last": last}
    conn.execute(MATCH_NUMBER, values)
    if conn.execute(HAS_UNCALLABLE, {"first": first, "last": last}).scalar_one():
        conn.execute(MATCH_WORDS, values)
    if exported:
        with joined_by_hash(conn):
            conn.execute(SHARE_BANS, {"first": first, "last": last})
    return conn.execute(KNOWN, {"first": first, "last": last}).one()


def match_all(conn: Connection, team_id: str, last: int, *, exported: bool) -> None:
    """The same for all lines up to ``last``, however many they are, where nothing is written."""
    with without_timeouts(conn):
        match(conn, team_id, 0, last, exported=exported)


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
    return Written(created, len(changed), [row.id for row in changed if row.is_zoned])


def would_write(conn: Connection, company_id: str | None, campaign_id: str | None, first: int, last: int) -> Forecast:
    """What writing these lines would do."""
    values = {"company": company_id, "campaign": campaign_id, "first": first, "last": last}
    with without_timeouts(conn):
        return conn.execute(WOULD, values).one()


def contact_ids(conn: Connection, first: int, last: int, *, most: int | None = None) -> list[str]:
    """The contacts of these lines, made or found, in the order of the file; ``most`` of them."""
    return list(conn.execute(CONTACTS, {"first": first, "last": last, "most": most}).scalars())
