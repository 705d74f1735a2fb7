"""Bring a file of contacts into the CRM, and into a campaign, however long it is.

The file is read to its end into a temporary table before anything is written, so what cannot be read, a file that
breaks off or a line that is refused, is known while it costs nothing. Then it is merged batch by batch
(:mod:`worker.operations.import_batches`), each a transaction that also adds its contacts to the campaign: a pause, a
cancel or a dial waits for a batch and never for the file. If PostgreSQL goes away in between, the batches before stay;
``observer`` was called after each, and the same file again finds their contacts and changes nothing.

Two lines are the same person, and a line is a contact of the team, where the number is the same in E.164, however it
was written; where there is no number to call, where number, names and address are the same words. Of several contacts
with a number the oldest is meant. An external id goes before all that: who has it is meant, whatever the number, and
whom another one names is somebody else; a contact with the number that has none yet is given it. What the later line
says replaces what was there, what it leaves empty stays; custom fields and tags are joined; do-not-call is never taken
back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import chain, islice

import structlog
from sqlalchemy import Connection

from worker.domain import ids
from worker.domain.contact_file import ContactLine, LineFault, line_fault
from worker.domain.erasure import ERASED_NUMBER
from worker.domain.errors import NotFound
from worker.domain.line_place import LocatedLine, locate_line
from worker.domain.line_zone import in_zone
from worker.domain.screening import Phone, PhoneFault, normalize
from worker.flow.base import Dialer
from worker.flow.callee_hours import ByClock
from worker.operations import campaigns as campaign_operations
from worker.operations.batches import ANEW, Bookmark
from worker.operations.import_batches import write
from worker.operations.import_progress import ImportObserver
from worker.operations.import_request import ImportRequest, Loaded
from worker.store import campaigns, erasures, tables
from worker.store.crm import merging, records, staging
from worker.store.crm.staging import Staged
from worker.store.database import once, pinned, transact

log = structlog.get_logger()

READ_AT_ONCE = 2000
"""Lines that are read and checked before they are staged: their statement does not wait for that."""
REPEATS_AT_ONCE = 10_000
MOST_FAULTS = 1000
NUMBERS_REMEMBERED = 20_000
"""A number costs 2 µs as E.164, 30 µs in other forms; that of a line nearby is not parsed again."""


def load_contacts(
    dialer: Dialer,
    team_id: str,
    company_id: str | None,
    lines: Iterable[ContactLine | LineFault],
    *,
    campaign_id: str | None = None,
    tags: tuple[str, ...] = (),
    region: str | None = None,
    dry_run: bool = False,
    strict: bool = False,
    actor: str = "import",
    most_ids: int | None = None,
    observer: ImportObserver | None = None,
    bookmark: Bookmark = ANEW,
) -> Loaded:
    """Read all lines, then write their contacts; a line that cannot be read is reported and passed over. A number
    that cannot be called is kept with its reason: the contact exists all the same.

    ``tags`` are put on every contact; ``region`` is where numbers without a country code belong. At most ``most_ids``
    ids and ``MOST_FAULTS`` faults are remembered, so that memory does not grow with the file. ``dry_run`` writes
    nothing, ``strict`` nothing if any line is refused, has no number to call, or a do-not-call that cannot
    be read. Raises :class:`NotFound` for a company or campaign the team does not have, :class:`Conflict` for a campaign
    that takes no contacts, and whatever reading ``lines`` raises; nothing is written then. Where a try before this one
    left its ``bookmark``, it is the same import, which goes on from there. What is to be done next is in ``steps``.
    """
    loaded = Loaded("" if dry_run else bookmark.found.get("import") or ids.new(ids.IMPORT))
    with pinned(dialer.db) as db:
        request = ImportRequest(
            dialer=replace(dialer, db=db),
            team_id=team_id,
            company_id=company_id,
            campaign_id=campaign_id,
            tags=tags,
            region=region,
            actor=actor,
            most_ids=most_ids,
            observer=observer or ImportObserver(),
            bookmark=bookmark,
        )
        by_clock = once(db, partial(_begin, request, loaded))
        _stage(request, lines, loaded, by_clock)
        exported, external = loaded.exported > 0, loaded.external > 0
        loaded.merged = transact(db, partial(staging.fold, team_id=team_id, exported=exported, external=external))
        _report_merged(request, loaded.merged)
        loaded.is_refused = strict and bool(loaded.refused or loaded.uncallable or loaded.unreadable)
        if dry_run:
            once(db, partial(_foresee, request, loaded))
        elif not loaded.is_refused:
            write(request, loaded)
        once(db, staging.drop)
    log.info("contacts_loaded", lines=loaded.lines, created=loaded.created, changed=loaded.changed,
             refused=loaded.refused, added=loaded.added, dry_run=dry_run)  # fmt: skip
    return loaded


def _begin(request: ImportRequest, loaded: Loaded, conn: Connection) -> ByClock:
    """Whether the file can go where it is to go, and what counts the hours of its numbers there."""
    company_id, campaign = request.company_id, None
    if company_id is not None and records.missing(conn, tables.companies, request.team_id, [company_id]):
        raise NotFound("company", company_id)
    if request.campaign_id is not None:
        campaign_operations.open_for_contacts(conn, request.campaign_id, request.team_id)
        campaign = campaigns.get(conn, request.campaign_id)
    loaded.campaign_status = None if campaign is None else campaign.status
    staging.create(conn)
    return ByClock(campaign)


def _stage(request: ImportRequest, lines: Iterable[ContactLine | LineFault], loaded: Loaded, by_clock: ByClock) -> None:
    as_number = lru_cache(maxsize=NUMBERS_REMEMBERED)(partial(normalize, region=request.region))
    rest = iter(lines)
    while batch := list(islice(rest, READ_AT_ONCE)):
        staged = [row for line in batch if (row := _staged(request, line, as_number, loaded, by_clock)) is not None]
        once(request.dialer.db, partial(_copy, request, loaded, staged))
        request.observer.on_progress(loaded)
    loaded.warnings = by_clock.warnings()


def _copy(request: ImportRequest, loaded: Loaded, staged: Sequence[Staged], conn: Connection) -> None:
    staging.copy(conn, _without_erased(request, loaded, staged, conn))
    request.bookmark.is_at_it(conn)


def _without_erased(
    request: ImportRequest, loaded: Loaded, staged: Sequence[Staged], conn: Connection
) -> Sequence[Staged]:
    """The lines, but for those with a number of somebody who was erased: these are refused."""
    seconds = {row.line: normalize(row.phone_secondary, request.region) for row in staged if row.phone_secondary}
    numbers = {row.line: [row.phone_e164] if row.phone_e164 else [] for row in staged}
    for line, second in seconds.items():
        numbers[line] += [second.e164] if isinstance(second, Phone) else []
    every = list(dict.fromkeys(chain.from_iterable(numbers.values())))
    erased = erasures.erased_among(conn, request.team_id, every)
    if not erased:
        return staged
    for line in (line for line, found in numbers.items() if erased.intersection(found)):
        loaded.refused += 1
        _report(request, loaded, line_fault(line, f"phone: {ERASED_NUMBER}"))
    return [row for row in staged if not erased.intersection(numbers[row.line])]


def _staged(
    request: ImportRequest,
    line: ContactLine | LineFault,
    as_number: Callable[[str | None], Phone | PhoneFault],
    loaded: Loaded,
    by_clock: ByClock,
) -> Staged | None:
    loaded.lines += 1
    phone = as_number(None if isinstance(line, LineFault) else line.phone)
    line = in_zone(line, phone, request.region)
    if isinstance(line, LineFault):
        loaded.refused += 1
        _report(request, loaded, line)
        return None
    where = locate_line(line, phone, request.region)
    if isinstance(phone, PhoneFault):
        loaded.uncallable += 1
        request.observer.on_line("uncallable", line_fault(line.line, f"phone: {phone.message}"))
    else:
        loaded.placed[where.place.basis] += 1
        if not line.do_not_call:
            by_clock.add(where.place, line.timezone)
    for fault in where.faults:
        _report(request, loaded, fault)
    loaded.do_not_call += line.do_not_call
    loaded.exported += line.contact_id is not None
    loaded.external += line.external_id is not None
    if line.notice is not None:
        loaded.unreadable += line.notice.outcome == "unreadable"
        loaded.elsewhere += line.notice.outcome == "do_not_call"
        _report(request, loaded, line.notice)
    return _as_staged(line, phone, where, request.tags)


def _report(request: ImportRequest, loaded: Loaded, fault: LineFault) -> None:
    if len(loaded.faults) < MOST_FAULTS:
        loaded.faults.append(fault)
    request.observer.on_line(fault.outcome, fault)


def _as_staged(line: ContactLine, phone: Phone | PhoneFault, where: LocatedLine, tags: tuple[str, ...]) -> Staged:
    e164 = phone.e164 if isinstance(phone, Phone) else None
    words = (line.phone or "", line.first_name, line.last_name, line.email or "")
    key = e164 or ("\x1f".join(words) if any(words) else f"line {line.line}")
    return Staged(
        line=line.line,
        contact_id=line.contact_id,
        external_id=line.external_id,
        key=key if line.external_id is None else f"external {line.external_id}",
        id=ids.new(ids.CONTACT),
        first_name=line.first_name,
        last_name=line.last_name,
        phone=line.phone,
        phone_e164=e164,
        phone_fault=None if isinstance(phone, Phone) else phone.reason,
        phone_secondary=line.phone_secondary,
        email=line.email,
        timezone=line.timezone,
        timezone_confirmed=where.columns["timezone_confirmed"],
        country=where.columns["country"],
        region=where.columns["region"],
        postal_code=where.columns["postal_code"],
        place=where.place.code,
        do_not_call=line.do_not_call,
        custom_fields=json.dumps(dict(line.custom_fields)) if line.custom_fields else "{}",
        tags=list(dict.fromkeys((*line.tags, *tags))) if line.tags or tags else "{}",
    )


def _report_merged(request: ImportRequest, merged: int) -> None:
    after = 0
    for _ in range(-(-merged // REPEATS_AT_ONCE)):
        for row in once(request.dialer.db, partial(staging.repeats, after=after, most=REPEATS_AT_ONCE)):
            request.observer.on_line("merged", line_fault(row.line, f"It is the same person as line {row.head}."))
            after = row.line


def _foresee(request: ImportRequest, loaded: Loaded, conn: Connection) -> None:
    reach = staging.next_ranges(conn, after=0, most=max(loaded.lines, 1), ranges=1)
    if not reach:
        return
    merging.match_all(conn, request.team_id, reach[0].last, **loaded.kinds)
    would = merging.would_write(conn, request.company_id, request.campaign_id, reach[0].first, reach[0].last)
    loaded.written, loaded.created, loaded.changed = would.contacts, would.created, would.changed
    loaded.added = would.addable if request.campaign_id is not None else 0
