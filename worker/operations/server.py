"""What operators should know of the server the database is on: what a failure of it may lose, whether it is another
than it was, and whether its clock has been set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from worker.domain.on_the_clock import when
from worker.store import clock_jumps, failovers
from worker.store.clock_jumps import ClockJump
from worker.store.failovers import CommitSettings, ServerStanding

LATELY_SECONDS = 86_400.0
"""How long a jump of the clock is reported."""
LIFT = "dialer doctor --after-failover"


@dataclass(frozen=True, slots=True)
class ServerFact:
    """One thing about the server: its name, a sentence, and whether it is as it should be."""

    name: str
    sentence: str
    ok: bool = True


def read_server(conn: Connection) -> list[ServerFact]:
    """Everything there is to say; of a clock that was never set and a server that was always this one, nothing."""
    return [
        _commits(failovers.settings(conn)),
        *_server(failovers.standing(conn)),
        *_clock(clock_jumps.latest(conn, within_seconds=LATELY_SECONDS)),
    ]


def held_back(conn: Connection) -> str | None:
    """Why no call is placed, where it is for a failover."""
    facts = _server(failovers.standing(conn))
    return next((each.sentence for each in facts if not each.ok), None)


def _commits(row: CommitSettings) -> ServerFact:
    """Whether a commit can be lost once it has been answered; the guarantee that nobody is rung twice stands on it."""
    name = "commits"
    if row.synchronous_commit == "off":
        sentence = "synchronous_commit is off: if PostgreSQL crashes, calls it has just placed are forgotten and those "
        return ServerFact(name, f"{sentence}people may be rung again. Set it to on.", ok=False)
    if not row.is_durable:
        return ServerFact(
            name, "fsync or full_page_writes is off: for demonstrations only, a crash of the machine loses data"
        )
    if row.standby_names and row.synchronous_commit != "local":
        return ServerFact(name, f"wait for a standby ({row.standby_names}); a failover to it loses none")
    streams = f"{row.standbys} that streams now" if row.standbys else "one"
    return ServerFact(
        name,
        "are on this server's disk and wait for no standby: a failover to "
        f"{streams} may lose the last, and dialing then stops for as long as a call can last. To prevent it, set "
        "synchronous_standby_names" + (" and synchronous_commit to on" if row.synchronous_commit == "local" else ""),
    )


def _server(row: ServerStanding | None) -> list[ServerFact]:
    name = "server"
    if row is None:
        return []
    if not row.is_known:
        sentence = "this role may not ask which it is, so a failover goes unnoticed: grant it pg_control_system() and "
        return [ServerFact(name, f"{sentence}pg_walfile_name(), or use synchronous standbys alone")]
    if row.is_another:
        sentence = "another one than the workers have last found; no call is placed before a tick has looked at it"
        return [ServerFact(name, sentence, ok=False)]
    if row.is_held and row.failed_over_at is not None and row.held_until is not None:
        return [
            ServerFact(
                name,
                f"failed over {when(row.failed_over_at, row.read_at, None)}, perhaps without its last commits: no call "
                "is placed before every call of that moment has ended, "
                f"{when(row.held_until, row.read_at, None)}. Where none was lost, or all are over, go on with: {LIFT}",
                ok=False,
            )
        ]
    return []


def _clock(rows: Sequence[ClockJump]) -> list[ServerFact]:
    facts = []
    for row in rows:
        way = "forward" if row.seconds > 0 else "back"
        until = row.held_until
        held = "" if until is None else f"; calls of before are held at most until {when(until, row.read_at, None)}"
        sentence = f"moved {way} by {abs(row.seconds):.0f} s, {when(row.at, row.read_at, None)}{held}"
        facts.append(ServerFact("clock of PostgreSQL", sentence, ok=row.held_until is None))
    return facts
