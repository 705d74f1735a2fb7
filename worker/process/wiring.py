"""Put the pieces together, once a process: settings become a :class:`~worker.flow.base.Dialer`.

This is the only place that knows how many connections a process opens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from threading import Lock

import structlog

from worker.bulkheads import Bulkheads, Permits, Taken
from worker.carriers import registry
from worker.carriers.base import Carrier
from worker.flow.base import Batch, Dialer, Placing, Step
from worker.process.addresses import for_redis
from worker.process.at_first_use import AtFirstUse
from worker.process.settings import Settings, settings
from worker.slots import FillRequests, Nudge, Rates, Slots, Throttle, connect
from worker.store.database import open_database
from worker.threads import Threads

log = structlog.get_logger()

IN_HASTE_SECONDS = 0.5
"""How long Redis may take to grant slots while a team's row is locked; a fill that waited in vain is the tick's."""

_followers: list[Callable[[Iterable[Step]], None]] = []


def follow_up_by(carry_out: Callable[[Iterable[Step]], None]) -> None:
    """Have the steps that come of late answers carried out so. In a process where nobody does, the rows say what is to
    be done, and the tick finds it."""
    _followers[:] = [carry_out]


class _Nobody:
    """Places no calls: they wait as reserved until a worker takes them in hand."""

    can = False

    def senders(self, account_id: str, most: int) -> Taken:
        return Taken(Permits(0), 0)

    def room(self, account_id: str) -> int:
        return 0

    def leave(self, batch: Batch) -> None:
        raise AssertionError("unreachable: without senders none leaves")


_placing: list[Placing] = [_Nobody()]


def place_by(placing: Placing) -> None:
    """Have this process place calls so."""
    _placing[:] = [placing]


def _follow_up(steps: Iterable[Step]) -> None:
    for carry_out in _followers:
        carry_out(steps)


def build(chosen: Settings, *, carriers: dict[str, Carrier] | None = None) -> Dialer:
    """A dialer for these settings; nothing is connected yet. ``carriers`` replaces the deployment's."""
    url = for_redis(chosen.redis_url.get_secret_value())
    redis, in_haste = connect(url), connect(url, answer_seconds=IN_HASTE_SECONDS, retries=1)
    pool = chosen.database_pool_size or chosen.worker_concurrency + 2
    return Dialer(
        db=open_database(chosen.database_url.get_secret_value(), pool_size=pool),
        slots=Slots(redis, chosen.redis_prefix, in_haste=in_haste),
        rates=Rates(redis, chosen.redis_prefix),
        nudge=Nudge(redis, chosen.redis_prefix),
        fill_requests=FillRequests(redis, chosen.redis_prefix),
        carriers=carriers if carriers is not None else AtFirstUse(lambda: _carriers(chosen)),
        bounds=chosen.bounds,
        bulkheads=Bulkheads(
            Threads("carrier").run, senders=chosen.placing_threads, at_database=max(1, chosen.worker_concurrency // 2)
        ),
        public_base_url=chosen.public_base_url,
        follow_up=_follow_up,
        placing=lambda: _placing[0],
        default_window=chosen.default_window,
        require_purpose=chosen.require_purpose,
    )


def _carriers(chosen: Settings) -> dict[str, Carrier]:
    """The carriers that are set up; one client, for its TLS context takes 30 ms."""
    from worker.carriers.http import new_client

    client = new_client()
    return {spec.name: spec.build(chosen.of_carrier(spec), client, chosen.request_seconds) for spec in chosen.carriers}


_making = Lock()


def dialer() -> Dialer:
    """The dialer of this process. Made at first use, so that a forked worker opens its own connections; once,
    also when many threads ask first."""
    with _making:
        return _dialer()


@cache
def _dialer() -> Dialer:
    for sentence in registry.faults():
        log.warning("carrier_left_out", reason=sentence)
    return build(settings())


def ask_redis() -> None:
    """Whether Redis answers, over a connection made for this. Raises :class:`~worker.domain.errors.Unavailable`."""
    redis = connect(for_redis(settings().redis_url.get_secret_value()), retries=0)
    try:
        Slots(redis, settings().redis_prefix).server()
    finally:
        redis.close()


@cache
def throttle() -> Throttle:
    """The allowances of the API's clients. Its own connections, which wait for no slow Redis: a request is let
    in sooner than it is kept waiting for its counting."""
    chosen = settings()
    redis = connect(for_redis(chosen.redis_url.get_secret_value()), answer_seconds=0.25, retries=0)
    return Throttle(redis, chosen.redis_prefix)
