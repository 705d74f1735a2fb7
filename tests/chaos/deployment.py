"""One deployment, at a speed: business time passes ``SPEED`` times as fast, and the bounds of machine time are as
short as the settings allow, so that what takes minutes in earnest takes seconds here."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from celery import Celery

from tests.chaos.harness import REPOSITORY, Chaos
from tests.chaos.routes import Routes
from worker.dev.stack import Stack
from worker.process import celery_app, wiring
from worker.process.settings import read_settings
from worker.slots import connect

SPEED = 60.0
THREADS = 4

BOUNDS = {
    "RING_SECONDS": "15",
    "LONGEST_CALL_SECONDS": "60",
    "OUTCOME_WAIT_SECONDS": "3",
    "SEND_FENCE_SECONDS": "0.8",
    "REQUEST_SECONDS": "1.2",
    "PROVABLE_END_MARGIN_SECONDS": "1",
    "CHECK_AFTER_SECONDS": "0.3",
    "UNKNOWN_AFTER_SECONDS": "1",
    "REDISPATCH_AFTER_SECONDS": "0.5",
    "BROKER_VISIBILITY_SECONDS": "5",
    "RECONCILE_EVERY_SECONDS": "0.5",
    "SLOT_GRACE_SECONDS": "1",
    "RATE_RECOVERY_SECONDS": "1",
    "BREAKER_PAUSE_SECONDS": "0.5",
    "BREAKER_LONGEST_PAUSE_SECONDS": "2",
}
"""Machine time, scaled down together."""


FORGERS = {"TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "of-a-carrier-nobody-calls-through"}
"""A second carrier: there, so that its key is one that news may be signed with, and no call is placed through it."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def deployed(
    stack: Stack,
    template: str,
    name: str,
    script: Mapping[str, Any],
    *,
    speed: float = SPEED,
    routes: Routes | None = None,
    **settings: str,
) -> Iterator[Chaos]:
    """A deployment on the servers of ``stack``, with a database and a prefix of its own and a simulator with this
    script; its processes are for the test to start, and take ``routes`` if there are any, which we do not.
    ``settings`` in the names of the environment."""
    with psycopg.connect(stack.postgres.url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    web_port, simulator_port, ledger_path = free_port(), free_port(), stack.directory / f"{name}.ledger"
    environment = {
        **stack.environment,
        "DATABASE_URL": stack.postgres.url_of(name),
        "REDIS_PREFIX": name,
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{web_port}",
        "SIMULATOR_URL": f"http://127.0.0.1:{simulator_port}",
        **FORGERS,
        "TWILIO_API_BASE_URL": f"http://127.0.0.1:{simulator_port}",
        "WORKER_CONCURRENCY": str(THREADS),
        **BOUNDS,
        **settings,
    }
    chosen = read_settings(environment)
    script_path = stack.directory / f"{name}.script"
    script_path.write_text(json.dumps(script))
    simulator = ["--port", str(simulator_port), "--ledger", str(ledger_path), "--script", str(script_path)]
    orders = stack.directory / f"{name}.orders"
    os.mkfifo(orders)
    fork_server = stack.spawn(
        f"{name}-fork-server",
        [sys.executable, "-m", "tests.chaos.fork_server", str(orders)],
        environment,
        cwd=REPOSITORY,
    )
    dialer = wiring.build(chosen)
    celery = Celery(name)
    celery_app.configure(celery, chosen)
    with connect(stack.valkey.url) as redis:
        chaos = Chaos(name, stack, dialer, environment, celery, redis, ledger_path, web_port, orders, routes)
        chaos.sql("SELECT dialer_set_clock(clock_timestamp(), :speed)", speed=speed)
        try:
            chaos.start("simulator", "worker.simulator", [*simulator, "--speed", str(speed)])
            yield chaos
        finally:
            stack.workspace.kill(fork_server)
            dialer.db.dispose()
            celery.close()
