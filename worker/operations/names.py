"""What operators mean by a word: an id, or a name that is unique in their team."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Connection

from worker.domain.errors import Refused
from worker.domain.screening import Phone, normalize
from worker.flow.base import Dialer
from worker.operations.country import country_of_team
from worker.store.crm import names
from worker.store.crm.names import NamedRow
from worker.store.database import once

BY_NUMBER = frozenset({"contact", "phone number"})
"""What people call by its number, however they write it."""
MOST_LISTED = 10
_ID = re.compile("[a-z]+_[0-9a-hjkmnp-tv-z]{26}")
"""What the dialer makes for an id: nobody is asked what is meant by it."""


def ids_of(dialer: Dialer, team_id: str, what: str, words: Sequence[str]) -> list[str]:
    """For each word the id of the team's thing that is meant; a word that means nothing stays as it is, for whoever is
    asked about it says that it is not there. Raises :class:`Refused` listing the ids where a name is of several."""
    asked = [word for word in dict.fromkeys(words) if word and not _ID.fullmatch(word)]
    if not asked:
        return list(words)

    def read(conn: Connection) -> dict[str, str]:
        spelled = _spelled(conn, team_id, asked) if what in BY_NUMBER else {}
        wanted = list(dict.fromkeys([*asked, *spelled.values()]))
        found: dict[str, list[NamedRow]] = {}
        for row in names.named(conn, team_id, what, wanted):
            found.setdefault(row.word, []).append(row)
        return {word: _only(what, word, found.get(word) or found.get(spelled.get(word, ""), [])) for word in asked}

    meant = once(dialer.db, read)
    return [meant.get(word, word) for word in words]


def doubled(dialer: Dialer, team_id: str, what: str, name: str | None) -> str | None:
    """A warning where several things of the team have this name, so that it means none of them."""
    if not name:
        return None
    rows = once(dialer.db, lambda conn: names.named(conn, team_id, what, [name]))
    alike = [row for row in rows if row.rank == 1]
    if len(alike) < 2:
        return None
    return f"{len(alike)} {_many(what)} are called {name}; on the command line each goes by its id alone."


def _many(what: str) -> str:
    return f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"


def _spelled(conn: Connection, team_id: str, words: Sequence[str]) -> dict[str, str]:
    """Those of the words that are numbers, in E.164."""
    region = country_of_team(conn, team_id)
    read = {word: normalize(word, region) for word in words}
    return {word: phone.e164 for word, phone in read.items() if isinstance(phone, Phone)}


def _only(what: str, word: str, rows: Sequence[NamedRow]) -> str:
    likeliest = [row.id for row in rows if row.rank == rows[0].rank]
    if len(likeliest) > 1:
        listed = ", ".join(likeliest[:MOST_LISTED]) + (", …" if len(likeliest) > MOST_LISTED else "")
        raise Refused(f"{len(likeliest)} {_many(what)} are called {word}; give the id of one: {listed}.")
    return likeliest[0] if likeliest else word
