"""Erasure in the rows: who is meant, what is cleared by a key, and what is looked through from end to end.

Tables without a column of their own for the person are looked through a page at a time, each page a transaction; how
far that has come stands on the erasure's row, so whoever goes on begins there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Table,
    Text,
    Update,
    bindparam,
    cast,
    exists,
    func,
    select,
    text,
    update,
)

from worker.domain.erasure import ERASED, Signs, mentions, without
from worker.store import tables
from worker.store.bans import digest, is_erased
from worker.store.crm import contacts, import_marks
from worker.store.database import planned_by_size, without_timeouts
from worker.store.shapes import shaped

KEPT_OF_CONTACT = {"id", "team_id", "created_at", "updated_at", "do_not_call", "erased_at"}
"""What stays of the row of a contact: that there was one, in whose campaigns and calls."""
PAGE = 5_000

ERASED_AMONG = text(f"""
SELECT u.number FROM unnest(CAST(:numbers AS text[])) AS u (number)
WHERE {is_erased(":team", "u.number")}
""")
CONTACTS = text("""
SELECT * FROM contacts WHERE team_id = :team AND erased_at IS NULL
  AND (id = ANY(CAST(:ids AS text[])) OR phone_e164 = ANY(CAST(:numbers AS text[])))
ORDER BY id
""")
SUPPRESS = text(f"""
INSERT INTO suppressed (team_id, digest)
SELECT :team, {digest("u.number")} FROM unnest(CAST(:numbers AS text[])) AS u (number)
ON CONFLICT DO NOTHING
""")
SECRET_CHECK = text("SELECT " + digest("''"))
HAS_TEAM = text("SELECT EXISTS (SELECT FROM teams WHERE id = :team)")
SUPPRESS_DIGESTS = text("""
INSERT INTO suppressed (team_id, digest) SELECT :team, u.digest FROM unnest(CAST(:digests AS bytea[])) AS u (digest)
ON CONFLICT DO NOTHING
""")
NUMBERS_OF = text(f"""
SELECT n.number FROM (
    SELECT phone_e164 AS number FROM contacts WHERE team_id = :team AND phone_e164 IS NOT NULL
    UNION SELECT number FROM do_not_call WHERE team_id = :team
    UNION SELECT number FROM consents WHERE team_id = :team
    UNION SELECT to_number FROM calls WHERE team_id = :team) AS n
WHERE {digest("n.number")} = ANY(CAST(:digests AS bytea[])) ORDER BY n.number
""")
DIGESTS = text(f"""
SELECT coalesce(array_agg({digest("u.number")} ORDER BY u.number), '{{}}') AS digests
FROM unnest(CAST(:numbers AS text[])) AS u (number)
""")
KNOWN = text("""
SELECT id, team_id, digests, contact_ids, signs, swept, requested_by, requested_at, cleared_at, done_at FROM erasures
WHERE team_id = :team AND id <> '' AND (digests && CAST(:digests AS bytea[]) OR contact_ids && CAST(:ids AS text[]))
ORDER BY done_at IS NOT NULL, requested_at DESC, id DESC LIMIT 1
""")
INSERT = text("""
INSERT INTO erasures (id, team_id, digests, contact_ids, signs, requested_by)
VALUES (:id, :team, CAST(:digests AS bytea[]), CAST(:ids AS text[]), CAST(:signs AS jsonb), :actor)
""")
GET = text("""
SELECT id, team_id, digests, contact_ids, signs, swept, requested_by, requested_at, cleared_at, done_at
FROM erasures WHERE id = :id AND (CAST(:team AS text) IS NULL OR team_id = :team)
""")
LOCK = text("""
SELECT id, team_id, digests, contact_ids, signs, swept, requested_by, requested_at, cleared_at, done_at
FROM erasures WHERE id = :id AND done_at IS NULL FOR UPDATE SKIP LOCKED
""")
OPEN = text("SELECT id FROM erasures WHERE done_at IS NULL ORDER BY requested_at, id LIMIT :most")
ALL = text("""
SELECT id, team_id, digests, contact_ids, signs, swept, requested_by, requested_at, cleared_at, done_at FROM erasures
WHERE id <> '' AND (CAST(:team AS text) IS NULL OR team_id = :team)
ORDER BY requested_at DESC, id DESC LIMIT :limit OFFSET :offset
""")
COUNT = text("SELECT count(*) FROM erasures WHERE id <> '' AND (CAST(:team AS text) IS NULL OR team_id = :team)")
# Behind every claim that has begun before: what it reserves is there when the next statement looks.
HOLD_TEAM = text("SELECT id FROM teams WHERE id = :team FOR NO KEY UPDATE")
LIVE = text("""
SELECT id FROM calls WHERE team_id = :team AND ended_at IS NULL
  AND (to_number = ANY(CAST(:numbers AS text[])) OR contact_id = ANY(CAST(:ids AS text[])))
