"""Which imports marked a contact do-not-call, and taking the marks of one back.

A mark is *in force* while it is only imports that said so. Somebody who edits do-not-call of the contact, either way,
ends all that are: what he says no file takes back. A contact that was marked before any import has none.
"""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.crm.staging import HEADS
from worker.store.shapes import shaped

NOTE = text(f"""
INSERT INTO do_not_call_imports (team_id, import_id, contact_id)
SELECT :team, :import, coalesce(s.known, s.id) FROM staged s LEFT JOIN contacts k ON k.id = s.known
WHERE {HEADS} AND s.do_not_call
  AND (k.id IS NULL OR NOT k.do_not_call OR (
      SELECT true FROM do_not_call_imports m WHERE m.contact_id = k.id AND m.ended_at IS NULL LIMIT 1))
ON CONFLICT DO NOTHING
""")
END = text("""
UPDATE do_not_call_imports SET ended_at = clock_timestamp() WHERE contact_id = :contact AND ended_at IS NULL
""")
TAKE_BACK = text("""
WITH mine AS MATERIALIZED (
    SELECT contact_id FROM do_not_call_imports
    WHERE import_id = :import AND team_id = :team AND ended_at IS NULL AND contact_id > :after
    ORDER BY contact_id LIMIT :most),
ended AS (
    UPDATE do_not_call_imports SET ended_at = clock_timestamp()
    WHERE import_id = :import AND contact_id = ANY(ARRAY(SELECT contact_id FROM mine)) RETURNING contact_id),
back AS (
    UPDATE contacts k SET do_not_call = false, updated_at = clock_timestamp()
    WHERE k.id = ANY(ARRAY(SELECT contact_id FROM mine)) AND k.team_id = :team AND k.do_not_call
      AND (SELECT true FROM do_not_call_imports o
           WHERE o.contact_id = k.id AND o.ended_at IS NULL AND o.import_id <> :import LIMIT 1) IS NULL
    RETURNING k.id)
SELECT (SELECT count(*) FROM ended) AS ended, (SELECT count(*) FROM back) AS taken_back,
       (SELECT max(contact_id) FROM mine) AS last
""")
COUNT = text("SELECT count(*) FROM do_not_call_imports WHERE import_id = :import AND team_id = :team")


@shaped(TAKE_BACK)
class MarksTakenBack(Protocol):
    """How many marks were ``ended``, the contact of the ``last`` of them, and of how many contacts do-not-call was
    ``taken_back``; another import's mark keeps it."""

    ended: int
    last: str | None
    taken_back: int


def note(conn: Connection, team_id: str, import_id: str, first: int, last: int) -> None:
    """Remember whom the heads of these staged lines mark, before they are written. The caller holds
    :func:`worker.store.gate.close_gate` where contacts are known."""
    conn.execute(NOTE, {"team": team_id, "import": import_id, "first": first, "last": last})


def end(conn: Connection, contact_id: str) -> None:
    """Somebody has said himself whether the contact may be called."""
    conn.execute(END, {"contact": contact_id})


def take_back(conn: Connection, team_id: str, import_id: str, *, after: str, most: int) -> MarksTakenBack:
    """Take ``most`` marks of an import back, of contacts behind ``after``. The caller holds
    :func:`worker.store.gate.close_gate`."""
    return conn.execute(TAKE_BACK, {"team": team_id, "import": import_id, "after": after, "most": most}).one()


def count(conn: Connection, team_id: str, import_id: str) -> int:
    """How many contacts the import marked, whatever became of it."""
    marked: int = conn.execute(COUNT, {"team": team_id, "import": import_id}).scalar_one()
    return marked
