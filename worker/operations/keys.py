"""Bearer keys of a team: made, listed, revoked, and read at every request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from worker.domain.bearer import new_key, read_key
from worker.domain.call_token import proves
from worker.domain.errors import NotFound
from worker.domain.resources import parse_key
from worker.domain.roles import Role
from worker.flow.base import Dialer
from worker.store import call_outcomes
from worker.store.audit import note
from worker.store.crm import keys
from worker.store.crm.keys import KeyRow
from worker.store.database import once, transact

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who sent a request: a key, the team it belongs to, and what it may do."""

    key_id: str
    team_id: str
    role: Role


def create_key(dialer: Dialer, team_id: str, name: object, *, actor: str, role: object = None) -> tuple[KeyRow, str]:
    """Make a key for the team, an admin's unless a ``role`` is given; returns its row, and its text, which nothing can
    show again. Raises :class:`Invalid` for a name or a role that is none, :class:`NotFound` for a team."""
    key = new_key()
    given, may = parse_key(name, role)

    def work(conn: Connection) -> KeyRow:
        row = keys.insert(conn, key.id, team_id, given, may, key.digest)
        if row is None:
            raise NotFound("team", team_id)
        note(conn, team_id, actor, "create_key", key.id, {"name": given, "role": may})
        return row

    row = transact(dialer.db, work)
    log.info("key_created", key_id=key.id, team_id=team_id)
    return row, key.text


def revoke_key(dialer: Dialer, team_id: str, key_id: str, *, actor: str) -> KeyRow:
    """From the commit on the key opens nothing. Revoking it again changes nothing."""

    def work(conn: Connection) -> KeyRow:
        row = keys.revoke(conn, key_id, team_id)
        if row is None:
            raise NotFound("key", key_id)
        note(conn, team_id, actor, "revoke_key", key_id)
        return row

    row = transact(dialer.db, work)
    log.info("key_revoked", key_id=key_id, team_id=team_id)
    return row


def list_keys(dialer: Dialer, team_id: str) -> Sequence[KeyRow]:
    """The team's keys, newest first, revoked ones too; never their secrets."""
    return once(dialer.db, lambda conn: keys.of_team(conn, team_id))


def who_bears(dialer: Dialer, text: str) -> Bearer | None:
    """Whose key this is; ``None`` if it is nobody's, or revoked. Notes the use at most once a minute."""
    key = read_key(text)
    if key is None:
        return None

    def work(conn: Connection) -> Bearer | None:
        row = keys.find(conn, key.id)
        if row is None or not key.proves(row.secret_sha256) or row.is_revoked:
            return None
        if row.is_use_stale:
            keys.used(conn, row.id)
        return Bearer(row.id, row.team_id, Role(row.role))

    return once(dialer.db, work)


def who_speaks_for_call(dialer: Dialer, call_id: str, text: str) -> Bearer | None:
    """Who bears the token of this call, its assistant, for the call's team; ``None`` if it is another's token, or is
    spent. In the audit log it goes by the call's id."""
    call = once(dialer.db, lambda conn: call_outcomes.call(conn, call_id))
    if call is None or not proves(call.secret, call_id, text) or call.is_spent:
        return None
    return Bearer(call.id, call.team_id, Role.OPERATOR)
