"""A file of consents: read to its end, then written batch by batch, each a transaction. The same file again changes
nothing, so what breaks off is simply sent again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from worker.domain.consents import GIVEN, parse_consents
from worker.domain.contact_file import ContactLine, LineFault, line_fault
from worker.domain.errors import Invalid
from worker.domain.fields import snake
from worker.domain.screening import Phone, PhoneFault, normalize
from worker.flow.base import Dialer
from worker.operations.batches import in_batches
from worker.operations.import_progress import ImportObserver
from worker.store import audit, consents, gate
from worker.store.consents import NewConsent
from worker.store.database import once, transact

log = structlog.get_logger()

_COLUMNS = {column: field.name for field in GIVEN for column in (field.name.lower(), snake(field.name))}


@dataclass(slots=True)
class ImportedConsents:
    """What became of a file: ``refused`` of its ``lines`` are none, and ``added`` consents were not known.
    ``is_refused``: ``strict`` found such lines, and nothing was written."""

    lines: int = 0
    refused: int = 0
    added: int = 0
    is_refused: bool = False


def import_file(
    dialer: Dialer,
    team_id: str,
    lines: Iterable[ContactLine | LineFault],
    usual: Mapping[str, Any],
    *,
    region: str | None = None,
    dry_run: bool = False,
    strict: bool = False,
    actor: str,
    observer: ImportObserver | None = None,
) -> ImportedConsents:
    """Write down the consent of each line's numbers; ``usual`` are the fields of a request, for what a line does not
    say. ``observer`` is called for the lines that are refused."""
    done, observer = ImportedConsents(), observer or ImportObserver()
    now = once(dialer.db, consents.now)
    given: list[NewConsent] = []
    for line in lines:
        done.lines += 1
        read = _read(line, usual, region, now)
        if isinstance(read, LineFault):
            done.refused += 1
            observer.on_line("refused", read)
        else:
            given += read

    def work(conn: Connection, some: list[NewConsent]) -> int:
        gate.hold_off_erasure(conn, team_id)
        added = consents.add(conn, team_id, some, actor=actor)
        audit.note(conn, team_id, actor, "import_consents", "consents", {"numbers": len(some), "added": added})
        return added

    done.is_refused = strict and done.refused > 0
    if dry_run:
        done.added = len(set(given))
    elif not done.is_refused and given:
        for some in in_batches(list(dict.fromkeys(given))):
            done.added += transact(dialer.db, partial(work, some=list(some)))
    log.info("consents_imported", lines=done.lines, added=done.added, refused=done.refused, dry_run=dry_run)
    return done


def _read(
    line: ContactLine | LineFault, usual: Mapping[str, Any], region: str | None, now: Any
) -> list[NewConsent] | LineFault:
    if isinstance(line, LineFault):
        return line
    said = {
        _COLUMNS[name.strip().lower()]: text.strip()
        for name, text in line.custom_fields.items()
        if name.strip().lower() in _COLUMNS and text.strip()
    }
    phones = [normalize(each, region) for each in (line.phone, line.phone_secondary, *line.other_phones) if each]
    numbers = [phone.e164 for phone in phones if isinstance(phone, Phone)]
    if not numbers:
        fault = next((phone for phone in phones if isinstance(phone, PhoneFault)), normalize(None))
        return line_fault(line.line, f"phone: {fault.message}" if isinstance(fault, PhoneFault) else "No number.")
    try:
        _, values = parse_consents({**usual, **said}, now=now, of_one=True)
    except Invalid as error:
        return line_fault(line.line, str(error))
    return [NewConsent(number, **values) for number in numbers]