ORDER BY id
""")
STOP = text("""
UPDATE contacts SET do_not_call = true, updated_at = clock_timestamp()
WHERE id = ANY(CAST(:ids AS text[])) AND team_id = :team
""")

_OF_PERSON = """team_id = :team AND (contact_id = ANY(CAST(:ids AS text[]))
    OR to_number = ANY(CAST(:numbers AS text[])))"""
TOKENS = text(f"SELECT id, token FROM calls WHERE {_OF_PERSON} AND id <> ''")
CLEARINGS = (
    text("DELETE FROM do_not_call WHERE team_id = :team AND number = ANY(CAST(:numbers AS text[]))"),
    text("DELETE FROM callees WHERE team_id = :team AND number = ANY(CAST(:numbers AS text[]))"),
    text("DELETE FROM consents WHERE team_id = :team AND number = ANY(CAST(:numbers AS text[]))"),
    text("UPDATE call_events SET raw = '{}' WHERE token = ANY(CAST(:tokens AS text[])) AND raw <> '{}'"),
    text("""
UPDATE call_outcomes SET summary = NULL, data = NULL, transcript_url = NULL, recording_url = NULL, reports = '{}'
WHERE call_id = ANY(CAST(:calls AS text[]))
"""),
    text("""
UPDATE latest_past_calls SET to_number = NULL WHERE campaign_contact_id IN (
    SELECT id FROM campaign_contacts WHERE contact_id = ANY(CAST(:ids AS text[])))
"""),
    text("UPDATE calls SET to_number = '', secondary = NULL WHERE id = ANY(CAST(:calls AS text[]))"),
    text(f"""
UPDATE audit_log SET detail = '{{}}', subject_id = CASE WHEN subject_id = ANY(CAST(:numbers AS text[]))
                                                        THEN '{ERASED}' ELSE subject_id END
WHERE team_id = :team
  AND subject_id = ANY(CAST(:ids AS text[]) || CAST(:numbers AS text[]) || CAST(:calls AS text[]))
