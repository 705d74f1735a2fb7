"""The worker of the benchmarks, ``celery -A tests.bench.app worker``: the product's own in everything but who
rings the phones, and with the empty tasks it is measured against."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

from tests.bench.carrier import RECEIPT, Switchboard
from tests.bench.tally import Tally
from worker import tasks, wiring
from worker.carriers.base import CallEvent
from worker.flow.base import Dialer
from worker.flow.record import record
from worker.settings import settings
from worker.slots import connect

tally = Tally(RECEIPT)
tally.watch_redis()


def tell(news: Sequence[CallEvent]) -> None:
    """What the web process does with callbacks."""
    tasks.send(record(dialer(), carrier.name, news))


carrier = Switchboard(tell)


@cache
def dialer() -> Dialer:
    """:func:`worker.wiring.dialer` with this carrier in place of the deployment's."""
    made = wiring.build(settings(), carriers={carrier.name: carrier})
    tally.watch(made.db)
    return made


wiring.dialer = dialer
app = tasks.app


@app.task(name="bench.noop")
def noop() -> None:
    """Nothing: what a task costs before it does anything."""


@app.task(name="bench.chain")
def chain(left: int) -> None:
    """Nothing, and then the next: what a task costs that hands on."""
    if left > 1:
        chain.delay(left - 1)


@app.task(name="bench.tally")
def tell_tally(key: str) -> None:
    """Say under ``key`` what was asked of PostgreSQL and Redis so far."""
    with connect(settings().redis_url.get_secret_value()) as redis:
        redis.rpush(key, json.dumps(tally.read()))
