"""What comes in unfinished, in excess or in no form at all, and what goes with every answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from httpx2 import Client

from tests.api.client import CAMPAIGNS, refused
from tests.world import World
from worker.api.middleware import LARGEST_HEADERS, LONGEST_PATH, LONGEST_QUERY

PATIENCE_SECONDS = 20.0
"""How long a test waits for the server to hang up before it fails."""


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as made:
        yield made


def everything(connection: socket.socket) -> bytes:
    """What the server says until it hangs up."""
    said = b""
    while part := connection.recv(65_536):
        said += part
    return said


@pytest.fixture
def hurried(web: World, configure: Callable[..., None]) -> World:
    configure(request_head_seconds=0.2, request_body_seconds=0.2)
    return web


@pytest.mark.parametrize(
    "begun",
    [b"GET", b"GET /api/", b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ", b"\r\n"],
)
def test_half_a_head_is_not_held(hurried: World, url: str, begun: bytes) -> None:
    with connected(url) as connection:
        connection.sendall(begun)
        said = everything(connection)
    if begun.strip():
        head, _, body = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert json.loads(body)["code"] == "invalid_request"


def test_a_connection_that_says_nothing_is_not_held(hurried: World, url: str) -> None:
    with connected(url) as connection:
        assert everything(connection) == b""


def test_half_a_head_after_a_whole_request_is_not_held_either(hurried: World, url: str) -> None:
    with connected(url) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        said = b""
        while b"}" not in said:
            said += connection.recv(65_536)
        connection.sendall(b"GET /health")
        said += everything(connection)
    assert (said.count(b"HTTP/1.1 200 "), said.count(b"HTTP/1.1 400 ")) == (1, 1)


@pytest.mark.parametrize("path", [CAMPAIGNS, "/carriers/simulator/events/" + "0" * 32])
@pytest.mark.parametrize("framing", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_half_a_body_is_refused_and_not_held(hurried: World, client: Client, url: str, path: str, framing: str) -> None:
    key = client.headers["Authorization"]
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n{framing}\r\n\r\n"
    with connected(url) as connection:
        connection.sendall(head.encode() + (b"" if "Length" in framing else b"5\r\nhello\r\n"))
        said = everything(connection)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"body_incomplete"' in said


def test_what_is_not_http_is_shown_in_the_envelope(web: World, url: str) -> None:
    with connected(url) as connection:
        connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        head, _, body = everything(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    answered = json.loads(body)
    assert (answered["success"], answered["code"]) == (False, "invalid_request")
    assert answered["requestId"].encode() in head


@pytest.mark.parametrize(
    ("path", "headers", "what"),
    [
        ("/api/" + "://:" * LONGEST_PATH, {}, "path"),
        ("/" + "a" * LONGEST_PATH, {}, "path"),
        ("/healthz?" + "a" * (LONGEST_QUERY + 1), {}, "query"),
        ("/healthz", {"X-A": "://:" * (LARGEST_HEADERS // 4 + 1)}, "head"),
        ("/healthz", {f"X-{n}": "a" * 100 for n in range(LARGEST_HEADERS // 100)}, "head"),
    ],
)
def test_a_head_in_excess_is_refused_unread(client: Client, path: str, headers: dict[str, str], what: str) -> None:
    message = refused(client.get(path, headers=headers), 400, "invalid_request")
    assert message.startswith((f"The {what} of this request has", "Invalid HTTP"))
    assert len(message) < 100


def test_no_answer_repeats_more_than_a_little_of_a_path(client: Client) -> None:
    assert len(refused(client.get("/" + "a" * (LONGEST_PATH - 1)), 404, "not_found")) < 300


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/docs",
        "/openapi.json",
        "/healthz",
        "/nowhere",
        CAMPAIGNS,
        f"{CAMPAIGNS}?teamId=team_a",
        "/carriers/x/events/y",
    ],
)
def test_no_answer_is_kept_by_anybody_or_read_as_another_kind(client: Client, path: str) -> None:
    for method in ("GET", "POST"):
        answer = client.request(method, path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in answer.headers


def test_the_front_page_leads_a_browser_to_the_docs_and_answers_a_program(client: Client) -> None:
    browser = client.get("/", headers={"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"})
    assert (browser.status_code, browser.headers["Location"]) == (307, "/docs")
    for accept in ("application/json", "*/*"):
        answered = client.get("/", headers={"Accept": accept}).json()
        assert (answered["success"], answered["docs"], answered["openapi"]) == (True, "/docs", "/openapi.json")
