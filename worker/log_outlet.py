"""Where lines of the log leave the process: a file, a pipe, a terminal, a socket, whatever it is or becomes.

Nobody who logs can repair the log, and no call may wait for it. So writing here raises nothing and waits for nobody: a
line that cannot be written (the disk is full, the reader has gone, or reads no more) is lost and counted, and the
first line that can be written again is preceded by one that says how many. A reader that is slow, not gone, is waited
for, a second once, and not again before it has taken a line.

Lines are written by whoever logs them, not by a thread in between: what a process says just before it ends is there.
"""

from __future__ import annotations

import os
import select
import socket
import stat
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import TextIO

PATIENCE_SECONDS = 1.0
SAFE_BYTES = 512
"""What a pipe that is ready takes without waiting, where it cannot be set not to wait: PIPE_BUF of POSIX."""


class Outlet:
    """Stands in for ``stream``, which may be ``None`` as :data:`sys.stderr` is in a process without one. ``report``
    makes a line of the number of lines that were lost. Safe to share between threads, and with signal handlers."""

    def __init__(self, stream: TextIO | None, report: Callable[[int], str]) -> None:
        self._report = report
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self._send, self._await_room = _way_into(self, stream)
        self._waiting: deque[bytes] = deque()
        self._rest = b""
        self._lost = 0
        self._is_patient = True
        self._is_writing = False
        self._lock = threading.RLock()
        outlet = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _renew_lock(outlet()))

    def write(self, text: str) -> int:
        """Write, or count as lost."""
        try:
            data = text.encode(self.encoding, "backslashreplace")
        except LookupError:
            data = text.encode("utf-8", "backslashreplace")
        with self._lock:
            self._waiting.append(data)
            if not self._is_writing:  # a signal's handler has something to say in the middle of a line: after it
                self._is_writing = True
                try:
                    while self._waiting:
                        self._write_first()
                finally:
                    self._is_writing = False
        return len(text)

    def flush(self) -> None:
        """Nothing waits here but what cannot be written."""

    def isatty(self) -> bool:
        return False

    def lose(self) -> None:
        """Count a line that never came to be one."""
        with self._lock:
            self._lost += 1

    def _write_first(self) -> None:
        data = self._waiting.popleft()
        if self._lost:
            lost, report = self._lost, self._report(self._lost).encode("utf-8", "backslashreplace")
            if not self._put(report):
                self._lost += data.endswith(b"\n")
                return
            self._lost -= lost
        if not self._put(data):
            self._lost += data.endswith(b"\n")

    def _put(self, data: bytes) -> bool:
        """Whether it was written. Of a line that was begun the rest goes out before any other."""
        if not self._write_rest():
            return False
        self._rest = data
        if not self._write_rest() and self._rest is data:
            self._rest = b""
            return False
        return True

    def _write_rest(self) -> bool:
        has_waited = False
        while self._rest:
            try:
                sent = self._send(self._rest)
            except BlockingIOError:
                sent = 0
            except (OSError, ValueError):
                return False
            if sent:
                self._rest, self._is_patient = self._rest[sent:], True
            elif self._is_patient and not has_waited:
                has_waited = True
                self._await_room(PATIENCE_SECONDS)
            else:
                self._is_patient = False
                return False
        return True


def _renew_lock(outlet: Outlet | None) -> None:
    """In a child, where the thread that may have held it is not."""
    if outlet is not None:
        outlet._lock = threading.RLock()
        outlet._is_writing = False


_Send = Callable[[bytes], int]
_AwaitRoom = Callable[[float], object]


def _way_into(owner: Outlet, stream: TextIO | None) -> tuple[_Send, _AwaitRoom]:
    """How bytes get into a stream without waiting: what takes them and says how many, 0 where it is full, and what
    waits until there is room. The stream's file is opened once more: for others who have it writing must not
    fail where it would wait, and a number that is closed may be a database's connection a moment later."""
    try:
        number = stream.fileno() if stream is not None else -1
        mode = os.fstat(number).st_mode
    except (OSError, ValueError, AttributeError):
        return _way_into_object(stream)
    if stat.S_ISSOCK(mode):
        connection = socket.socket(fileno=os.dup(number))
        weakref.finalize(owner, connection.close).atexit = False
        return lambda data: connection.send(data, socket.MSG_DONTWAIT), _ready(connection.fileno())
    mine, is_mine_alone = _opened_again(number, mode)
    weakref.finalize(owner, os.close, mine).atexit = False
    await_room = _ready(mine)
    if is_mine_alone or stat.S_ISREG(mode):
        return lambda data: os.write(mine, data), await_room
    return lambda data: os.write(mine, data[:SAFE_BYTES]) if await_room(0.0) else 0, await_room


def _way_into_object(stream: TextIO | None) -> tuple[_Send, _AwaitRoom]:
    """Of Python's own, as a test gives it, or none at all."""

    def send(data: bytes) -> int:
        if stream is not None:
            stream.write(data.decode(stream.encoding or "utf-8"))
            stream.flush()
        return len(data)

    return send, lambda seconds: None


def _opened_again(number: int, mode: int) -> tuple[int, bool]:
    """The same file under another number; and whether it is one of our own, which can be set not to wait."""
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        try:
            return os.open(f"/proc/self/fd/{number}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), True
        except OSError:  # not Linux, another user's terminal, or a pipe without a reader
            pass
    return os.dup(number), False


def _ready(number: int) -> Callable[[float], bool]:
    def wait(seconds: float) -> bool:
        poll = select.poll()
        poll.register(number, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))

    return wait
