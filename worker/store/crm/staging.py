"""A file of contacts on its way into the CRM: read into a temporary table by COPY, merged from there by the set.

``staged`` has a row for each line of the file. Lines with the same ``key`` are one person: the first of them is the
``head`` and takes up what the others say, they point to it and are done. ``known`` is the contact of the team that
the head is already. All of it is one session's (:func:`worker.store.database.pinned`), and no table of the dialer's
is touched before :func:`worker.store.crm.merging.write`, which works on ``first`` to ``last`` line, so that a
transaction is as short as the caller wants it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, text

from worker.store.bans import is_erased, is_listed
from worker.store.database import driver_of, without_timeouts
from worker.store.shapes import shaped

CREATE = """
DROP TABLE IF EXISTS pg_temp.staged;
CREATE TEMPORARY TABLE staged (
    line            bigint PRIMARY KEY,
    contact_id      text,
    external_id     text,
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
    timezone_confirmed boolean NOT NULL,
    country         text,
    region          text,
    postal_code     text,
    place           text NOT NULL,
    do_not_call     boolean NOT NULL,
    custom_fields   jsonb NOT NULL,
    tags            text[] NOT NULL
)
"""
DROP = text("DROP TABLE IF EXISTS pg_temp.staged")

# A line that was exported from this team is that contact, though others may have its number; but not if its number
# was written over since, nor if it has another external id. That its number is on the list was in the export, too, and
# is no word about the person.
FIND_EXPORTED = text(f"""
UPDATE staged s SET known = k.id, key = CASE WHEN s.external_id IS NULL THEN 'contact ' || k.id ELSE s.key END,
    do_not_call = s.do_not_call AND NOT {is_listed(":team", "k.phone_e164")}
FROM contacts k
WHERE s.contact_id IS NOT NULL AND k.id = s.contact_id AND k.team_id = :team AND k.erased_at IS NULL
  AND (k.phone_e164 = s.phone_e164 OR k.phone_e164 IS NULL AND coalesce(k.phone, '') = coalesce(s.phone, ''))
  AND (s.external_id IS NULL OR coalesce(k.external_id, s.external_id) = s.external_id)
""")
# Of somebody who was erased while the file was read.
DROP_ERASED = text(f"""
DELETE FROM staged s
WHERE s.line BETWEEN :first AND :last AND EXISTS (SELECT FROM suppressed WHERE team_id = :team)
  AND {is_erased(":team", "s.phone_e164")}
""")
# Who has no external id is the first of those who have one and the same number: in the file as in the CRM.
JOIN_BY_NUMBER = text("""
UPDATE staged s SET key = o.key
FROM (SELECT DISTINCT ON (phone_e164) phone_e164, key FROM staged
      WHERE external_id IS NOT NULL AND phone_e164 IS NOT NULL ORDER BY phone_e164, line) AS o
WHERE s.external_id IS NULL AND s.known IS NULL AND s.phone_e164 = o.phone_e164
""")
FIND_REPEATED = """
ANALYZE staged;
DROP TABLE IF EXISTS pg_temp.repeated;
CREATE TEMPORARY TABLE repeated AS
SELECT s.line, r.head, s.known, s.external_id, s.first_name, s.last_name, s.phone, s.phone_e164, s.phone_fault,
       s.phone_secondary, s.email, s.timezone, s.timezone_confirmed, s.country, s.region, s.postal_code, s.do_not_call,
       s.custom_fields, s.tags
FROM staged s
JOIN (SELECT key, min(line) AS head FROM staged GROUP BY key HAVING count(*) > 1) AS r ON r.key = s.key;
ANALYZE repeated
"""
POINT_TO_HEAD = text("UPDATE staged s SET head = r.head FROM repeated r WHERE s.line = r.line AND r.line <> r.head")
# The latest line that says something has the word; of numbers, which differ only where an external id has made one of
# them, the latest that can be called.
TAKE_UP = text("""
WITH said AS (
    SELECT head, bool_or(do_not_call) AS do_not_call, max(external_id) AS external_id,
           (array_agg(known ORDER BY line) FILTER (WHERE known <> ''))[1] AS known,
           (array_agg(phone ORDER BY phone_e164 IS NULL, phone IS NULL, line DESC))[1] AS phone,
           (array_agg(phone_e164 ORDER BY phone_e164 IS NULL, phone IS NULL, line DESC))[1] AS phone_e164,
           (array_agg(phone_fault ORDER BY phone_e164 IS NULL, phone IS NULL, line DESC))[1] AS phone_fault,
           (array_agg(first_name ORDER BY line DESC) FILTER (WHERE first_name <> ''))[1] AS first_name,
           (array_agg(last_name ORDER BY line DESC) FILTER (WHERE last_name <> ''))[1] AS last_name,
           (array_agg(phone_secondary ORDER BY line DESC) FILTER (WHERE phone_secondary <> ''))[1] AS phone_secondary,
           (array_agg(email ORDER BY line DESC) FILTER (WHERE email <> ''))[1] AS email,
           (array_agg(timezone ORDER BY line DESC) FILTER (WHERE timezone <> ''))[1] AS timezone,
           (array_agg(country ORDER BY line DESC) FILTER (WHERE country <> ''))[1] AS country
    FROM repeated GROUP BY head),
