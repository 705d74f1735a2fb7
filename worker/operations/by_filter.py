"""Put contacts that match a filter into a campaign, take them out, or let them wait again: a slice at a time, each a
transaction (:mod:`worker.operations.batches`), so that a million hold nobody up. What ends it half way leaves whole
slices, and the same request again does the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from worker.domain.additions import DEFAULT_PRIORITY
from worker.domain.model import CampaignStatus, ContactStatus
from worker.domain.paging import Key, read_key
from worker.flow.base import Dialer, Fill, Step
from worker.operations.batches import ANEW, BATCH, Bookmark, kept_open
from worker.operations.campaign_access import find_campaign, hold_campaign
from worker.operations.campaign_contacts import stored_statuses
from worker.operations.campaigns import add_batch, open_for_contacts
from worker.operations.contacts import wanted_contacts
from worker.operations.requeue import MOST_ERRORS, requeue_batch
from worker.store import campaigns
from worker.store.crm import campaign_contacts, contacts, records, selecting
from worker.store.crm.contact_list import Wanted
from worker.store.crm.selecting import Slice
from worker.store.database import Database, once, transact

log = structlog.get_logger()

_FIRST = Key(datetime(1, 1, 1, tzinfo=UTC), "")


@dataclass(slots=True)
class Handled:
    """How many contacts matched, of how many it was ``done``, how many were ``refused``, and of some of these why, a
    sentence each; ``is_filled`` where the campaign runs and has to be looked at."""

    matched: int = 0
    done: int = 0
    refused: int = 0
    errors: list[str] = field(default_factory=list)
    is_filled: bool = False

    def steps(self, team_id: str, campaign_id: str) -> list[Step]:
        """What follows."""
        return [Fill(team_id, (campaign_id,))] if self.is_filled else []


@dataclass(frozen=True, slots=True)
class _Slice:
    """What became of one: of whom it was done, why not of others, whether the campaign runs."""

    found: Slice
    done: int
    errors: Sequence[str]
    is_running: bool


_nobody = partial(_Slice, done=0, errors=(), is_running=False)
Work = Callable[[Connection, int | str], _Slice]


@dataclass(frozen=True, slots=True)
class Matching:
    """Contacts that match a filter of :mod:`worker.domain.selection`: of the team, to add them to the campaign, or of
    the campaign. ``region`` is where numbers without a country code are read; ``bookmark`` says how far a try before
    this one has come."""

    dialer: Dialer
    team_id: str
    campaign_id: str
    filters: Mapping[str, Any]
    actor: str
    region: str | None = None
    bookmark: Bookmark = ANEW

    def add(self, priority: int = DEFAULT_PRIORITY) -> Handled:
        """Add those of the team to the campaign, with this priority; ``done`` are new in it. Who is made meanwhile is
        not added. Raises :class:`Conflict` for a campaign that takes no contacts."""

        def begin(conn: Connection) -> tuple[Wanted, datetime]:
            open_for_contacts(conn, self.campaign_id, self.team_id)
            return wanted_contacts(conn, self.team_id, region=self.region, **self.filters), records.now(conn)

        wanted, until = once(self.dialer.db, begin)

        def work(conn: Connection, after: int | str) -> _Slice:
            place = read_key(str(after)) if after else _FIRST
            found = selecting.of_team(conn, self.team_id, wanted, after=place, until=until, most=BATCH)
            if not found.contact_ids:
                return _nobody(found)
            given = dict.fromkeys(found.contact_ids, priority) if priority != DEFAULT_PRIORITY else {}
            added, steps = add_batch(conn, self.campaign_id, found.contact_ids, priorities=given, team_id=self.team_id)
            if count := added.total():
                self._audit(conn, "add_contacts", added=count)
            return _Slice(found, count, (), bool(steps))

        with kept_open(self.dialer.db, self.campaign_id, BATCH + 1) as db:
            done = _walk(db, work, self.bookmark, "")
        log.info("contacts_added", campaign_id=self.campaign_id, added=done.done)
        return done

    def remove(self) -> Handled:
        """Take those of the campaign out of it; who has calls in it stays, for calls are history."""
        select = self._in_campaign()

        def work(conn: Connection, after: int | str) -> _Slice:
            is_running = hold_campaign(conn, self.campaign_id, self.team_id).status == CampaignStatus.RUNNING
            found = select(conn, after)
            if not found.contact_ids:
                return _nobody(found)
            contacts.hold(conn, self.team_id, found.contact_ids)
            there = campaign_contacts.lock(conn, self.campaign_id, found.contact_ids)
            called = set(campaign_contacts.called(conn, self.campaign_id, there, most=len(there) or 1))
            uncalled = [each for each in there if each not in called]
            removed = campaign_contacts.remove(conn, self.campaign_id, uncalled)
            if removed:
                self._audit(conn, "remove_contacts", removed=removed)
            errors = [f"Contact {contact_id} has calls in the campaign" for contact_id in sorted(called)]
            return _Slice(found, removed, errors, is_running)

        done = _walk(self.dialer.db, work, self.bookmark, 0)
        log.info("contacts_removed", campaign_id=self.campaign_id, removed=done.done)
        return done

    def requeue(self) -> Handled:
        """Let those of the campaign wait again, as :func:`worker.operations.requeue.requeue_contacts`."""
        select = self._in_campaign()

        def work(conn: Connection, after: int | str) -> _Slice:
            found = select(conn, after)
            if not found.contact_ids:
                return _nobody(found)
            put_back = requeue_batch(conn, self.team_id, self.campaign_id, found.contact_ids, actor=self.actor)
            return _Slice(found, *put_back)

        with kept_open(self.dialer.db, self.campaign_id, BATCH + 1) as db:
            done = _walk(db, work, self.bookmark, 0)
        log.info("contacts_requeued", campaign_id=self.campaign_id, requeued=done.done, refused=done.refused)
        return done

    def _in_campaign(self) -> Callable[[Connection, int | str], Slice]:
        """What finds the next slice of the campaign's contacts that match. Raises :class:`NotFound`."""
        others = dict(self.filters)
        status = others.pop("status", None)

        def begin(conn: Connection) -> tuple[Wanted, Sequence[ContactStatus] | None]:
            campaign = find_campaign(conn, self.campaign_id, self.team_id)
            chosen = None if status is None else ContactStatus(status)
            wanted = wanted_contacts(conn, self.team_id, region=self.region, **others)
            return wanted, stored_statuses(campaign, chosen)

        wanted, statuses = once(self.dialer.db, begin)
        return lambda conn, after: selecting.of_campaign(
            conn, self.team_id, self.campaign_id, statuses, wanted, after=int(after), most=BATCH
        )

    def _audit(self, conn: Connection, action: str, **counts: int) -> None:
        campaigns.audit(conn, self.campaign_id, self.actor, action, counts)


def _walk(db: Database, work: Work, bookmark: Bookmark, first: int | str) -> Handled:
    """Slice after slice, behind those that a try before this one has done."""
    done = Handled(bookmark.count("matched"), bookmark.count("done"), bookmark.count("refused"))
    after: int | str | None = bookmark.found.get("after", first)

    def one(conn: Connection, behind: int | str) -> _Slice:
        slice = work(conn, behind)
        counts = {"matched": done.matched + len(slice.found.contact_ids), "done": done.done + slice.done}
        counts["refused"] = done.refused + len(slice.errors)
        bookmark.keep(conn, {**counts, "after": slice.found.after})
        return slice

    while after is not None:
        slice = transact(db, partial(one, behind=after))
        done.matched += len(slice.found.contact_ids)
        done.done += slice.done
        done.refused += len(slice.errors)
        done.errors += slice.errors[: max(MOST_ERRORS - len(done.errors), 0)]
        done.is_filled = done.is_filled or (slice.is_running and slice.done > 0)
        after = slice.found.after
    return done
