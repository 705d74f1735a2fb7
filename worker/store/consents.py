"""Consents: who may be called for what, as they said, and that they said so no more.

Rows are only added. A consent counts for a purpose where it is for that or for all, from the instant it was given until
it expires or until a revocation that is not older and is of that purpose or of all. Who says it again has given another
consent. Of two rows of one instant the one that was written down later counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection, text

from worker.domain.consents import RANKS, REVOKED
from worker.store.bans import is_erased
from worker.store.batches import Batch
from worker.store.shapes import shaped

_RANK = f"CASE g.kind {' '.join(f'WHEN {kind!r} THEN {rank}' for kind, rank in RANKS.items())} ELSE 0 END"


def _revokes(purposes: str) -> str:
    """SQL that is true where a later row takes the consent ``g`` back for one of these purposes."""
    return f"""EXISTS (SELECT FROM consents r
                    WHERE r.team_id = g.team_id AND r.number = g.number AND r.kind = '{REVOKED}'
                      AND r.purpose IN {purposes} AND (r.given_at, r.id) > (g.given_at, g.id))"""


def best_consent(team: str, number: str, purpose: str, now: str = "(SELECT dialer_now())") -> str:
    """SQL for the best consent of a number for a purpose that counts ``now``: 0 for none, 1 for an express one, 2 for
    one in writing (:class:`worker.law.words.Consent`). Never NULL; read by the index ``consents_of_number``. With
    a ``purpose`` that is NULL only what was said of all purposes counts."""
    purposes = f"('', coalesce({purpose}, ''))"
    return f"""coalesce((SELECT max({_RANK}) FROM consents g
        WHERE g.team_id = {team} AND g.number = {number} AND g.kind <> '{REVOKED}' AND g.purpose IN {purposes}
          AND g.given_at <= {now} AND (g.expires_at IS NULL OR {now} < g.expires_at)
          AND NOT {_revokes(purposes)}), 0)"""


def still_consents(law: str, team: str, number: str, now: str) -> str:
    """SQL that is true where a number consents ``now`` as it did when the ``law`` (``calls.law``) was found to let its
    call pass; where no rule binds, or nothing had been consented to, nothing can have been taken back."""
    found = f"CASE {law} ->> 'consent' WHEN 'written' THEN 2 WHEN 'express' THEN 1 ELSE 0 END"
    best = best_consent(team, number, f"{law} ->> 'purpose'", now)
    return f"({law} IS NULL OR {found} = 0 OR {found} <= {best})"


@dataclass(frozen=True, slots=True)
class NewConsent:
    """A consent of a number for a purpose (``""``: all)."""

    number: str
    purpose: str
    kind: str
    given_at: datetime
    expires_at: datetime | None = None
    source: str | None = None
    evidence: str | None = None


CONSENTS = Batch(NewConsent)
NOW = text("SELECT dialer_now()")
BEST = text(f"SELECT {best_consent(':team', ':number', ':purpose')} AS consent")
# What is known already in the same words is not written again, so that a request may be sent twice. Of who was erased
# nothing is written down.
ADD = text(f"""
INSERT INTO consents (team_id, number, purpose, kind, source, evidence, given_at, expires_at, recorded_by)
SELECT :team, x.number, x.purpose, x.kind, x.source, x.evidence, x.given_at, x.expires_at, :actor
FROM {CONSENTS.numbered}
WHERE NOT {is_erased(":team", "x.number")} AND NOT EXISTS (
    SELECT FROM consents g WHERE g.team_id = :team AND g.number = x.number AND g.purpose = x.purpose
      AND g.kind = x.kind AND g.given_at = x.given_at AND g.expires_at IS NOT DISTINCT FROM x.expires_at
      AND g.source IS NOT DISTINCT FROM x.source AND g.evidence IS NOT DISTINCT FROM x.evidence
      AND NOT EXISTS (SELECT FROM consents r   -- taken back at the very instant, and said again
                      WHERE r.team_id = g.team_id AND r.number = g.number AND r.kind = '{REVOKED}'
                        AND r.given_at = g.given_at AND r.id > g.id))
ORDER BY x.ord
""")
# Not before what it takes back: a clock may have been set back since that was given.
REVOKE = text(f"""
INSERT INTO consents (team_id, number, purpose, kind, source, evidence, given_at, recorded_by)
SELECT :team, u.number, :purpose, '{REVOKED}', :source, :evidence,
       CASE WHEN CAST(:at AS timestamptz) IS NOT NULL THEN CAST(:at AS timestamptz)
            ELSE greatest((SELECT dialer_now()), (SELECT max(g.given_at) FROM consents g
                                                  WHERE g.team_id = :team AND g.number = u.number)) END, :actor
