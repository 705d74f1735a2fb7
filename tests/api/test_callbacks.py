"""The carriers' callbacks, sent to a web process of its own whose services come and go."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, text

from tests.cli.running import ROOT, environment, wait_until
from tests.patience import PATIENCE_SECONDS
from worker.carriers.simulated.protocol import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from worker.dev.process import Child
from worker.dev.stack import Stack
from worker.store.database import open_database
from worker.store.migrate import migrate

SECRET = "of-these-callbacks-3f9a"
JSON = {"Content-Type": "application/json"}
tokens = (f"{n:032x}" for n in count(1))


@dataclass(frozen=True)
class Web:
    """The web process and what stands behind it."""

    stack: Stack
    process: Child
    db: Engine
    client: httpx2.Client

    def send(self, token: str, body: bytes, *, carrier: str = "simulator", **headers: str) -> httpx2.Response:
        """A callback as the simulator sends it, signed unless ``headers`` say otherwise."""
        at = str(int(time.time()))
        signed = {TIMESTAMP_HEADER: at, SIGNATURE_HEADER: sign(SECRET, at, body)}
        path = f"/carriers/{carrier}/events/{token}"
        return self.client.post(path, content=body, headers={**JSON, **signed, **headers})

    def sql(self, statement: str, **values: object) -> Sequence[Any]:
        with self.db.begin() as conn:
            return conn.execute(text(statement), values).all()

    def stored(self, token: str) -> list[str]:
        """The kinds of events kept for a token."""
        return [row.kind for row in self.sql("SELECT kind FROM call_events WHERE token = :t ORDER BY id", t=token)]

    def log(self) -> str:
        return self.process.log_path.read_text()


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with Stack() as stack:
        db = open_database(stack.postgres.url)
        migrate(db)
        settings = environment(**stack.environment | {"SIMULATOR_SECRET": SECRET})
        command = ["python", "-m", "worker", "web", "--host", "127.0.0.1", "--port", "0"]
        process = stack.spawn("web", command, settings, cwd=ROOT)
        listening = re.compile(r"http://127\.0\.0\.1:\d+")
        wait_until(lambda: listening.search(process.log_path.read_text()), "the web process listens")
        (address,) = listening.findall(process.log_path.read_text())
        with httpx2.Client(base_url=address, timeout=PATIENCE_SECONDS, transport=httpx2.HTTPTransport()) as client:
            yield Web(stack, process, db, client)
        assert process.exit_code is None
        db.dispose()


@pytest.fixture
def token() -> str:
    return next(tokens)


def ringing(token: str, **changes: object) -> bytes:
    """News of a call that rings."""
    call = {"id": f"sim_{token}", "token": token, "status": "ringing", "answered_by": None, "sip_code": None}
    return event(token, **{"event": "ringing", "call": call, **changes})


def busy(token: str, **changes: object) -> bytes:
    """News of a call that ended because the line was busy."""
    call = {"id": f"sim_{token}", "token": token, "status": "busy", "answered_by": None, "sip_code": 486, **changes}
    return event(token, event="ended", call=call)


def event(token: str, **fields: object) -> bytes:
    shown = {"event_id": f"sim_{token}-{fields['event']}", "occurred_at": "2027-01-15T08:00:00+00:00"}
    return json.dumps({**shown, **fields}).encode()


def message(answer: httpx2.Response) -> str:
    said: Mapping[str, Any] = answer.json()
    assert said["success"] is False
    return str(said["message"])


def test_the_process_says_that_it_lives_and_which_time_zones_it_knows(web: Web) -> None:
    answer = web.client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert re.fullmatch(r"20\d\d[a-z]", answer.json()["tzdb"])


def test_a_callback_is_answered_with_204_and_kept(web: Web, token: str) -> None:
    answer = web.send(token, busy(token))
    assert (answer.status_code, answer.content) == (204, b"")
    (row,) = web.sql("SELECT * FROM call_events WHERE token = :token", token=token)
    assert (row.carrier, row.carrier_call_id, row.kind) == ("simulator", f"sim_{token}", "ended")
    assert (row.disposition, row.sip_code, row.raw) == ("busy", 486, json.loads(busy(token)))


def test_a_callback_is_answered_only_after_its_row_is_committed(web: Web, token: str) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%call_events%'"
    with ThreadPoolExecutor(1) as pool, web.db.connect() as in_the_way:
        in_the_way.execute(text("LOCK TABLE call_events IN EXCLUSIVE MODE"))
        answer = pool.submit(web.send, token, ringing(token))
        wait_until(lambda: web.sql(waiting)[0][0], "the callback waits for the table")
        assert not answer.done()
        in_the_way.rollback()
        assert answer.result().status_code == 204
    assert web.stored(token) == ["ringing"]


def test_a_callback_that_comes_twice_is_kept_once_and_answered_twice(web: Web, token: str) -> None:
    assert [web.send(token, ringing(token)).status_code for _ in range(2)] == [204, 204]
    assert web.send(token, busy(token)).status_code == 204
    assert web.stored(token) == ["ringing", "ended"]


def test_a_hundred_callbacks_at_once_are_all_kept(web: Web) -> None:
    chosen = [next(tokens) for _ in range(100)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda it: web.send(it, ringing(it)).status_code, chosen))
    assert answers == [204] * 100
    assert [web.stored(it) for it in chosen] == [["ringing"]] * 100


@pytest.mark.parametrize(
    "headers",
    [
        {SIGNATURE_HEADER: "00" * 32},
        {SIGNATURE_HEADER: ""},
        {TIMESTAMP_HEADER: "1700000000"},
        {TIMESTAMP_HEADER: "yesterday"},
    ],
)
def test_a_callback_nobody_signed_is_refused_and_not_kept(web: Web, token: str, headers: dict[str, str]) -> None:
    answer = web.send(token, ringing(token), **headers)
    assert (answer.status_code, message(answer)) == (403, "The signature does not match.")
    assert web.stored(token) == []


def test_a_tampered_callback_is_refused(web: Web, token: str) -> None:
    at = str(int(time.time()))
    signed = {TIMESTAMP_HEADER: at, SIGNATURE_HEADER: sign(SECRET, at, ringing(token))}
    assert web.send(token, busy(token), **signed).status_code == 403
    assert web.stored(token) == []


NONSENSE = {
    "nothing": lambda token: b"",
    "no JSON": lambda token: b"nonsense",
    "no UTF-8": lambda token: b"\xff\xfe",
    "a list": lambda token: b"[]",
    "no fields": lambda token: b"{}",
    "nested without end": lambda token: b"[" * 50_000,
    "a number without end": lambda token: b'{"event_id": ' + b"9" * 10_000 + b"}",
    "another call": lambda token: ringing("0" * 32),
    "an unknown event": lambda token: ringing(token, event="exploded"),
    "no event id": lambda token: ringing(token, event_id=None),
    "NUL in the event id": lambda token: ringing(token, event_id="a\x00b"),
    "half a character in the event id": lambda token: ringing(token, event_id="\ud800"),
    "NUL in what is kept": lambda token: ringing(token, note="a\x00b"),
    "no instant": lambda token: ringing(token, occurred_at="yesterday"),
    "no zone": lambda token: ringing(token, occurred_at="2027-01-15T08:00:00"),
    "NUL in the call id": lambda token: busy(token, id="a\x00b"),
    "an end of a live call": lambda token: busy(token, status="ringing"),
    "a list for a status": lambda token: busy(token, status=["busy"]),
    "a list for a verdict": lambda token: busy(token, answered_by=["human"]),
    "a list for a SIP code": lambda token: busy(token, status="failed", sip_code=[404]),
    "a SIP code beyond all measure": lambda token: busy(token, sip_code=10**30),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_is_400_whoever_signed_it_and_never_500(web: Web, token: str, what: str) -> None:
    answer = web.send(token, NONSENSE[what](token))
    assert (answer.status_code, message(answer)) == (400, "This is not an event of this carrier.")
    assert web.stored(token) == []


@pytest.mark.parametrize("carrier", ["twilio", "nobody", "SIMULATOR"])
def test_a_carrier_this_deployment_does_not_have_is_404(web: Web, token: str, carrier: str) -> None:
    assert web.send(token, ringing(token), carrier=carrier).status_code == 404
    assert web.stored(token) == []


def test_only_posts_are_taken(web: Web, token: str) -> None:
    assert web.client.get(f"/carriers/simulator/events/{token}").status_code == 405


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_larger_than_any_event_is_413(web: Web, token: str, announced: bool) -> None:
    host, port = web.client.base_url.host, web.client.base_url.port
    length = b"Content-Length: 300000" if announced else b"Transfer-Encoding: chunked"
    with socket.create_connection((host, port or 80), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(b"POST /carriers/simulator/events/%b HTTP/1.1\r\nHost: x\r\n" % token.encode())
        connection.sendall(length + b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):  # it need not be read to the end
            connection.sendall(b"x" * 300_000 if announced else b"493e0\r\n" + b"x" * 300_000 + b"\r\n0\r\n\r\n")
        assert connection.recv(1024).startswith(b"HTTP/1.1 413 ")
    assert web.stored(token) == []


def test_a_sender_that_hangs_up_half_way_is_no_error(web: Web, token: str) -> None:
    with socket.create_connection(
        (web.client.base_url.host, web.client.base_url.port or 80), timeout=PATIENCE_SECONDS
    ) as connection:
        connection.sendall(b"POST /carriers/simulator/events/%b HTTP/1.1\r\nHost: x\r\n" % token.encode())
        connection.sendall(b"Content-Length: 100\r\n\r\nhalf")
    wait_until(lambda: "client_disconnected" in web.log(), "the hanging up is noticed")
    assert web.send(token, ringing(token)).status_code == 204


def test_without_redis_a_callback_is_kept_and_answered_all_the_same(web: Web, token: str) -> None:
    web.stack.valkey.kill()
    try:
        assert web.send(token, ringing(token)).status_code == 204
        assert web.stored(token) == ["ringing"]
    finally:
        web.stack.valkey.restart()
    assert web.send(token, busy(token)).status_code == 204
    assert "nudge_lost" in web.log()


def test_without_postgresql_a_callback_is_503_until_it_is_back(web: Web, token: str) -> None:
    web.stack.postgres.kill()
    try:
        began = time.monotonic()
        answer = web.send(token, ringing(token))
        assert answer.status_code == 503
        assert time.monotonic() - began < 10, "a carrier waits no longer"
        assert "try again" in message(answer)
        assert web.client.get("/healthz").status_code == 200
    finally:
        web.stack.postgres.restart()
        web.db.dispose()
    assert web.send(token, ringing(token)).status_code == 204
    assert web.stored(token) == ["ringing"]


@pytest.mark.slow
def test_a_table_that_stays_locked_is_503_so_that_the_carrier_tries_again(web: Web, token: str) -> None:
    with web.db.connect() as in_the_way:
        in_the_way.execute(text("LOCK TABLE call_events IN EXCLUSIVE MODE"))
        assert web.send(token, ringing(token)).status_code == 503
        in_the_way.rollback()
    assert web.send(token, ringing(token)).status_code == 204


def test_whatever_was_sent_and_whatever_was_away_nothing_left_a_traceback(web: Web) -> None:
    assert "Traceback" not in web.log()
    assert web.process.exit_code is None
