"""The worker of the benchmarks, ``celery -A tests.bench.app worker``: the product's own in everything but who
rings the phones, and with tasks that say what it did.

``BENCH_CALL_SECONDS``, such as ``0.5 1.5``, is how long calls last. With ``BENCH_COURIER`` the calls live in a process
of their own, which listens at that path and tells a web process their news (:mod:`tests.bench.courier`), and
``BENCH_REQUEST_SECONDS`` is how long a request to place one takes. With ``BENCH_BY_TICK`` nothing happens but when beat
ticks: no timer runs, and nothing announces events. With ``BENCH_SAMPLED`` what its threads do can be sampled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from tests.bench.carrier import RECEIPT, Forwarding, Switchboard, lasting
from tests.bench.sampling import Sampler
from tests.bench.tally import Tally
from worker.carriers.base import CallEvent
from worker.flow.base import Dialer
from worker.flow.receipt import settle_received
from worker.flow.record import record
from worker.process import celery_app, dispatch, tasks, wiring
from worker.process.settings import settings
from worker.slots import connect

tally = Tally(RECEIPT)
tally.watch_redis()


BY_TICK = bool(os.environ.get("BENCH_BY_TICK"))


def receive(news: Sequence[CallEvent]) -> None:
    """What the web process does with callbacks."""
    if BY_TICK:
        record(dialer(), carrier.name, news)
    else:
        dispatch.send(settle_received(dialer(), carrier.name, news, hands_on=True))


def _carrier() -> Switchboard | Forwarding:
    if path := os.environ.get("BENCH_COURIER"):
        return Forwarding(path, request_seconds=float(os.environ.get("BENCH_REQUEST_SECONDS", "0")))
    return Switchboard(receive, lasts=lasting(os.environ.get("BENCH_CALL_SECONDS", "0.010 0.090")))


carrier = _carrier()


@cache
def dialer() -> Dialer:
    """:func:`worker.process.wiring.dialer` with this carrier in place of the deployment's."""
    made = wiring.build(settings(), carriers={carrier.name: carrier})
    if BY_TICK:
        made = replace(made, bounds=replace(made.bounds, event_overdue_seconds=0.0))
    tally.watch(made.db)
    return made


wiring.dialer = dialer
sampler = Sampler() if os.environ.get("BENCH_SAMPLED") else None
app = celery_app.app
__all__ = ["app", "tasks"]  # by its import the product's own tasks are there
if not BY_TICK:
    from worker.process import timer  # noqa: F401  # from its import on, every worker that is ready has one


@app.task(name="bench.tally")
def push_tally(key: str) -> None:
    """Say under ``key`` what was sent to PostgreSQL and Redis so far."""
    _push(key, tally.read())


@app.task(name="bench.requests")
def push_requests(key: str) -> None:
    """Say under ``key`` when each request came to the carrier."""
    _push(key, dict(carrier.requested))


@app.task(name="bench.samples")
def push_samples(key: str) -> None:
    """Say under ``key`` what the threads have computed since this was last asked."""
    _push(key, sampler.take() if sampler is not None else {})


def _push(key: str, what: Mapping[str, Any]) -> None:
    with connect(settings().redis_url.get_secret_value()) as redis:
        redis.rpush(key, json.dumps(what))
