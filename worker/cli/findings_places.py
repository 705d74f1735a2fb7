"""Findings about where contacts are: whether their places are those of the tables of this version."""

from __future__ import annotations

from sqlalchemy import Connection

from worker.cli.findings import Finding
from worker.domain.whereabouts import tables_version
from worker.flow.base import Dialer
from worker.store.crm import contact_places
from worker.store.database import once

NAME = "places of contacts"
REMEDY = "run: dialer contacts replace"


def places(dialer: Dialer) -> list[Finding]:
    """Whether the tables that say where numbers are have changed since contacts were placed by them."""

    def read(conn: Connection) -> list[Finding]:
        noted = contact_places.version(conn)
        if noted is not None and noted != tables_version():
            found = f"were found by the tables {noted}; those of this version are {tables_version()}; {REMEDY}"
            return [Finding(NAME, found, ok=False)]
        if noted is None and contact_places.any_unplaced(conn):
            return [
                Finding(
                    NAME, f"some contacts have none, for they were written before there were any; {REMEDY}", ok=False
                )
            ]
        return [Finding(NAME, f"by the tables {tables_version()}", ok=True)]

    return once(dialer.db, read)
