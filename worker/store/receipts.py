"""News settled at its receipt: two exchanges with the server, and one commit.

The first locks the calls that nobody else has in hand and reads what is known of them; the second keeps the events,
with what became of each, and moves the calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from worker.store import calls, events, moves
from worker.store.calls import CallWithPolicy
from worker.store.events import Event, EventOfCall, Kept
from worker.store.moves import Move, MovedCall
from worker.store.pipeline import pipelined


@dataclass(frozen=True, slots=True)
class Locked:
    """The calls of some tokens that were free, locked, and all news of these tokens that was kept before."""

    calls: Sequence[CallWithPolicy]
    events: Sequence[EventOfCall]


def lock(conn: Connection, tokens: Sequence[str]) -> Locked:
    """Lock the calls of these tokens, but for those that somebody else holds."""
    given = {"tokens": list(tokens)}
    return Locked(*pipelined(conn, (calls.BY_TOKEN_IF_FREE, given), (events.OF_CALLS, given)))


def keep(
    conn: Connection, carrier: str, news: Sequence[Event], steps: Sequence[Move]
) -> tuple[Kept, Sequence[MovedCall]]:
    """Keep the events, move the calls, and commit."""
    kept, *moved = pipelined(
        conn, events.insertion(carrier, news), *(moves.advancement(steps) if steps else ()), commits=True
    )
    return events.kept_of(kept), moved[0] if moved else ()
