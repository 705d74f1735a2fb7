"""Write the contacts of a file that was staged, batch by batch (:mod:`worker.operations.batches`).

A batch that changes whether or when somebody is rung, a do-not-call or a zone of a contact the team has, is under the
team's lock; one that goes into a campaign holds the campaign as it is. Neither waits for more than its own lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from worker.flow.base import Fill, Step
from worker.operations import batches, campaigns
from worker.operations.batches import kept_open
from worker.operations.import_request import ImportRequest, Loaded
from worker.store import audit, gate
from worker.store.crm import contacts, import_marks, merging, staging
from worker.store.crm.staging import LineRange
from worker.store.database import Database, once, transact

RANGES_AT_ONCE = 100
"""Batches whose lines are looked up at once."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of some lines: how many contacts they are, the ``ids`` of those that are remembered, how many were
    ``created``, ``changed`` and ``added`` to the campaign, and what follows."""

    contacts: int
    ids: list[str]
    created: int
    changed: int
    added: int
    steps: list[Step]


def write(request: ImportRequest, loaded: Loaded) -> None:
    """Write all that is staged, behind what a try before this one has written."""
    db, after = request.dialer.db, request.bookmark.count("after")
    if after:
        _find_again(request, loaded, after)
    if request.campaign_id is None:
        _write_batches(request, loaded, db, after)
        return
    with kept_open(db, request.campaign_id, loaded.to_write) as held:
        _write_batches(request, loaded, held, after)


def _find_again(request: ImportRequest, loaded: Loaded, last: int) -> None:
    """The lines up to here are written. Their contacts are found by them, and nothing is written again: what somebody
    has edited since stays."""

    def find(conn: Connection) -> list[str]:
        merging.match_all(conn, request.team_id, last, **loaded.kinds)
        return merging.contact_ids(conn, 0, last, most=request.most_ids)

    found = request.bookmark
    loaded.ids += once(request.dialer.db, find)
    loaded.written, loaded.added = found.count("written"), found.count("added")
    loaded.created, loaded.changed = found.count("created"), found.count("changed")


def _write_batches(request: ImportRequest, loaded: Loaded, db: Database, after: int) -> None:
    for reach in _ranges(db, after):
        batch = transact(db, partial(_write_batch, request, loaded, first=reach.first, last=reach.last))
        loaded.ids += batch.ids
        loaded.written += batch.contacts
        loaded.created += batch.created
        loaded.changed += batch.changed
        loaded.added += batch.added
        loaded.steps += [step for step in batch.steps if step not in loaded.steps]
        request.observer.on_progress(loaded)


def _ranges(db: Database, after: int) -> Iterator[LineRange]:
    """The lines behind ``after``, a batch at a time."""
    while reach := once(db, partial(staging.next_ranges, after=after, most=batches.BATCH, ranges=RANGES_AT_ONCE)):
        yield from reach
        after = reach[-1].last


def _write_batch(request: ImportRequest, loaded: Loaded, conn: Connection, *, first: int, last: int) -> Batch:
    merging.take_turns(conn, request.team_id)
    gate.hold_off_erasure(conn, request.team_id)
    loaded.refused += staging.drop_erased(conn, request.team_id, first, last)
    found = merging.match(conn, request.team_id, first, last, **loaded.kinds)
    if found.decides:
        gate.close_gate(conn, request.team_id)
    if loaded.do_not_call:
        import_marks.note(conn, request.team_id, loaded.import_id, first, last)
    written = merging.write(conn, request.team_id, request.company_id, first, last, known=found.known > 0)
    steps: list[Step] = []
    if loaded.merged:
        several = merging.new_of_several(conn, first, last)
        contacts.place_anew(conn, contacts.whereabouts(conn, request.team_id, several))
    if written.located:
        contacts.place_anew(conn, contacts.whereabouts(conn, request.team_id, written.located))
        contacts.move_to_zones(conn, written.located)
        waits_in = contacts.waits_in(conn, written.located)
        steps += [Fill(request.team_id, tuple(waits_in))] if waits_in else []
    added = 0
    if request.campaign_id is not None and found.contacts:
        campaign = campaigns.open_for_contacts(conn, request.campaign_id, request.team_id)
        if found.known:
            merging.hold_known(conn, request.team_id, first, last)
        added = merging.add(conn, request.team_id, request.campaign_id, first, last)
        steps += campaigns.fill_after(campaign, added)
    room = loaded.room(request.most_ids)
    ids = [] if room == 0 else merging.contact_ids(conn, first, last, most=room)
    batch = Batch(found.contacts, ids, written.created, written.changed, added, steps)
    detail = {"import": loaded.import_id, "lines": [first, last], "created": batch.created}
    detail |= {"changed": batch.changed, "added": batch.added}
    audit.note(conn, request.team_id, request.actor, "import_contacts", request.campaign_id or "contacts", detail)
    _keep(request, loaded, batch, conn, last)
    return batch


def _keep(request: ImportRequest, loaded: Loaded, batch: Batch, conn: Connection, last: int) -> None:
    progress = {"import": loaded.import_id, "after": last, "written": loaded.written + batch.contacts}
    progress |= {"created": loaded.created + batch.created, "changed": loaded.changed + batch.changed}
    request.bookmark.keep(conn, progress | {"added": loaded.added + batch.added})
