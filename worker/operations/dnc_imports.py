"""Put a file of numbers on a team's do-not-call list, however long it is.

As with contacts (:mod:`worker.operations.imports`) the file is read to its end before anything is written, and then
written batch by batch (:mod:`worker.operations.batches`), for each is under the team's lock: no number of it may be
committed to be called after it. If PostgreSQL goes away in between, the numbers of the batches before are on the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import structlog
from sqlalchemy import Connection

from worker.domain.contact_file import ContactFile, ContactLine, LineFault, line_fault
from worker.domain.errors import Invalid
from worker.domain.fields import Field, read_field
from worker.domain.registry_file import REGISTRY_PURPOSE, REGISTRY_SOURCE
from worker.domain.resources import PROOF, PURPOSE
from worker.domain.screening import Phone, PhoneFault, normalize
from worker.flow.base import Dialer
from worker.operations import batches
from worker.operations.contacts import close_for
from worker.operations.import_progress import ImportObserver
from worker.operations.imports import READ_AT_ONCE
from worker.store import audit
from worker.store.crm import staged_numbers
from worker.store.crm.staged_numbers import StagedNumber
from worker.store.database import once, pinned, transact

log = structlog.get_logger()

LONGEST_REASON = 200
SAID = (PURPOSE, *PROOF)
"""What may be said of a number besides the reason: columns of a file, and options."""
MOST_NUMBERS = 1000
"""Numbers of one line, each of which has a place of its own in the order of the file."""


@dataclass(slots=True)
class Banned:
    """What became of a file: ``refused`` of its ``lines`` hold no number, the others were ``written``, and ``added``
    numbers were not on the list before. ``is_refused``: ``strict`` found such lines, and nothing was written."""

    lines: int = 0
    refused: int = 0
    written: int = 0
    added: int = 0
    is_refused: bool = False

    @property
    def to_write(self) -> int:
        """The lines that hold a number."""
        return self.lines - self.refused


def ban_file(
    dialer: Dialer,
    team_id: str | None,
    lines: Iterable[ContactLine | LineFault],
    *,
    reason: str = "",
    purpose: str | None = None,
    source: str | None = None,
    evidence: str | None = None,
    region: str | None = None,
    dry_run: bool = False,
    strict: bool = False,
    actor: str,
    observer: ImportObserver | None = None,
) -> Banned:
    """Ban the numbers of each line, on the team's list or with ``None`` on the one above teams, for what its columns
    ``reason``, ``purpose``, ``source`` and ``evidence`` say, or else for what is given here; the registry of the United
    States is for telemarketing. A number that is on the list stays there as it is. ``strict`` bans nobody if a line
    holds no number, or a purpose that is none; ``observer`` is called for those lines. Raises :class:`Invalid` for what
    is given here."""
    banned, observer = Banned(), observer or ImportObserver()
    if isinstance(lines, ContactFile) and lines.is_registry:
        purpose, source = purpose or REGISTRY_PURPOSE, source or REGISTRY_SOURCE
    said = {"purpose": purpose, "source": source, "evidence": evidence}
    usual = {"reason": reason, **{each.name: _said(each, said[each.name]) for each in SAID}}
    with pinned(dialer.db) as db:
        once(db, staged_numbers.create)
        rest = iter(lines)
        while batch := list(islice(rest, READ_AT_ONCE)):
            once(db, partial(staged_numbers.copy, numbers=list(_numbers(batch, usual, region, banned, observer))))
            observer.on_progress(banned)
        banned.is_refused = strict and banned.refused > 0
        if dry_run:
            banned.added = once(db, partial(staged_numbers.would_ban, team_id=team_id))
            banned.written = banned.to_write
        elif not banned.is_refused:
            _write(replace(dialer, db=db), team_id, banned, actor, observer)
        once(db, staged_numbers.drop)
    log.info("numbers_banned", numbers=banned.written, added=banned.added, refused=banned.refused, dry_run=dry_run)
    return banned


def _said(field: Field, text: str | None) -> str | None:
    """What is stored for the text of a cell or an option. Raises :class:`Invalid`."""
    value = text.strip() if text else None
    stored: str | None = field.default if not value else read_field(value, field, field.name)
    return stored


def _of_line(line: ContactLine, usual: Mapping[str, str | None]) -> dict[str, str | None]:
    """What a line says of its numbers, and where it says nothing, what is usual. Raises :class:`Invalid`."""
    cells = {name.strip().lower(): text for name, text in line.custom_fields.items()}
    found = {each.name: _said(each, cells.get(each.name)) or usual[each.name] for each in SAID}
    return {"reason": cells.get("reason", usual["reason"] or "")[:LONGEST_REASON]} | found


def _numbers(
    lines: Iterable[ContactLine | LineFault],
    usual: Mapping[str, str | None],
    region: str | None,
    banned: Banned,
    observer: ImportObserver,
) -> Iterator[StagedNumber]:
    for line in lines:
        banned.lines += 1
        if isinstance(line, ContactLine):
            try:
                said = _of_line(line, usual)
            except Invalid as error:
                line = line_fault(line.line, str(error))
        if isinstance(line, ContactLine):
            given = (line.phone, line.phone_secondary, *line.other_phones)
            phones = [normalize(number, region) for number in given if number] or [normalize(None)]
            numbers = [phone.e164 for phone in phones if isinstance(phone, Phone)]
            for i, number in enumerate(numbers[:MOST_NUMBERS]):
                place = line.line * MOST_NUMBERS + i
                yield StagedNumber(place, number, **said)  # type: ignore[arg-type]  # each is read by its name
            if numbers:
                continue
            line = line_fault(line.line, next(phone.message for phone in phones if isinstance(phone, PhoneFault)))
        banned.refused += 1
        observer.on_line("refused", line)


def _write(dialer: Dialer, team_id: str | None, banned: Banned, actor: str, observer: ImportObserver) -> None:
    after: int | None = 0
    while after is not None:
        written, added, after = transact(dialer.db, partial(_write_batch, team_id, actor, after))
        banned.written += written
        banned.added += added
        observer.on_progress(banned)


def _write_batch(team_id: str | None, actor: str, after: int, conn: Connection) -> tuple[int, int, int | None]:
    reach = staged_numbers.next_range(conn, after=after, most=batches.BATCH)
    if reach.first is None or reach.last is None:
        return 0, 0, None
    close_for(conn, team_id)
    added = staged_numbers.ban(conn, team_id, reach.first, reach.last, added_by=actor)
    audit.note(conn, team_id, actor, "ban_numbers", "do_not_call", {"numbers": reach.lines, "added": added})
    return reach.lines, added, reach.last
