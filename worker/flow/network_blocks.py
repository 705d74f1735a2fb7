"""Caller IDs that a network blocks, by how many of their calls end in 603: such a number rests, and whoever seemed to
decline is not given up for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial

import structlog
from sqlalchemy import Connection

from worker.domain.network_blocks import WHY_IT_RESTS, is_blocked
from worker.flow.base import Dialer
from worker.store import accounts, campaigns, network_blocks
from worker.store.database import transact
from worker.store.network_blocks import Declined

log = structlog.get_logger()

CallerId = tuple[str, str]
"""A team, and the id of a number of it."""


def blocked_by_share(conn: Connection, declined: Collection[Declined]) -> set[CallerId]:
    """The caller IDs of these calls, about to end in a 603, that are taken for blocked with them."""
    if not declined:
        return set()
    ends: dict[str, list[tuple[str, bool]]] = {}
    for end in network_blocks.newest_ends(conn, declined):
        ends.setdefault(end.number_id, []).append((end.to_number, end.declined))
    return {(each.team_id, each.number_id) for each in declined if is_blocked(ends.get(each.number_id, ()))}


def rest(dialer: Dialer, callers: Iterable[CallerId]) -> None:
    """Let the numbers rest, and count what ended in a 603 no longer as declined. Whatever was done is found done by who
    comes again."""
    for team_id, number_id in sorted(callers):
        contacts = transact(dialer.db, partial(_rest, team_id=team_id, number_id=number_id))
        log.warning("caller_id_rested", number_id=number_id, code="sip 603", contacts=contacts)


def _rest(conn: Connection, team_id: str, number_id: str) -> int:
    concerned = network_blocks.campaigns_declined(conn, team_id, number_id)
    campaigns.lock_all(conn, concerned)  # so that none of them completes meanwhile
    contacts = network_blocks.forgive(conn, team_id, number_id, concerned) if concerned else 0
    accounts.rest_number(conn, number_id, WHY_IT_RESTS)
    return contacts
