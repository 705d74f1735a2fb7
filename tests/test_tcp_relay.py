"""The relay of the tests does to connections what it says."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.tcp_relay import TcpRelay


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())


@pytest.fixture(params=["port", "socket"])
def relay(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TcpRelay]:
    """In front of a server that answers each line in capitals."""
    if request.param == "port":
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo)
        target: int | str = server.server_address[1]
    else:
        target = str(tmp_path / "socket")
        server = socketserver.ThreadingUnixStreamServer(target, _Echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with TcpRelay(target) as relay:
        yield relay
    server.shutdown()
    server.server_close()
    thread.join()
    assert "tcp-relay" not in {each.name for each in threading.enumerate()}


def _dial(relay: TcpRelay) -> socket.socket:
    return socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE_SECONDS)


def _is_silent(connection: socket.socket) -> bool:
    connection.settimeout(0.05)
    try:
        connection.recv(100)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(PATIENCE_SECONDS)
    return False


def test_a_silent_connection_says_nothing_until_it_goes_on_and_then_all(relay: TcpRelay) -> None:
    with _dial(relay) as before:
        before.sendall(b"one\n")
        assert before.recv(100) == b"ONE\n"
        relay.fall_silent()
        before.sendall(b"two\n")
        with _dial(relay) as fresh:
            fresh.sendall(b"three\n")
            assert _is_silent(before)
            assert _is_silent(fresh)
            relay.go_on()
            assert (before.recv(100), fresh.recv(100)) == (b"TWO\n", b"THREE\n")


def test_a_connection_whose_bytes_were_swallowed_stays_silent_and_others_go_on(relay: TcpRelay) -> None:
    with _dial(relay) as losing, _dial(relay) as quiet:
        quiet.sendall(b"zero\n")
        assert quiet.recv(100) == b"ZERO\n"
        relay.fall_silent(swallow=True)
        losing.sendall(b"one\n")
        assert _is_silent(losing)
        relay.go_on()
        for connection in (quiet, _dial(relay)):
            with connection:
                connection.sendall(b"two\n")
                assert connection.recv(100) == b"TWO\n"
        assert _is_silent(losing)


def test_a_reset_reaches_the_client(relay: TcpRelay) -> None:
    with _dial(relay) as connection:
        connection.sendall(b"one\n")
        connection.recv(100)
        relay.reset()
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    assert relay.connections == 0


def test_what_is_delayed_comes_in_order_and_all_of_it(relay: TcpRelay) -> None:
    sent = b"".join(b"%d\n" % n for n in range(50_000))
    with _dial(relay) as connection:
        relay.delay(to_server_seconds=0.05, to_client_seconds=0.05)
        threading.Thread(target=connection.sendall, args=(sent,)).start()
        received = b""
        while len(received) < len(sent):
            received += connection.recv(CHUNK)
    assert received == sent


CHUNK = 65_536