"""),
)
"""What has the key of the person, or of one of their calls."""
CLEARED = text("UPDATE erasures SET cleared_at = clock_timestamp() WHERE id = :id")
SWEPT = text("UPDATE erasures SET swept = swept || CAST(:swept AS jsonb) WHERE id = :id")
DONE = text("UPDATE erasures SET done_at = clock_timestamp(), signs = NULL, swept = '{}' WHERE id = :id")


@shaped(KNOWN, GET, LOCK, ALL)
class ErasureRow(Protocol):
    """A request to erase somebody: by which HMACs their numbers are refused, which contacts they were; while it is not
    done, what they are found by, and how far each table was looked through. It is ``cleared_at`` once no call to them
    was live and what has their key is erased."""

    id: str
    team_id: str
    digests: list[bytes]
    contact_ids: list[str]
    signs: Mapping[str, Any] | None
    swept: Mapping[str, Any]
    requested_by: str
    requested_at: datetime
    cleared_at: datetime | None
    done_at: datetime | None


def erased_among(conn: Connection, team_id: str, numbers: Sequence[str]) -> set[str]:
    """Those of the numbers that are of somebody the team has erased. Who writes them down holds
    :func:`worker.store.gate.hold_off_erasure`."""
    return set(conn.execute(ERASED_AMONG, {"team": team_id, "numbers": list(numbers)}).scalars()) if numbers else set()


def secret_check(conn: Connection) -> str:
    """What the secret of the HMACs is recognized by, which says nothing of it."""
    return bytes(conn.execute(SECRET_CHECK).scalar_one()).hex()


def has_team(conn: Connection, team_id: str) -> bool:
    """Whether there is such a team."""
    return bool(conn.execute(HAS_TEAM, {"team": team_id}).scalar_one())


def suppress(conn: Connection, team_id: str, digests: Sequence[bytes]) -> int:
    """Refuse the numbers of these HMACs; how many were not refused. The caller holds
    :func:`worker.store.gate.begin_erasure` and :func:`worker.store.gate.close_gate`."""
    return conn.execute(SUPPRESS_DIGESTS, {"team": team_id, "digests": list(digests)}).rowcount


def numbers_of(conn: Connection, team_id: str, digests: Sequence[bytes]) -> list[str]:
    """The numbers of these HMACs, wherever the team has one written down by itself. Walks all of these."""
    with without_timeouts(conn):
        return list(conn.execute(NUMBERS_OF, {"team": team_id, "digests": list(digests)}).scalars())


def contacts_of(conn: Connection, team_id: str, ids: Sequence[str], numbers: Sequence[str]) -> list[dict[str, Any]]:
    """The contacts with these ids, and all who have one of the numbers."""
    rows = conn.execute(CONTACTS, {"team": team_id, "ids": list(ids), "numbers": list(numbers)})
    return [dict(row) for row in rows.mappings()]


def digests_of(conn: Connection, numbers: Sequence[str]) -> list[bytes]:
    """What these numbers are known by once they are erased."""
    return [bytes(each) for each in conn.execute(DIGESTS, {"numbers": list(numbers)}).scalar_one()]


def known(conn: Connection, team_id: str, digests: Sequence[bytes], ids: Sequence[str]) -> ErasureRow | None:
    """An erasure of one of these, one that is not done before others."""
    return conn.execute(KNOWN, {"team": team_id, "digests": list(digests), "ids": list(ids)}).first()


def begin(conn: Connection, erasure_id: str, team_id: str, signs: Signs, digests: Sequence[bytes], actor: str) -> None:
    """Refuse the numbers from now on, and let nobody call these contacts. The caller holds
    :func:`worker.store.gate.begin_erasure` and :func:`worker.store.gate.close_gate`."""
    conn.execute(SUPPRESS, {"team": team_id, "numbers": list(signs.numbers)})
    conn.execute(STOP, {"team": team_id, "ids": list(signs.contacts)})
    for contact_id in signs.contacts:
        import_marks.end(conn, contact_id)
    values = {"id": erasure_id, "team": team_id, "digests": list(digests), "ids": list(signs.contacts)}
    conn.execute(INSERT, values | {"signs": json.dumps(signs.as_json()), "actor": actor})


def get(conn: Connection, erasure_id: str, team_id: str | None = None) -> ErasureRow | None:
    """The erasure with this id, of this team if one is named."""
    return conn.execute(GET, {"id": erasure_id, "team": team_id}).first()


def lock(conn: Connection, erasure_id: str) -> ErasureRow | None:
    """The same, locked; ``None`` where it is done or somebody else is at it."""
    return conn.execute(LOCK, {"id": erasure_id}).first()


def open_ones(conn: Connection, *, most: int) -> list[str]:
    """The erasures that are not done, the oldest first."""
    return list(conn.execute(OPEN, {"most": most}).scalars())


def page(conn: Connection, team_id: str | None, *, limit: int, offset: int) -> tuple[int, Sequence[ErasureRow]]:
    """How many erasures there are, of a team or of all, and a page of them, the latest first."""
    count: int = conn.execute(COUNT, {"team": team_id}).scalar_one()
    return count, conn.execute(ALL, {"team": team_id, "limit": limit, "offset": offset}).all()


def live_calls(conn: Connection, team_id: str, signs: Signs) -> list[str]:
    """The calls to the person that are live, reserved ones among them; behind every claim under way."""
    conn.execute(HOLD_TEAM, {"team": team_id})
    return list(conn.execute(LIVE, _bound(team_id, signs)).scalars())


def _bound(team_id: str, signs: Signs) -> dict[str, Any]:
    return {"team": team_id, "ids": list(signs.contacts), "numbers": list(signs.numbers)}


def clear(conn: Connection, erasure_id: str, team_id: str, signs: Signs) -> None:
    """Erase what has the key of the person, of whom no call is live."""
    values = _bound(team_id, signs)
    with planned_by_size(conn):
        calls = conn.execute(TOKENS, values).all()
        values |= {"calls": [call.id for call in calls], "tokens": [call.token for call in calls]}
        for statement in CLEARINGS:
            names = statement.compile().params
            conn.execute(statement, {name: values[name] for name in names})
        conn.execute(_BLANK, {"ids": list(signs.contacts), "of_team": team_id})
    contacts.move_to_zones(conn, signs.contacts)
    conn.execute(CLEARED, {"id": erasure_id})


def _blank_contact() -> Update:
    contacts = tables.contacts
    now = func.clock_timestamp()
    empty: dict[str, Any] = {"do_not_call": True, "erased_at": now, "updated_at": now}
    for column in contacts.c:
        if column.name not in KEPT_OF_CONTACT:
            empty[column.name] = None if column.nullable else _EMPTY[str(column.type)]
    is_theirs = contacts.c.id == func.any(cast(bindparam("ids"), ARRAY(Text)))
    return update(contacts).where(is_theirs, contacts.c.team_id == bindparam("of_team")).values(empty)


_EMPTY: Mapping[str, Any] = {"TEXT": "", "BOOLEAN": False, "JSONB": {}, "TEXT[]": [], "ARRAY": []}
_BLANK = _blank_contact()


@dataclass(frozen=True, slots=True)
class Sweep:
    """A table that is looked through: by which key, and what becomes of each column in which a sign is found."""

    table: Table
    key: str
    columns: Mapping[str, Callable[[Signs, Any], Any]]
    is_of_team: Callable[[str], ColumnElement[bool]] | None = None
    """What a row is of a team by, where the table does not say."""


def _gone(signs: Signs, value: Any) -> Any:
    return None if without(signs, value) != value else value


def _emptied(signs: Signs, value: Any) -> Any:
    return {} if mentions(signs, value) else value


def _answered_no_more(signs: Signs, value: Any) -> Any:
    return GONE if mentions(signs, value) else value


def _is_not_of_another(team_id: str) -> ColumnElement[bool]:
    k = tables.calls
    return ~exists().where(k.c.token == tables.call_events.c.token, k.c.team_id != team_id)


def _is_of_team_by_call(team_id: str) -> ColumnElement[bool]:
    k = tables.calls
    return exists().where(k.c.id == tables.call_outcomes.c.call_id, k.c.team_id == team_id)


GONE_STATUS = 410
GONE = json.dumps({
    "success": False,
    "message": "The answer named somebody who was erased since; what the request was to do was done once.",
    "code": "erased", "errors": [], "requestId": "",
})  # fmt: skip
SWEEPS = {
    "contacts": Sweep(tables.contacts, "id", {"custom_fields": without, "phone_secondary": _gone, "tags": without}),
    "call_events": Sweep(tables.call_events, "id", {"raw": _emptied}, _is_not_of_another),
    "audit_log": Sweep(tables.audit_log, "id", {"detail": without, "subject_id": without}),
    "idempotency_keys": Sweep(tables.idempotency_keys, "key", {"path": without, "response": _answered_no_more}),
    "call_outcomes": Sweep(
        tables.call_outcomes, "call_id",
        {"summary": without, "data": without, "transcript_url": _gone, "recording_url": _gone, "reports": without},
        _is_of_team_by_call,
    ),
}  # fmt: skip
"""What is looked through. Of callbacks of no call of ours it is not known whose they are, so all teams' are."""


