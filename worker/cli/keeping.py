"""Whoever dies of a deployment is started again: what systemd or a platform does elsewhere, ``dialer up`` does itself.

The first time at once, then after 1, 2, 4 and 8 s, and after a sixth death within seconds of a start no more: what
cannot live is reported, with its last words, and ends the deployment. One that has lived for a while starts over with a
clean record.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

from worker.clock import monotonic
from worker.dev.process import Child
from worker.dev.server import EmbeddedServer
from worker.dev.stack import Stack
from worker.domain.errors import Unavailable

QUICK_SECONDS = 30.0
"""A process that ends so soon after its start may be unable to live."""
PAUSES_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0)
CHECK_EVERY_SECONDS = 0.1


@dataclass(slots=True)
class Record:
    """When one of them was started last, how many quick deaths it has died in a row, and when it is to be started
    again (``None``: it runs). All by the machine's own clock, in seconds."""

    started_at: float
    quick_deaths: int = 0
    due_at: float | None = None

    def has_ended(self, now: float) -> float | None:
        """It ended now: the seconds until it is to be started again, ``None`` if it died quickly once too often."""
        is_quick = now - self.started_at < QUICK_SECONDS
        self.quick_deaths = self.quick_deaths + 1 if is_quick else 1
        if self.quick_deaths > len(PAUSES_SECONDS):
            return None
        pause = PAUSES_SECONDS[self.quick_deaths - 1]
        self.due_at = now + pause
        return pause

    def is_started(self, now: float) -> None:
        self.started_at, self.due_at = now, None


class Keeper:
    """Looks after the servers and processes of a stack. ``say`` prints what ended and that it is started again; it
    may be another later, for a screen is no place for lines."""

    def __init__(self, stack: Stack, say: Callable[[str], None], clock: Callable[[], float] = monotonic) -> None:
        self.say, self._stack, self._clock, self._pause = say, stack, clock, threading.Event()
        now = clock()
        self._records = {name: Record(now) for name, _ in self._all()}

    def keep(self, seconds: float) -> None:
        """Look after them for so long. Raises :class:`Unavailable` when one cannot live."""
        until = monotonic() + seconds
        while True:
            self.check()
            left = until - monotonic()
            if left <= 0:
                return
            self._pause.wait(min(left, CHECK_EVERY_SECONDS))

    def check(self) -> None:
        """Note who has ended, and start again who is due."""
        for name, one in self._all():
            record = self._records[name]
            if record.due_at is None and not _runs(one):
                self._note(name, one, record)
            if record.due_at is not None and record.due_at <= self._clock():
                self._start(one)
                record.is_started(self._clock())

    def _all(self) -> list[tuple[str, Child | EmbeddedServer]]:
        servers = (self._stack.postgres, self._stack.valkey)
        children = self._stack.children
        return [*((server.title, server) for server in servers), *((child.name, child) for child in children)]

    def _note(self, name: str, one: Child | EmbeddedServer, record: Record) -> None:
        pause = record.has_ended(self._clock())
        if pause is None:
            raise Unavailable(
                f"{name} ended {record.quick_deaths} times within {QUICK_SECONDS:.0f} s of its start; "
                f"its last words: {one.last_words()}"
            )
        self.say(f"{name} {_how(one)}; it is started again{f' in {pause:.0f} s' if pause else ''}.")

    def _start(self, one: Child | EmbeddedServer) -> None:
        if isinstance(one, Child):
            self._stack.spawn_again(one)
            return
        try:
            one.restart()
        except Unavailable as error:  # it will be seen not to run
            self.say(str(error))


def _runs(one: Child | EmbeddedServer) -> bool:
    return one.is_running if isinstance(one, EmbeddedServer) else one.exit_code is None


def _how(one: Child | EmbeddedServer) -> str:
    """How it ended, in words."""
    code = one.exit_code
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code} ({one.last_words()})"
