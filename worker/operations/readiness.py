"""Whether calls can be placed, as far as PostgreSQL knows: that it answers, has our schema, takes what is written, and
that what should move moves.

It is found out over a connection of its own (:mod:`worker.store.probe`), one thing after the other, and each is noted
when it is known: how far this came distinguishes a server that reads and cannot write, as a standby or one whose disk
is full, from one that is silent.
"""

from __future__ import annotations

from dataclasses import dataclass

from worker.domain.errors import Broken, Unavailable
from worker.domain.model import Bounds
from worker.domain.standstill import STILL_SECONDS, Kind
from worker.operations.server import held_back
from worker.operations.standstill import StandstillReading, read_standstill
from worker.store import migrate, probe, ticks
from worker.store.database import Database, once

OK = "ok"
NO_ANSWER = "no answer in time"
UNKNOWN = "unknown"
NO_WRITES = "takes none: a standby, read-only, or without room on its disk"


@dataclass(slots=True)
class Readiness:
    """A word on each, while it is found out; :data:`OK` is the only good one. ``reading`` once there is one."""

    database: str = NO_ANSWER
    schema: str = UNKNOWN
    writes: str = UNKNOWN
    tick: str = UNKNOWN
    work: str = UNKNOWN
    server: str = UNKNOWN
    reading: StandstillReading | None = None

    def words(self) -> dict[str, str]:
        """Each word by what it is on."""
        return {name: getattr(self, name) for name in ("database", "schema", "writes", "tick", "work", "server")}


def find_out(db: Database, bounds: Bounds, found: Readiness) -> None:
    """Ask, and note in ``found`` what is known, as soon as it is."""
    with probe.fresh(db) as own:
        try:
            version = once(own, migrate.version)
        except Unavailable:
            found.database = "away"
            return
        found.database, found.schema = OK, _schema(version)
        if version is None:
            return
        found.tick = found.writes = found.work = NO_ANSWER
        try:
            found.tick = _tick(once(own, lambda conn: ticks.age_seconds(conn, "tick")))
            found.writes = _writes(own)
            found.server = once(own, held_back) or OK
            _note_work(found, read_standstill(own, bounds))
        except Unavailable as error:  # it went away meanwhile, or the schema is not ours
            found.work = str(error)


def _writes(own: Database) -> str:
    try:
        probe.write(own, "readiness")
    except (Unavailable, Broken):
        return NO_WRITES
    return OK


def _note_work(found: Readiness, reading: StandstillReading) -> None:
    found.reading = reading
    still = [each for each in reading.still if each.waiting.kind is not Kind.TICK]
    found.work = f"{len(still)} thing{' stands' if len(still) == 1 else 's stand'} still" if still else OK


def _schema(version: int | None) -> str:
    wanted = migrate.newest()
    return OK if version == wanted else f"version {version}, this code is for {wanted}; run the migrations"


def _tick(age: float | None) -> str:
    if age is None:
        return "never; start beat and a worker"
    return OK if age <= STILL_SECONDS else f"{age:.0f} s ago; start beat and a worker"
