"""Consents of a team: given, taken back, listed. One that is taken back passes the gate: no call is committed on its
strength after that is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from worker.domain.consents import CONSENT, parse_consents, parse_revocation
from worker.domain.kinds import OneOf
from worker.flow.base import Dialer
from worker.law.words import PURPOSES
from worker.operations.batches import ANEW, Bookmark, in_batches
from worker.operations.country import country_of_team, meant
from worker.operations.views import View, view
from worker.store import audit, consents, gate
from worker.store.consents import NewConsent
from worker.store.database import once, transact

log = structlog.get_logger()


def add_consents(
    dialer: Dialer,
    team_id: str,
    body: Mapping[str, Any],
    *,
    actor: str,
    region: str | None = None,
    bookmark: Bookmark = ANEW,
) -> int:
    """Write down the consent of ``numbers``; of how many it was not known in the same words. Raises :class:`Invalid`
    with every fault, a consent from the future among them."""

    def read(conn: Connection) -> tuple[list[str], dict[str, Any]]:
        return parse_consents(body, now=consents.now(conn), region=region or country_of_team(conn, team_id))

    def work(conn: Connection, some: Sequence[str], before: int) -> int:
        gate.hold_off_erasure(conn, team_id)
        added = consents.add(conn, team_id, [NewConsent(number, **said) for number in some], actor=actor)
        detail = {"numbers": len(some), "added": added, "purpose": said["purpose"], "kind": said["kind"]}
        audit.note(conn, team_id, actor, "add_consents", "consents", detail)
        bookmark.keep(conn, {"added": before + added})
        return added

    numbers, said = once(dialer.db, read)
    added = bookmark.count("added")
    for some in in_batches(numbers):
        added += transact(dialer.db, partial(work, some=some, before=added))
    log.info("consents_added", numbers=len(numbers), added=added)
    return added


def revoke_consents(
    dialer: Dialer,
    team_id: str,
    body: Mapping[str, Any],
    *,
    actor: str,
    region: str | None = None,
    bookmark: Bookmark = ANEW,
) -> int:
    """Write down that ``numbers`` consent no more; how many. After this returns no call to them is committed by what
    they had consented to. Raises :class:`Invalid` with every fault."""

    def read(conn: Connection) -> tuple[list[str], dict[str, Any]]:
        return parse_revocation(body, now=consents.now(conn), region=region or country_of_team(conn, team_id))

    def work(conn: Connection, some: Sequence[str], before: int) -> int:
        gate.hold_off_erasure(conn, team_id)
        gate.close_gate(conn, team_id)
        revoked = consents.revoke(conn, team_id, some, **said, actor=actor)
        detail = {"numbers": len(some), "purpose": said.get("purpose", "")}
        audit.note(conn, team_id, actor, "revoke_consents", "consents", detail)
        bookmark.keep(conn, {"revoked": before + revoked})
        return revoked

    numbers, said = once(dialer.db, read)
    revoked = bookmark.count("revoked")
    for some in in_batches(numbers):
        revoked += transact(dialer.db, partial(work, some=some, before=revoked))
    log.info("consents_revoked", numbers=len(numbers), revoked=revoked)
    return revoked


def list_consents(
    dialer: Dialer,
    team_id: str,
    *,
    limit: int,
    offset: int,
    number: str | None = None,
    purpose: str | None = None,
    region: str | None = None,
) -> tuple[int, list[View]]:
    """How many consents and revocations there are, and a page of them, the latest first. Raises :class:`Invalid` for a
    purpose that is none."""
    if purpose is not None:
        purpose = OneOf(PURPOSES)(purpose, "purpose")

    def read(conn: Connection) -> tuple[int, list[View]]:
        wanted = None if number is None else meant(conn, team_id, number, region or country_of_team(conn, team_id))
        count, rows = consents.page(conn, team_id, number=wanted, purpose=purpose, limit=limit, offset=offset)
        return count, [view(CONSENT, row) for row in rows]

    return once(dialer.db, read)
