"""A dialer as deployed, in small: one worker, one beat, a database and a prefix of their own; where it is wanted, a web
process with a carrier that posts to it, and a network to the servers."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from celery import Celery
from redis import Redis
from sqlalchemy import text

from tests.bench.apart import Carrier, carrier_and_web, network
from tests.bench.bare import bare
from tests.bench.sampling import Samples
from worker.dev.process import Child, Ending
from worker.dev.processtable import family, living
from worker.dev.stack import Stack
from worker.flow.base import Dialer
from worker.process import celery_app
from worker.process.settings import read_settings
from worker.slots import connect

REPOSITORY = Path(__file__).resolve().parents[2]
THREADS = 8
READY_SECONDS = 60.0
STOCK = "_stock"
CELERY = (sys.executable, "-m", "celery", "-A", "tests.bench.app")
STOCK_CELERY = (*CELERY[:-1], "tests.bench.stock")


class Unfinished(Exception):
    """What was to come true did not in its time: the machine is too slow for it, or something stands still."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What runs, and how to reach it."""

    name: str
    stack: Stack
    environment: dict[str, str]
    dialer: Dialer
    celery: Celery
    redis: Redis
    children: tuple[Child, ...]
    leaders: dict[str, int]
    carrier: Carrier | None = None
    stock: Celery | None = None

    def sql(self, statement: str, **values: Any) -> Sequence[Any]:
        with self.dialer.db.begin() as conn:
            result = conn.execute(text(statement), values)
            return result.all() if result.returns_rows else []

    def key(self, queue: str) -> str:
        """The list under which the broker keeps a queue."""
        return f"{self.name}:{queue}"

    @property
    def queues(self) -> tuple[str, ...]:
        """The names of the broker's queues."""
        return tuple(queue.name for queue in self.celery.conf.task_queues)

    @property
    def worker(self) -> Child:
        return self.children[-2]

    @property
    def outside(self) -> Carrier:
        """The carrier that stands outside the worker."""
        assert self.carrier is not None, f"{self.name} has its carrier in the worker"
        return self.carrier

    @property
    def reference(self) -> Celery:
        """For sending to the worker that is stock Celery."""
        assert self.stock is not None, f"{self.name} has no reference"
        return self.stock

    def reference_key(self, queue: str) -> str:
        """The list under which the broker keeps a queue of the reference's."""
        return f"{self.name}{STOCK}:{queue}"

    def tally(self) -> dict[str, float]:
        """What the worker has sent to PostgreSQL and Redis so far."""
        return self._read("bench.tally")

    def requests(self) -> dict[str, float]:
        """When the request for the call of each token came to the carrier, in epoch seconds."""
        return self._read("bench.requests")

    def samples(self) -> Samples:
        """What the worker's threads have computed since this was last asked, by function; see ``BENCH_SAMPLED``."""
        return self._read("bench.samples")

    def _read(self, task: str) -> dict[str, Any]:
        self.celery.send_task(task, [self.key(task)])
        answer: Any = self.redis.blpop([self.key(task)], timeout=30)
        if answer is None:
            raise self.broken("the worker did not answer")
        return dict(json.loads(answer[1]))

    def wait(self, condition: Callable[[], bool], what: str, *, seconds: float, every: float = 0.1) -> None:
        """Return soon after ``condition`` has become true; give up after ``seconds``, or when a process ends."""
        deadline, pause = time.monotonic() + seconds, threading.Event()
        while not condition():
            if any(child.exit_code is not None for child in self.children):
                raise self.broken(f"a process ended before it came true that {what}")
            if time.monotonic() > deadline:
                raise Unfinished(f"in {seconds:g} s it did not come true that {what}; {self._state()}")
            pause.wait(every)

    def _state(self) -> str:
        """How far it has come, for whoever reads that it came no farther."""
        contacts = self.sql("SELECT status, count(*) AS n FROM campaign_contacts GROUP BY status ORDER BY status")
        ((live,),) = self.sql("SELECT count(*) FROM calls WHERE ended_at IS NULL")
        ((waiting,),) = self.sql("SELECT count(*) FROM call_events WHERE outcome IS NULL")
        queues = ", ".join(f"{self.redis.llen(self.key(queue))} in {queue}" for queue in self.queues)
        by_status = ", ".join(f"{row.n} {row.status}" for row in contacts)
        return f"contacts: {by_status}; calls live: {live}; events to settle: {waiting}; messages: {queues}"

    def broken(self, what: str) -> AssertionError:
        said = "; ".join(f"{child.name}: {child.last_words()}" for child in self.children)
        return AssertionError(f"{what} ({said})")

    def processor_seconds(self) -> dict[str, float]:
        """What each part has computed so far; empty where the system does not say."""
        return {part: _processor_seconds(pid) for part, pid in self.leaders.items()}


