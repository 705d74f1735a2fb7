"""A long request, done in batches that anybody can pass between.

Claiming, dialing and stopping wait for whoever holds a team's lock, the team's row or a campaign's. So what a client
or an operator requests under one of these must not last as long as what he sends is long: it is done ``BATCH`` at a
time, a transaction each, and between two of them whoever waits has his turn. Each batch binds once it is committed: a
number of it that is not to be called is called by nobody from then on.

What ends such a request half way leaves whole batches. Sent again it does the rest, and nothing twice, for what is done
is found done: a contact by its number or its words, one that is in the campaign, a number that is on the list. Where
the second try is known to be of the same request, a :class:`Bookmark` makes its answer that of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from worker.store.crm import contacts
from worker.store.database import Database, Joined, once, pinned

T = TypeVar("T")

BATCH = 500
"""Lines, contacts or numbers: some 30 ms of a quiet machine under the lock."""


def _let_go(conn: Connection, *progress: Mapping[str, Any]) -> None:
    """Nobody keeps it."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far a request has come, kept in the transaction of each batch: what a try before this one ``found``, if there
    was one; ``keep`` notes how far it is now, ``is_at_it`` only that somebody is."""

    found: Mapping[str, Any] = field(default_factory=dict)
    keep: Callable[[Connection, Mapping[str, Any]], None] = _let_go
    is_at_it: Callable[[Connection], None] = _let_go

    def count(self, name: str) -> int:
        """How many of these the tries before have done."""
        return int(self.found.get(name, 0))


ANEW = Bookmark()
"""Of a request that nobody has begun, and nobody will go on with."""


def in_batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """``BATCH`` of them at a time, each in its order; once an empty one where there are none."""
    for start in range(0, max(len(items), 1), BATCH):
        yield items[start : start + BATCH]


@contextmanager
def kept_open(db: Database, campaign_id: str, count: int) -> Iterator[Database]:
    """A database for batches that put ``count`` contacts into a campaign: where they are several, it does not complete
    between two of them, for who is put into a running campaign is called and does not wait for its next run."""
    if count <= BATCH or isinstance(db, Joined):
        yield db
        return
    with pinned(db) as session:
        once(session, partial(contacts.hold_open, campaign_id=campaign_id))
        yield session
        once(session, partial(contacts.let_complete, campaign_id=campaign_id))
