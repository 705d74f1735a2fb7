"""What stands apart from a worker under measurement: the network between it and its servers, and the carrier."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.bench.apart import Carrier, network
from tests.bench.deployment import started
from tests.patience import PATIENCE_SECONDS
from worker.carriers.simulated.protocol import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from worker.dev.process import Child
from worker.dev.stack import Stack
from worker.simulator import ledger
from worker.slots import connect

SECRET = "0123456789abcdef" * 2
LARGE = b"x" * 3_000_000


class Callbacks(ThreadingHTTPServer):
    """A web process that takes callbacks: the first of each call only when it is posted again."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Callback)
        self.taken: list[dict[str, Any]] = []
        self.refused: set[str] = set()
        self.is_whole = threading.Event()


class _Callback(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        assert isinstance(self.server, Callbacks)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers[SIGNATURE_HEADER] == sign(SECRET, self.headers[TIMESTAMP_HEADER], body)
        event = json.loads(body)
        token = event["call"]["token"]
        is_refused = token not in self.server.refused
        self.server.refused.add(token)
        if not is_refused:  # before it is answered: the next may come on another connection then
            self.server.taken.append(event)
        self.send_response(503 if is_refused else 204)
        if is_refused:
            self.send_header("Content-Length", "4")
        self.end_headers()
        if is_refused:
            self.wfile.write(b"busy")
            return
        if len(self.server.taken) == 3:
            self.server.is_whole.set()

    def log_message(self, format: str, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def callbacks() -> Iterator[Callbacks]:
    with Callbacks() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _until(child: Child, path: Path) -> None:
    pause = threading.Event()
    while not path.exists():
        assert child.exit_code is None, child.last_words()
        pause.wait(0.02)


def test_a_carrier_posts_the_news_of_a_call_in_its_order_and_again_where_it_was_not_taken(
    stack: Stack, callbacks: Callbacks, tmp_path: Path
) -> None:
    carrier = Carrier(stack.workspace.directory / "test.courier", tmp_path / "ledger")
    argv = [sys.executable, "-m", "tests.bench.courier", str(carrier.path), str(callbacks.server_port)]
    with started(stack, "test-carrier", [*argv, str(carrier.ledger)], {"SIMULATOR_SECRET": SECRET}) as child:
        _until(child, carrier.path)
        carrier.tell("lasts", 0.001, 0.002)
        carrier.tell("hold")
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(carrier.path))
            line.sendall(b"call bench_1 token_1 +99920000001\n")
            carrier.tell("go")
            assert callbacks.is_whole.wait(PATIENCE_SECONDS), child.last_words()
    assert [event["event"] for event in callbacks.taken] == ["ringing", "answered", "ended"]
    assert {event["call"]["token"] for event in callbacks.taken} == {"token_1"}
    (placed,) = ledger.read(carrier.ledger).placed
    assert (placed.call_id, placed.to_number, placed.disposition) == ("bench_1", "+99920000001", "completed")


def test_a_network_loses_nothing_and_ends_what_was_ended(stack: Stack) -> None:
    children: list[Child] = []

    def start(role: str, argv: list[str], environment: Any) -> Child:
        children.append(made.enter_context(started(stack, f"test-{role}", argv, environment)))
        return children[-1]

    def wait(condition: Any, what: str) -> None:
        pause = threading.Event()
        while not condition():
            assert children[-1].exit_code is None, children[-1].last_words()
            pause.wait(0.02)

    with ExitStack() as made:
        far = network(stack, "test", start, wait, seconds=0.0005)
        with connect(far["REDIS_URL"]) as through, connect(stack.valkey.url) as direct:
            through.set("large", LARGE)
            assert direct.get("large") == through.get("large") == LARGE.decode()
            name = through.client_id()
            through.close()
            pause = threading.Event()
            while any(int(one["id"]) == name for one in direct.client_list()):
                pause.wait(0.02)