@contextmanager
def deployed(
    stack: Stack,
    name: str,
    *,
    connections: int = 0,
    network_seconds: float = 0.0,
    has_reference: bool = False,
    template: str | None = None,
    **settings: str,
) -> Iterator[Deployment]:
    """A deployment called ``name`` on the servers of ``stack``; ``settings`` in the names of the environment. With
    ``connections``, calls live outside the worker and their news is posted over so many; with ``network_seconds``, the
    servers are so far from it in each direction, and we look at them from near; with ``has_reference``, a worker of
    stock Celery stands beside it, idle unless it is sent tasks. Its database is a copy of ``template``, if there is
    one."""
    with ExitStack() as running:
        made = running.enter_context(bare(stack, name, template=template, WORKER_CONCURRENCY=str(THREADS), **settings))
        environment, dialer = made.environment, made.dialer
        celery = Celery(name)
        celery_app.configure(celery, made.settings)
        running.callback(celery.close)
        redis = running.enter_context(connect(stack.valkey.url))
        there = Deployment(name, stack, environment, dialer, celery, redis, (), {})
        children: list[Child] = []

        def start(role: str, argv: Sequence[str], more: Mapping[str, str]) -> Child:
            children.append(running.enter_context(started(stack, f"{name}-{role}", argv, more)))
            return children[-1]

        def wait(condition: Callable[[], bool], what: str) -> None:
            replace(there, children=tuple(children)).wait(condition, what, seconds=READY_SECONDS)

        carrier, stock = None, None
        if has_reference:
            chosen = {**environment, "REDIS_PREFIX": f"{name}{STOCK}"}
            stock = Celery(f"{name}{STOCK}")
            celery_app.configure(stock, read_settings(chosen))
            running.callback(stock.close)
            start("reference", [*STOCK_CELERY, "worker", "-n", f"reference@{name}", "--without-mingle"], chosen)
        if network_seconds:
            far = network(stack, name, start, wait, seconds=network_seconds)
            environment = environment | far
        if connections:
            carrier = carrier_and_web(stack, name, environment, start, wait, connections=connections)
            environment = environment | {"BENCH_COURIER": str(carrier.path)}
        apart = {child.name.removeprefix(f"{name}-"): child.pid for child in children}
        for role, more in (("worker", ("-n", f"worker@{name}", "--without-mingle")), ("beat", ())):
            start(role, [*CELERY, role, *more], environment)
        leaders = _leaders(dialer, redis, children[-2]) | apart if sys.platform == "linux" else {}
        there = replace(there, children=tuple(children), leaders=leaders, carrier=carrier, stock=stock)
        there.tally()  # it is up
        yield there


@contextmanager
def started(stack: Stack, name: str, argv: Sequence[str], environment: Mapping[str, str]) -> Iterator[Child]:
    """A process of the benchmark's, from the repository's root; ended at the end."""
    child = stack.workspace.start(
        name,
        argv,
        env={**os.environ, **environment},
        cwd=REPOSITORY,
        ending=Ending(((signal.SIGTERM, 10.0),)),
    )
    try:
        yield child
    finally:
        stack.workspace.stop(child)


def _leaders(dialer: Dialer, redis: Redis, worker: Child) -> dict[str, int]:
    with dialer.db.connect() as conn:
        backend = int(conn.execute(text("SELECT pg_backend_pid()")).scalar_one())
    return {
        "worker": worker.pid,
        "PostgreSQL": living()[backend].parent,
        "Valkey": int(redis.info("server")["process_id"]),
    }


def _processor_seconds(leader: int) -> float:
    """Of a process, its family, and those of its children that have ended; proc(5) counts hundredths."""
    table = living()
    ticks = 0
    for pid in family(leader, table[leader].started, table):
        try:
            fields = (Path("/proc") / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11 : 15 if pid == leader else 13])
    return ticks / 100