def sweep(conn: Connection, erasure: ErasureRow, signs: Signs) -> bool:
    """Look through a page of the first table that is not looked through; false where all are."""
    for name, each in SWEEPS.items():
        after = erasure.swept.get(name)
        if after == ERASED:
            continue
        through = _page_end(conn, each, erasure.team_id, after)
        if through is not None and signs.pattern:
            with planned_by_size(conn):
                _clean(conn, each, erasure.team_id, after, through, signs)
        swept = {name: ERASED if through is None else through}
        conn.execute(SWEPT, {"id": erasure.id, "swept": json.dumps(swept)})
        return True
    return False


def _page_end(conn: Connection, sweep: Sweep, team_id: str, after: Any) -> Any:
    key = sweep.table.c[sweep.key]
    page = select(key).order_by(key).limit(PAGE)
    if after is not None:
        page = page.where(key > after)
    if sweep.is_of_team is None:
        page = page.where(sweep.table.c.team_id == team_id)
    with planned_by_size(conn):
        return conn.execute(select(func.max(page.subquery().c[sweep.key]))).scalar_one()


def _clean(conn: Connection, sweep: Sweep, team_id: str, after: Any, through: Any, signs: Signs) -> None:
    table, key = sweep.table, sweep.table.c[sweep.key]
    of_team = table.c.team_id == team_id if sweep.is_of_team is None else sweep.is_of_team(team_id)
    words = func.concat_ws(" ", *(cast(table.c[name], Text) for name in sweep.columns))
    where = [key <= through, of_team, words.op("~")(signs.pattern)]
    if after is not None:
        where.append(key > after)
    for found in conn.execute(select(key, *(table.c[name] for name in sweep.columns)).where(*where)).mappings().all():
        changed = {
            name: became
            for name, become in sweep.columns.items()
            if found[name] is not None and (became := become(signs, found[name])) != found[name]
        }
        if "response" in changed:
            changed["status"] = GONE_STATUS
        if changed:
            conn.execute(update(table).where(key == found[sweep.key], of_team).values(changed))


def done(conn: Connection, erasure_id: str) -> None:
    """Nothing is left of the person; what they were found by is forgotten, too."""
    conn.execute(DONE, {"id": erasure_id})
