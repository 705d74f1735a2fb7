"""Whether a process is alive and useless, so that it had better end and be started anew.

Progress decides, not activity: a worker whose tasks all end in a failure is as useless as one whose threads all hang.
And it must be the process that is at fault. While a service is away everybody waits, and that is right; where nobody
sends a tick, where one carrier is silent, where a campaign has no room, another process would do no better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from worker.domain.standstill import Kind

STUCK_SECONDS = 90.0

TICK_TASK, SETTLE_TASK = "worker.tick", "worker.settle"

_MOVED_BY: Mapping[Kind, frozenset[str] | None] = {
    Kind.TICK: frozenset({TICK_TASK}),
    Kind.NEWS: frozenset({TICK_TASK, SETTLE_TASK}),
    Kind.DUE: None,  # any task may fill, and who fills a team does it for all others of its process
}


@dataclass(frozen=True, slots=True)
class WorkerSight:
    """What a worker's watchdog sees. All in seconds.

    ``services_answer``: over connections made for this, and PostgreSQL may be written to. ``still`` says of what stands
    still in the rows for how long it has. ``held`` is how long the oldest task of each name has been under way here.
    ``given_for`` is how long ago the first of the tasks began that were given to this process since it last did one
    well; ``messages_for`` for how long messages have been waiting for it meanwhile. ``calls_wait`` where its threads
    for placing calls are free and have done nothing about what waits for them.
    """

    services_answer: bool
    still: Mapping[Kind, float] = field(default_factory=dict)
    held: Mapping[str, float] = field(default_factory=dict)
    given_for: float = 0.0
    messages_for: float = 0.0
    calls_wait: bool = False


def why_worker_is_stuck(seen: WorkerSight) -> str | None:
    """Why this worker must end; ``None`` where it need not, or nobody knows."""
    if not seen.services_answer:
        return None
    if seen.calls_wait:
        return "calls wait in this process, and its threads do not place them"
    if seen.given_for >= STUCK_SECONDS:
        return "it was given tasks and has done none"
    if seen.messages_for >= STUCK_SECONDS:
        return "messages wait, and it takes none"
    for kind, tasks in _MOVED_BY.items():
        if seen.still.get(kind, 0.0) >= STUCK_SECONDS and _holds(seen.held, tasks):
            return f"{kind.value} stands still, and a task of this process that should move it does not end"
    return None


def _holds(held: Mapping[str, float], tasks: frozenset[str] | None) -> bool:
    return any(seconds >= STUCK_SECONDS for name, seconds in held.items() if tasks is None or name in tasks)


@dataclass(frozen=True, slots=True)
class WebSight:
    """What the watchdog of a web process sees: ``busy`` of the ``threads`` for requests are taken, for ``same_for``
    seconds by the same requests; its event loop was last seen to turn ``loop_silent_for`` seconds ago."""

    services_answer: bool
    busy: int
    threads: int
    same_for: float
    loop_silent_for: float


def why_web_is_stuck(seen: WebSight) -> str | None:
    """Why this web process must end; ``None`` where it need not, or nobody knows."""
    if seen.loop_silent_for >= STUCK_SECONDS:
        return "its event loop does not turn"  # which no service can keep it from
    if seen.services_answer and seen.busy >= seen.threads and seen.same_for >= STUCK_SECONDS:
        return "every thread for requests is taken, and none was given back"
    return None


def why_beat_is_stuck(*, broker_answers: bool, silent_for: float) -> str | None:
    """Why beat must end, having sent nothing for so long."""
    return "it sends nothing" if broker_answers and silent_for >= STUCK_SECONDS else None
