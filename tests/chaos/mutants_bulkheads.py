"""Mutants of what keeps one part that hangs from stopping others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from tests.chaos.mutant import Mutant


def _without_account_threads() -> None:
    """Whoever sends a carrier a request waits for the answer himself."""
    from worker import threads

    threads.Threads.run = lambda self, work: threads.carry_out(work)


def _without_free_senders() -> None:
    """A call is committed to be placed whether or not anybody is free to send it."""
    from worker.bulkheads import Permits

    Permits.take = lambda self, most: most
    Permits.give_back = lambda self, count: self.when_free()
    Permits.free = 1_000


def _without_hang_up_lease() -> None:
    """Each tick begins again with all calls that are to end: nobody has leased them, and none is backed off from."""
    from worker.store import hangups

    hangups.TAKE = text(hangups.TAKE.text.replace(hangups.IS_FREE, "true"))


def _without_turns() -> None:
    """Who was filled longest ago stands first whether or not he can be, and nothing is read behind the first page."""
    from worker.flow import fill, wake
    from worker.store import wakes
    from worker.store.instants import turn

    whole, last = str(wakes.TAKE.text), turn("c.filled_at")
    begin, end = whole.index("      AND (NOT c.short_of_slots"), whole.index(f"    ORDER BY c.next_wake_at, {last}")
    whole = (whole[:begin] + whole[end:]).replace(f"ORDER BY c.next_wake_at, {last}", f"ORDER BY {last}")
    taken_for = "CAST(:taken_for AS double precision)"
    assert taken_for in whole
    wakes.TAKE = text(whole.replace(taken_for, f"0 * {taken_for} + 0 * :overdue"))
    wake._more = lambda taken: None
    fill._next = lambda page, plan, *, reserved: page if plan.has_more and reserved else None


def _without_silent_sessions() -> None:
    """Nobody has an end of his own where PostgreSQL's connections fall silent."""
    from worker.store.sessions import Session

    Session._within = lambda self, gen, seconds: gen


def _without_safe_log() -> None:
    """What is logged is written by whoever logs it, waits where it cannot be, and raises what that raises."""
    from worker import logs

    def bare(stream: Any, report: Any) -> Any:
        return stream

    logs.Outlet = bare  # type: ignore[attr-defined]  # it is imported there, not exported


LIVENESS = ("hanging_account_is_isolated", "calls_resume", "contacts_finish", "due_contacts_are_called")

BULKHEADS: Mapping[str, Mutant] = {
    "account-threads": Mutant(_without_account_threads, ("worker.threads.Threads.run",), LIVENESS),
    "free-senders": Mutant(
        _without_free_senders,
        ("worker.bulkheads.Permits.take", "worker.bulkheads.Permits.give_back", "worker.bulkheads.Permits.free"),
        ("no_more_than_senders",),
    ),
    "hang-up-lease": Mutant(
        _without_hang_up_lease,
        ("worker.store.hangups.TAKE",),
        ("hang_ups_back_off",),
        faults={"carrier: hang-ups fail": 30},
    ),
    "turns": Mutant(
        _without_turns,
        ("worker.flow.fill._next", "worker.flow.wake._more", "worker.store.wakes.TAKE"),
        LIVENESS,
        faults={"campaigns: 240 that cannot be filled": 30},
    ),
    "silent-sessions": Mutant(
        _without_silent_sessions,
        ("worker.store.sessions.Session._within",),
        (*LIVENESS, "ends_on_sigterm", "logs_hold_no_mistake"),
        faults={"postgresql: lost, all": 20},
    ),
    "safe-log": Mutant(
        _without_safe_log,
        ("worker.logs.Outlet",),
        (*LIVENESS, "processes_live", "logs_hold_no_mistake"),
        faults={"worker: log, its reader gone": 30},
    ),
}