where_they_live AS (   -- of the country that is said last, and of the zone
    SELECT r.head,
           coalesce(bool_or(r.timezone_confirmed) FILTER (WHERE r.timezone = said.timezone), false) AS confirmed,
           (array_agg(r.region ORDER BY r.line DESC) FILTER (WHERE r.region <> '' AND r.country = said.country))[1]
               AS region,
           (array_agg(r.postal_code ORDER BY r.line DESC)
                FILTER (WHERE r.postal_code <> '' AND r.country = said.country))[1] AS postal_code
    FROM repeated r JOIN said USING (head) GROUP BY r.head),
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
SET external_id = said.external_id, known = coalesce(s.known, said.known),
    phone = CASE WHEN said.external_id IS NULL THEN s.phone ELSE said.phone END,
    phone_e164 = CASE WHEN said.external_id IS NULL THEN s.phone_e164 ELSE said.phone_e164 END,
    phone_fault = CASE WHEN said.external_id IS NULL THEN s.phone_fault ELSE said.phone_fault END,
    first_name = coalesce(said.first_name, ''), last_name = coalesce(said.last_name, ''),
    phone_secondary = said.phone_secondary, email = said.email, timezone = said.timezone,
    timezone_confirmed = where_they_live.confirmed, country = said.country, region = where_they_live.region,
    postal_code = where_they_live.postal_code,
    do_not_call = said.do_not_call, custom_fields = coalesce(fields.custom_fields, '{}'),
    tags = coalesce(tagged.tags, '{}')
FROM said JOIN where_they_live USING (head) LEFT JOIN fields USING (head) LEFT JOIN tagged USING (head)
WHERE s.line = said.head
""")
REPEATS = text("SELECT line, head FROM repeated WHERE line <> head AND line > :after ORDER BY line LIMIT :most")
DROP_REPEATED = text("DROP TABLE IF EXISTS pg_temp.repeated")

HEADS = "s.line BETWEEN :first AND :last AND s.head IS NULL"
"""The contacts of a range of lines, as ``s``."""

RANGES = text("""
SELECT min(line) AS first, max(line) AS last
FROM (SELECT line, (row_number() OVER (ORDER BY line) - 1) / CAST(:most AS bigint) AS nth
      FROM (SELECT line FROM staged WHERE line > :after
            ORDER BY line LIMIT CAST(:most AS bigint) * :ranges) AS next) AS numbered
GROUP BY nth ORDER BY nth
""")


class Staged(NamedTuple):
    """One line of the file, by the columns of ``staged``. ``contact_id`` is that of the contact it was exported from;
    ``key`` is what makes two lines the same person; ``custom_fields`` is JSON, ``tags`` may be an array as PostgreSQL
    writes it."""

    line: int
    contact_id: str | None
    external_id: str | None
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
    timezone_confirmed: bool
    country: str | None
    region: str | None
    postal_code: str | None
    place: str
    do_not_call: bool
    custom_fields: str
    tags: list[str] | str


COPY = f"COPY staged ({', '.join(Staged._fields)}) FROM STDIN"


@shaped(REPEATS, never_null=("line", "head"))
class RepeatedLine(Protocol):
    """A line that was merged into another, the ``head``."""

    line: int
    head: int


@shaped(RANGES, never_null=("first", "last"))
class LineRange(Protocol):
    """The ``first`` and ``last`` of some lines that follow each other."""

    first: int
    last: int


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


def drop_erased(conn: Connection, team_id: str, first: int, last: int) -> int:
    """Leave out the lines with a number of somebody who was erased; how many. The caller holds
    :func:`worker.store.gate.hold_off_erasure`."""
    return conn.execute(DROP_ERASED, {"team": team_id, "first": first, "last": last}).rowcount


def fold(conn: Connection, team_id: str, *, exported: bool, external: bool) -> int:
    """Make one of all lines that are the same person; how many lines were merged into others. ``exported`` is whether
    there are lines with the id of a contact, ``external`` whether some have an id of another system."""
    with without_timeouts(conn):
        if exported:
            conn.execute(FIND_EXPORTED, {"team": team_id})
        if external:
            conn.execute(JOIN_BY_NUMBER)
        with driver_of(conn) as driver:
            driver.execute(FIND_REPEATED)
        merged = conn.execute(POINT_TO_HEAD).rowcount
        if merged:
            conn.execute(TAKE_UP)
    return merged


def repeats(conn: Connection, *, after: int, most: int) -> Sequence[RepeatedLine]:
    """Lines behind ``after`` that were merged into another."""
    return conn.execute(REPEATS, {"after": after, "most": most}).all()


def next_ranges(conn: Connection, *, after: int, most: int, ranges: int) -> Sequence[LineRange]:
    """The lines behind ``after`` in ``ranges`` of ``most`` each, the last of them shorter; none where there is none."""
    return conn.execute(RANGES, {"after": after, "most": most, "ranges": ranges}).all()
