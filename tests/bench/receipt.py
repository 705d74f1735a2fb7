"""What it costs to receive callbacks over HTTP: the web process, given one signed callback at a time."""

from __future__ import annotations

import json
import secrets
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, time

import httpx2

from tests.bench.deployment import Deployment, started
from tests.bench.tally import COMMANDS, ROUND_TRIPS, STATEMENTS
from worker.carriers.simulated.protocol import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

PER_CALL = 3
SENDERS = 4
SECRET = secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Callbacks received a second, and what each took."""

    per_second: float
    statements: float
    round_trips: float
    redis_commands: float


def receive(there: Deployment, calls: int) -> Receipt:
    """Post three callbacks for each of ``calls`` made-up calls, over connections that are kept. The tokens are
    nobody's, which makes no difference to receiving them; the worker settles them meanwhile."""
    tokens = [secrets.token_hex(16) for _ in range(calls)]
    with _web(there) as base_url, httpx2.Client(base_url=base_url) as client:
        before = client.get("/tally").json()
        began_at = monotonic()
        with ThreadPoolExecutor(SENDERS) as senders:
            answers = list(senders.map(lambda token: [_post(client, token, n) for n in range(PER_CALL)], tokens))
        seconds = monotonic() - began_at
        statuses = {status for answer in answers for status in answer}
        assert statuses == {204}, f"callbacks were answered {statuses}"
        after = client.get("/tally").json()
    there.wait(lambda: not _waiting(there), "all news was settled", seconds=30)
    kept = there.sql("SELECT count(*) FROM call_events WHERE token = ANY(:tokens)", tokens=tokens)[0][0]
    count = PER_CALL * calls
    assert kept == count, f"of {count} callbacks answered, {kept} were kept"
    each = {
        what: (after[f"engine:{what}"] - before.get(f"engine:{what}", 0)) / count
        for what in (STATEMENTS, ROUND_TRIPS, COMMANDS)
    }
    return Receipt(count / seconds, each[STATEMENTS], each[ROUND_TRIPS], each[COMMANDS])


def _post(client: httpx2.Client, token: str, n: int) -> int:
    body = json.dumps(
        {
            "event_id": f"sim_{token}-{n}",
            "event": ("ringing", "answered", "ended")[n],
            "occurred_at": "2027-01-15T08:00:00+00:00",
            "call": {
                "id": f"sim_{token}",
                "token": token,
                "status": ("ringing", "in-progress", "completed")[n],
                "answered_by": None,
                "sip_code": None,
            },
        }
    ).encode()
    at = str(int(time()))
    headers = {TIMESTAMP_HEADER: at, SIGNATURE_HEADER: sign(SECRET, at, body)}
    return client.post(f"/carriers/simulator/events/{token}", content=body, headers=headers).status_code


def _waiting(there: Deployment) -> bool:
    return bool(there.sql("SELECT 1 FROM call_events WHERE outcome IS NULL LIMIT 1"))


@contextmanager
def _web(there: Deployment) -> Iterator[str]:
    """A web process of this deployment that also counts; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [sys.executable, "-m", "uvicorn", "tests.bench.web:app", "--port", str(port), "--no-access-log"]
    environment = {**there.environment, "SIMULATOR_SECRET": SECRET}
    with started(there.stack, f"{there.name}-web", argv, environment) as web:

        def answers() -> bool:
            assert web.exit_code is None, web.last_words()
            try:
                return httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
            except httpx2.TransportError:
                return False

        there.wait(answers, "the web process answers", seconds=30)
        yield f"http://127.0.0.1:{port}"
