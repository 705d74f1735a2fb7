"""Put the pieces together, once a process: settings become a :class:`~worker.flow.base.Dialer`.

This is the only place that knows which carriers there are and how many connections a process opens.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock

from worker.addresses import for_redis
from worker.carriers.base import Carrier
from worker.carriers.http import new_client
from worker.carriers.simulator.adapter import SimulatorCarrier
from worker.carriers.telnyx.adapter import TelnyxCarrier
from worker.carriers.twilio.adapter import TwilioCarrier
from worker.flow.base import Dialer
from worker.settings import Settings, settings
from worker.slots import Nudge, Rates, Slots, Throttle, connect
from worker.store.database import open_database


def build(chosen: Settings, *, carriers: dict[str, Carrier] | None = None) -> Dialer:
    """A dialer for these settings; nothing is connected yet. ``carriers`` replaces the deployment's."""
    redis = connect(for_redis(chosen.redis_url.get_secret_value()))
    pool = chosen.database_pool_size or chosen.worker_concurrency + 2
    return Dialer(
        db=open_database(chosen.database_url.get_secret_value(), pool_size=pool),
        slots=Slots(redis, chosen.redis_prefix),
        rates=Rates(redis, chosen.redis_prefix),
        nudge=Nudge(redis, chosen.redis_prefix),
        carriers=carriers if carriers is not None else _carriers(chosen),
        bounds=chosen.bounds,
        placers=ThreadPoolExecutor(chosen.placing_threads, thread_name_prefix="place"),
        public_base_url=chosen.public_base_url,
        default_window=chosen.default_window,
    )


def _carriers(chosen: Settings) -> dict[str, Carrier]:
    """The carriers whose credentials are given, the simulator's secret being its; one client, for its TLS context
    takes 30 ms."""
    client, bound = new_client(), chosen.request_seconds
    carriers: list[Carrier] = []
    if secret := chosen.simulator_secret.get_secret_value():
        carriers.append(SimulatorCarrier(chosen.simulator_url, secret, client, bound))
    if chosen.twilio_account_sid:
        sid, tokens = chosen.twilio_account_sid, chosen.twilio_auth_tokens
        carriers.append(TwilioCarrier(chosen.twilio_api_base_url, sid, tokens, client, bound))
    if chosen.telnyx_connection_id:
        key, public = chosen.telnyx_api_key.get_secret_value(), chosen.telnyx_public_key.get_secret_value()
        url, connection = chosen.telnyx_api_base_url, chosen.telnyx_connection_id
        carriers.append(TelnyxCarrier(url, key, public, connection, client, bound))
    return {carrier.name: carrier for carrier in carriers}


_making = Lock()


def dialer() -> Dialer:
    """The dialer of this process. Made at first use, so that a forked worker opens its own connections; once,
    also when many threads ask first."""
    with _making:
        return _dialer()


@cache
def _dialer() -> Dialer:
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
