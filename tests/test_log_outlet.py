"""A log that cannot be written raises nothing and keeps nobody waiting, and says later how many lines it lacks."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from tests.patience import PATIENCE_SECONDS
from worker import log_outlet, logs
from worker.log_outlet import Outlet

LINES = 300
FORMS = ("text", "json")


class Unshowable:
    def __repr__(self) -> str:
        raise ZeroDivisionError

    __str__ = __repr__


def speak() -> int:
    """Say what processes of the dialer say, in all their ways, and return how many records it was."""
    own, other, celerys = structlog.get_logger(), logging.getLogger("a.library"), logging.getLogger("celery.worker")
    for n in range(LINES // 5):
        own.info("call_ended", n=n, name="Łukasz \udcff", more="x" * 500)
        own.info("unshowable", value=Unshowable(), nested={1: {Unshowable()}})
        other.warning("a sentence about %s", "Łukasz \udcff")
        celerys.warning("wrong arguments %d", "one")
        try:
            raise ValueError(n)
        except ValueError:
            own.exception("failed")
    return LINES


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(log_outlet, "PATIENCE_SECONDS", 0.01)
    before = logging.getLogger().handlers, logging.getLogger().level, structlog.get_config()
    yield
    logging.getLogger().handlers, level = before[0], before[1]
    logging.getLogger().setLevel(level)
    structlog.configure(**before[2])


@contextlib.contextmanager
def nobody_reads() -> Iterator[io.TextIOWrapper]:
    reader, writer = os.pipe()
    with open(writer, "w", encoding="utf-8") as stream:
        yield stream
    os.close(reader)


@contextlib.contextmanager
def would_wait() -> Iterator[io.TextIOWrapper]:
    with nobody_reads() as stream:
        os.set_blocking(stream.fileno(), False)
        yield stream


@contextlib.contextmanager
def reader_has_gone() -> Iterator[io.TextIOWrapper]:
    with nobody_reads() as stream:
        pass
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as stream:
        yield stream


@contextlib.contextmanager
def full_disk() -> Iterator[io.TextIOWrapper]:
    with contextlib.suppress(OSError), open("/dev/full", "w", encoding="utf-8") as stream:
        yield stream


@contextlib.contextmanager
def closed() -> Iterator[io.TextIOWrapper]:
    with open(os.devnull, "w", encoding="utf-8") as stream:
        pass
    yield stream


@contextlib.contextmanager
def none() -> Iterator[None]:
    yield None


@contextlib.contextmanager
def ascii_only() -> Iterator[io.TextIOWrapper]:
    with open(os.devnull, "w", encoding="ascii", errors="strict") as stream:
        yield stream


@contextlib.contextmanager
def silent_socket() -> Iterator[io.TextIOWrapper]:
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("w", encoding="utf-8") as stream:
        yield stream


@contextlib.contextmanager
def socket_hung_up() -> Iterator[io.TextIOWrapper]:
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, ours.makefile("w", encoding="utf-8") as stream:
        yield stream


@contextlib.contextmanager
def terminal_stopped() -> Iterator[io.TextIOWrapper]:
    """As by Ctrl-S, and nobody reads."""
    controller, terminal = os.openpty()
    with open(terminal, "w", encoding="utf-8") as stream:
        yield stream
    os.close(controller)


@contextlib.contextmanager
def an_object_that_raises() -> Iterator[io.StringIO]:
    class Raising(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("gone")

    yield Raising()


STREAMS = (
    nobody_reads, would_wait, reader_has_gone, full_disk, closed, none, ascii_only, silent_socket, socket_hung_up,
    terminal_stopped, an_object_that_raises,
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stream", STREAMS)
def test_wherever_the_log_goes_who_logs_goes_on(
    monkeypatch: pytest.MonkeyPatch, stream: Callable[[], Any], form: str
) -> None:
    with stream() as opened:
        monkeypatch.setattr(sys, "stderr", opened)
        logs.configure("info", form)
        threads = [threading.Thread(target=speak) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("form", FORMS)
def test_every_line_is_written_or_counted_and_the_first_that_is_written_again_says_how_many_were_lost(
    monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """A pipe that nobody reads, and then somebody does."""
    reader, writer = os.pipe()
    with open(writer, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        logs.configure("info", form)
        said = speak()
        os.set_blocking(reader, False)
        text = _drain(reader)
        structlog.get_logger().info("at last")
        text += _drain(reader)
    os.close(reader)
    reports = [int(lines) for lines in re.findall(r"log_lines_lost\b.*?lines\D*(\d+)", text)]
    assert text.rstrip("\n").splitlines()[-1].count("at last") == 1
    if form == "json":
        assert all(isinstance(json.loads(line), dict) for line in text.splitlines())
        assert len(text.splitlines()) - len(reports) - 1 + sum(reports) == said
    assert sum(reports) > 0


def _drain(reader: int) -> str:
    taken = b""
    with contextlib.suppress(BlockingIOError):
        while data := os.read(reader, 65_536):
            taken += data
    return taken.decode()


@pytest.mark.parametrize("form", FORMS)
def test_what_cannot_be_shown_costs_its_values_and_not_its_line(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure("info", form)
    said = speak()
    lines = stream.getvalue().splitlines()
    assert sum("unshowable" in line and "ZeroDivisionError" in line for line in lines) == said / 5
    assert sum("log_record_unreadable" in line and "celery.worker" in line for line in lines) == said / 5
    assert sum("a sentence about" in line for line in lines) == said / 5


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "no-such-encoding"])
def test_what_has_no_letter_in_an_encoding_is_written_by_its_number(encoding: str) -> None:
    reader, writer = os.pipe()

    class Stream:
        def __init__(self) -> None:
            self.encoding = encoding

        def fileno(self) -> int:
            return writer

    Outlet(Stream(), lambda lines: "").write("Łukasz \udcff\n")
    os.close(writer)
    written = os.read(reader, 100)
    os.close(reader)
    assert written in (b"\\u0141ukasz \\udcff\n", "Łukasz \\udcff\n".encode())


def test_a_line_that_was_begun_is_ended_before_the_next() -> None:
    reader, writer = os.pipe()
    with open(writer, "w", encoding="utf-8") as stream:
        outlet = Outlet(stream, lambda lines: f"lost {lines}\n")
        outlet.write("x" * 200_000 + "\n")
        outlet.write("lost\n")
        os.set_blocking(reader, False)
        text = ""
        while not text.endswith("here\n"):
            text += _drain(reader)
            if text.endswith("x"):
                outlet.write("")
            elif not text.endswith("here\n"):
                outlet.write("here\n")
    os.close(reader)
    assert [line for line in text.splitlines() if line] == ["x" * 200_000, "lost 1", "here"]


def test_a_reader_that_is_only_slow_gets_every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_outlet, "PATIENCE_SECONDS", PATIENCE_SECONDS)
    reader, writer = os.pipe()
    taken: list[bytes] = []

    def read() -> None:
        with open(reader, "rb", buffering=0) as stream:
            while data := stream.read(1000):
                taken.append(data)

    thread = threading.Thread(target=read)
    thread.start()
    with open(writer, "w", encoding="utf-8") as stream:
        outlet = Outlet(stream, lambda lines: f"lost {lines}\n")
        for n in range(5000):
            outlet.write(f"{n:0100d}\n")
        del outlet
    thread.join(PATIENCE_SECONDS)
    assert [int(line) for line in b"".join(taken).splitlines()] == list(range(5000))


def test_others_who_have_the_pipe_get_no_error_that_they_would_wait() -> None:
    reader, writer = os.pipe()
    with open(writer, "w", encoding="utf-8") as stream:
        Outlet(stream, lambda lines: "").write("a\n")
        assert os.get_blocking(writer)
    os.close(reader)


def test_who_speaks_in_the_middle_of_a_line_is_written_after_it() -> None:
    """As a signal's handler does, and what is collected as garbage."""
    written: list[str] = []

    class Interrupted(io.StringIO):
        def write(self, text: str) -> int:
            if text == "first\n":
                outlet.write("second\n")
            written.append(text)
            return len(text)

    outlet = Outlet(Interrupted(), lambda lines: "")
    outlet.write("first\n")
    assert written == ["first\n", "second\n"]


