"""Erasures, kept elsewhere and done again: a backup that is restored has those in it who were erased since.

A line has the team, the HMACs of the numbers and the ids of the contacts, and names nobody. The secret of the HMACs is
in the database, and so in its backup; a line that was made under another one says so and is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection

from worker.domain import ids
from worker.domain.erasure import signs_of
from worker.domain.errors import Fault, Invalid
from worker.flow.base import Dialer
from worker.flow.erasure import end_calls, proceed
from worker.operations.country import country_of_team
from worker.operations.views import View
from worker.store import audit, erasures, gate
from worker.store.database import once, transact

PAGE = 500
PAGES = 100_000
"""More than there are."""


@dataclass(slots=True)
class Replayed:
    """What a replay has done: of how many ``erasures``, how many ``contacts`` were erased and ``numbers`` are refused
    again, how many are still ``running``, and how many lines are of ``unknown_teams``."""

    erasures: int = 0
    contacts: int = 0
    numbers: int = 0
    running: int = 0
    unknown_teams: int = 0

    def answer(self) -> View:
        """Its counts, by name."""
        return {
            "erasures": self.erasures, "contacts": self.contacts, "numbers": self.numbers, "running": self.running,
            "unknown_teams": self.unknown_teams,
        }  # fmt: skip


def exported(dialer: Dialer) -> Iterator[Mapping[str, Any]]:
    """A line for each erasure of the deployment, the latest first."""
    offset = 0
    check = once(dialer.db, erasures.secret_check)
    while True:
        _, rows = once(dialer.db, partial(erasures.page, team_id=None, limit=PAGE, offset=offset))
        for row in rows:
            yield {
                "team": row.team_id,
                "digests": [bytes(each).hex() for each in row.digests],
                "contacts": list(row.contact_ids),
                "requestedAt": row.requested_at.isoformat(),
                "secret": check,
            }
        if len(rows) < PAGE:
            return
        offset += PAGE


def replay(dialer: Dialer, lines: Iterable[str], *, actor: str) -> Replayed:
    """Do the erasures of these lines again: refuse the numbers, and erase whoever has one of them or is one of the
    contacts. All lines are read before anything is done. Raises :class:`Invalid` with every line that is none."""
    check = once(dialer.db, erasures.secret_check)
    faults: list[Fault] = []
    read = [each for i, line in enumerate(lines, 1) if line.strip() for each in _read(i, line, check, faults)]
    if faults:
        raise Invalid(faults)
    done = Replayed()
    for team_id, digests, contacts in read:
        begun = transact(dialer.db, partial(_again, team_id=team_id, digests=digests, contacts=contacts, actor=actor))
        if begun is None:
            done.unknown_teams += 1
            continue
        erasure_id, found, refused = begun
        done.erasures += 1
        done.contacts += found
        done.numbers += refused
        if erasure_id is not None:
            done.running += not proceed(dialer, erasure_id, most_pages=PAGES)
    return done


def replay_own(dialer: Dialer, *, actor: str) -> Replayed:
    """The same with the erasures that this database knows of."""
    return replay(dialer, [json.dumps(line) for line in exported(dialer)], actor=actor)


def _read(number: int, line: str, check: str, faults: list[Fault]) -> Iterator[tuple[str, list[bytes], list[str]]]:
    try:
        said = json.loads(line)
        digests = [bytes.fromhex(each) for each in said["digests"]]
        contacts = [str(each) for each in said["contacts"]]
        team, secret = str(said["team"]), said["secret"]
    except (ValueError, TypeError, KeyError, RecursionError):
        faults.append(Fault(f"line {number}", "It is no line of `dialer erasures export`."))
        return
    if any(len(each) != 32 for each in digests):
        faults.append(Fault(f"line {number}", "It is no line of `dialer erasures export`."))
    elif secret != check:
        faults.append(Fault(f"line {number}", "It was made under the secret of another deployment's database."))
    else:
        yield team, digests, contacts


def _again(
    conn: Connection, team_id: str, digests: list[bytes], contacts: list[str], actor: str
) -> tuple[str | None, int, int] | None:
    """Begin it again: the erasure, if somebody was found, how many contacts, and how many numbers were not refused;
    ``None`` where there is no such team."""
    if not erasures.has_team(conn, team_id):
        return None
    gate.begin_erasure(conn, team_id)
    gate.close_gate(conn, team_id)
    refused = erasures.suppress(conn, team_id, digests)
    numbers = erasures.numbers_of(conn, team_id, digests)
    region = country_of_team(conn, team_id)
    signs = signs_of(erasures.contacts_of(conn, team_id, contacts, numbers), numbers, region)
    if not signs.contacts and not signs.numbers:
        return None, 0, refused
    end_calls(conn, team_id, signs)
    erasure_id = ids.new(ids.ERASURE)
    every = sorted({*digests, *erasures.digests_of(conn, signs.numbers)})
    erasures.begin(conn, erasure_id, team_id, signs, every, actor)
    audit.note(conn, team_id, actor, "erase_person_again", erasure_id, {"contacts": len(signs.contacts)})
    return erasure_id, len(signs.contacts), refused
