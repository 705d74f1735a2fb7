"""End a process that has stopped working, so that its supervisor starts another.

A process can be alive and useless: every thread waiting on something that will not come, connections that died without
a word, or a consumer that is given nothing any more. What is seen of it here, :mod:`worker.domain.stuck` assesses.
Ending it is safe at any moment, as every crash is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from celery.signals import after_task_publish, beat_init, task_postrun, task_prerun, worker_ready

from worker.background import in_background
from worker.clock import monotonic
from worker.domain.errors import Broken, Unavailable
from worker.domain.standstill import Kind
from worker.domain.stuck import STUCK_SECONDS, WorkerSight, why_beat_is_stuck, why_worker_is_stuck
from worker.operations.standstill import read_once
from worker.process import celery_app, dispatch, queues, wiring
from worker.store import probe
from worker.store.database import once

T = TypeVar("T")

log = structlog.get_logger()

LOOK_EVERY_SECONDS = 15.0
ANSWER_SECONDS = 20.0
EXIT_STATUS = 70  # sysexits.h: an internal software error


@dataclass(frozen=True, slots=True)
class Services:
    """What they say when asked: how many seconds each kind has stood still, whether messages wait, by queue."""

    still: Mapping[Kind, float]
    messages: Mapping[str, int]


class Watchdog:
    """Whether this worker still gets anywhere. ``ask`` returns what the services say, ``None`` where one of them does
    not answer; it is asked only where there is a suspicion. ``calls_wait`` says whether calls have waited for so many
    seconds in this process, with threads free."""

    def __init__(
        self,
        taken: frozenset[str],
        ask: Callable[[], Services | None],
        calls_wait: Callable[[float], bool],
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._taken, self._ask, self._calls_wait, self._now = taken, ask, calls_wait, now
        self._under_way: dict[str, tuple[str, float]] = {}
        self._given_at: float | None = None
        self._messages_at: float | None = None
        self._done_at = self._anew_at = now()
        self._lock = threading.Lock()

    def begun(self, task_id: str, name: str) -> None:
        """A task has begun."""
        with self._lock:
            self._under_way[task_id] = (name, self._now())
            if self._given_at is None:
                self._given_at = self._now()

    def ended(self, task_id: str, *, was_done: bool) -> None:
        """A task has ended, and has done what it should or has not."""
        with self._lock:
            self._under_way.pop(task_id, None)
            if was_done:
                self._done_at = self._now()
                self._given_at = self._now() if self._under_way else None
                self._messages_at = None

    def why_stuck(self) -> str | None:
        """Why this process must end, if it must. To be asked now and then."""
        if not self._is_suspect():
            return None
        said = self._ask()
        if said is None:  # waiting is right, and whoever waited has as long again when it is back
            self._anew_at = self._now()
            self._messages_at = None
            return None
        return why_worker_is_stuck(self._sight(said))

    def _is_suspect(self) -> bool:
        with self._lock:
            oldest = min((at for _, at in self._under_way.values()), default=self._now())
            return self._for(min(oldest, self._done_at)) >= STUCK_SECONDS or self._calls_wait(STUCK_SECONDS)

    def _sight(self, said: Services) -> WorkerSight:
        with self._lock:
            if not any(said.messages.get(queue) for queue in self._taken):
                self._messages_at = None
            elif self._messages_at is None:
                self._messages_at = self._now()
            held: dict[str, float] = {}
            for name, at in self._under_way.values():
                held[name] = max(held.get(name, 0.0), self._for(at))
            return WorkerSight(
                services_answer=True,
                still=said.still,
                held=held,
                given_for=self._for(self._given_at),
                messages_for=self._for(self._messages_at),
                calls_wait=self._for(self._anew_at) >= STUCK_SECONDS and self._calls_wait(STUCK_SECONDS),
            )

    def _for(self, at: float | None) -> float:
        return 0.0 if at is None else self._now() - max(at, self._anew_at)


@worker_ready.connect
def watch(sender: Any, **_: Any) -> None:
    """Begin to watch this worker."""
    taken = frozenset(queue.name for queue in sender.task_consumer.queues)
    dog = Watchdog(taken, lambda: answered(ask_services), dispatch.pool_stands_still)

    def begun(task_id: str, task: Any, **_: Any) -> None:
        dog.begun(task_id, task.name)

    def ended(task_id: str, retval: Any, state: str, **_: Any) -> None:
        dog.ended(task_id, was_done=state == "SUCCESS" and retval is not False)

    task_prerun.connect(begun, weak=False)
    task_postrun.connect(ended, weak=False)
    guard("worker_stuck", dog.why_stuck)


@beat_init.connect
def watch_beat(**_: Any) -> None:
    """Begin to watch this beat, which sends a tick a second."""
    sent_at = [monotonic()]

    def sent(**_: Any) -> None:
        sent_at[0] = monotonic()

    def why_stuck() -> str | None:
        silent_for = monotonic() - sent_at[0]
        if silent_for < STUCK_SECONDS:
            return None
        answers = answered(celery_app.broker_answers) is True
        if not answers:
            sent()
        return why_beat_is_stuck(broker_answers=answers, silent_for=silent_for)

    after_task_publish.connect(sent, weak=False)
    guard("beat_stuck", why_stuck)


def guard(event: str, why_stuck: Callable[[], str | None]) -> None:
    """Look every few seconds, from a thread of its own, and end the process when it is stuck. A look that comes late is
    left out: then the whole process stood still, as one that is suspended does, and all of it has yet to go on."""

    def look() -> None:
        looked_at = monotonic()
        while not threading.Event().wait(LOOK_EVERY_SECONDS):
            is_late = monotonic() - looked_at > 2 * LOOK_EVERY_SECONDS
            why = None if is_late else why_stuck()
            looked_at = monotonic()
            if why is not None:
                log.critical(event, why=why, seconds=STUCK_SECONDS)
                os._exit(EXIT_STATUS)

    threading.Thread(target=look, name="watchdog", daemon=True).start()


def answered(ask: Callable[[], T]) -> T | None:
    """What is answered within :data:`ANSWER_SECONDS`; ``None`` where nothing is, or that somebody is away."""
    try:
        return in_background("watchdog", ask).result(ANSWER_SECONDS)
    except (Unavailable, Broken, TimeoutError) as error:
        log.warning("watchdog_waits", message=str(error) or "no answer in time")
        return None


def ask_services() -> Services:
    """Ask every service over a connection made for it, PostgreSQL whether it takes what is written, too. Raises
    :class:`Unavailable` or :class:`Broken`."""
    dialer = wiring.dialer()
    with probe.fresh(dialer.db) as own:
        probe.write(own, "watchdog")
        reading = once(own, lambda conn: read_once(conn, dialer.bounds))
    wiring.ask_redis()
    still: dict[Kind, float] = {}
    for each in reading.still:
        kind = each.waiting.kind
        still[kind] = max(still.get(kind, 0.0), each.waiting.seconds - each.waiting.turn_seconds)
    return Services(still, {name: queue.messages for name, queue in queues.queue_lengths().items()})