CLOSED = """
import os, sys, tempfile
from worker import logs
import structlog, logging
if sys.argv[2] == "later":
    logs.configure("info", sys.argv[1])
    os.close(2)
kept = tempfile.TemporaryFile()       # a file, a socket, PostgreSQL's connection: the next to be opened is number 2
if kept.fileno() != 2:
    os.dup2(kept.fileno(), 2)
if sys.argv[2] == "before":
    logs.configure("info", sys.argv[1])
structlog.get_logger().info("call_ended")
logging.getLogger("a.library").warning("a sentence")
print(os.fstat(2).st_size)
"""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("when", ["before", "later"])
def test_what_is_opened_in_the_place_of_a_closed_log_is_not_written_into(form: str, when: str) -> None:
    command = ["sh", "-c", 'exec "$@" 2>&-' if when == "before" else 'exec "$@"', "sh", sys.executable, "-c", CLOSED]
    done = subprocess.run([*command, form, when], capture_output=True, check=True)
    assert done.stdout == b"0\n"


def test_a_fork_in_the_middle_of_a_line_leaves_the_child_a_log() -> None:
    reader, writer = os.pipe()
    with open(writer, "w", encoding="utf-8") as stream:
        outlet = Outlet(stream, lambda lines: "")
        outlet._lock.acquire()
        thread = threading.Thread(target=outlet.write, args=("ours\n",))
        thread.start()
        child = os.fork()
        if child == 0:
            threading.Thread(target=outlet.write, args=("theirs\n",)).start()
            os._exit(0) if os.read(reader, 100) else os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        outlet._lock.release()
        thread.join(PATIENCE_SECONDS)
    os.close(reader)