FROM unnest(CAST(:numbers AS text[])) AS u (number)
WHERE NOT {is_erased(":team", "u.number")}
""")
ARE_ANY = text(f"""
SELECT EXISTS (SELECT FROM consents g
    WHERE g.team_id = :team AND g.number = :number AND g.kind <> '{REVOKED}'
      AND (:purpose = '' OR g.purpose IN ('', :purpose)) AND NOT {_revokes("('', g.purpose)")})
""")
_COUNTS = f"""g.kind <> '{REVOKED}' AND g.given_at <= (SELECT dialer_now())
       AND (g.expires_at IS NULL OR (SELECT dialer_now()) < g.expires_at)
       AND NOT {_revokes("('', g.purpose)")}"""
# Used by the latest call that it may have let pass.
_SHOWN = f"""
SELECT g.id, g.team_id, g.number, g.purpose, g.kind, g.source, g.evidence, g.given_at, g.expires_at, g.recorded_by,
       g.created_at, {_COUNTS} AS counts,
       (SELECT k.dialed_at FROM calls k
        WHERE k.team_id = g.team_id AND k.to_number = g.number AND k.dialed_at >= g.given_at
          AND (g.expires_at IS NULL OR k.dialed_at < g.expires_at) AND g.kind <> '{REVOKED}'
          AND (k.ended_at IS NOT NULL OR k.ended_at IS NULL)   -- or no index has both
        ORDER BY k.reserved_at DESC, k.id DESC LIMIT 1) AS last_used_at
FROM consents g"""
PAGE = text(f"""
{_SHOWN} WHERE g.team_id = :team AND (CAST(:number AS text) IS NULL OR g.number = :number)
  AND (CAST(:purpose AS text) IS NULL OR g.purpose = :purpose)
ORDER BY g.id DESC LIMIT :limit OFFSET :offset
""")
OF_NUMBERS = text(f"{_SHOWN} WHERE g.team_id = :team AND g.number = ANY(CAST(:numbers AS text[])) ORDER BY g.id DESC")
COUNT = text("""
SELECT count(*) FROM consents g WHERE g.team_id = :team AND (CAST(:number AS text) IS NULL OR g.number = :number)
  AND (CAST(:purpose AS text) IS NULL OR g.purpose = :purpose)
""")


@shaped(PAGE, OF_NUMBERS)
class ConsentRow(Protocol):
    """What was said of a number: a consent, whether it ``counts`` now and when last a call was placed while it did, or
    a revocation."""

    id: int
    team_id: str
    number: str
    purpose: str
    kind: str
    source: str | None
    evidence: str | None
    given_at: datetime
    expires_at: datetime | None
    recorded_by: str
    created_at: datetime
    counts: bool
    last_used_at: datetime | None


def now(conn: Connection) -> datetime:
    """Business time, by which consents are given and expire."""
    at: datetime = conn.execute(NOW).scalar_one()
    return at


def best(conn: Connection, team_id: str, number: str, purpose: str | None) -> int:
    """The best consent of the number for the purpose that counts now, as :func:`best_consent` has it."""
    return int(conn.execute(BEST, {"team": team_id, "number": number, "purpose": purpose}).scalar_one())


def add(conn: Connection, team_id: str, given: Sequence[NewConsent], *, actor: str) -> int:
    """Write consents down; how many were not known. Nothing is called that was not before: no gate is needed."""
    return conn.execute(ADD, CONSENTS.bind(given) | {"team": team_id, "actor": actor}).rowcount


def revoke(
    conn: Connection,
    team_id: str,
    numbers: Sequence[str],
    *,
    purpose: str = "",
    at: datetime | None = None,
    source: str | None = None,
    evidence: str | None = None,
    actor: str,
) -> int:
    """Write down that these numbers consent no more, for a purpose or for any, from now on or since ``at``; how many.
    The caller holds :func:`worker.store.gate.close_gate`."""
    values = {"team": team_id, "numbers": list(numbers), "purpose": purpose, "at": at, "actor": actor}
    return conn.execute(REVOKE, values | {"source": source, "evidence": evidence}).rowcount


def are_any(conn: Connection, team_id: str, number: str, purpose: str) -> bool:
    """Whether the number has consented to calls of this purpose, or for ``""`` of any, and not taken that back."""
    return bool(conn.execute(ARE_ANY, {"team": team_id, "number": number, "purpose": purpose}).scalar_one())


def page(
    conn: Connection, team_id: str, *, number: str | None, purpose: str | None, limit: int, offset: int
) -> tuple[int, Sequence[ConsentRow]]:
    """How many rows there are, of this number and for this purpose where one is named, and a page of them, the latest
    first."""
    values = {"team": team_id, "number": number, "purpose": purpose}
    count: int = conn.execute(COUNT, values).scalar_one()
    return count, conn.execute(PAGE, values | {"limit": limit, "offset": offset}).all()


def of_numbers(conn: Connection, team_id: str, numbers: Sequence[str]) -> Sequence[ConsentRow]:
    """All rows of these numbers, the latest first."""
    return conn.execute(OF_NUMBERS, {"team": team_id, "numbers": list(numbers)}).all()
