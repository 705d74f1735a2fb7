"""Connections to Redis that fall silent: each is waited for once, and only the first of many.

A server's host that is frozen, or a network that swallows, says nothing; redis-py waits for each connection in turn,
and for a new one it tries again within every try of the command: nine times five seconds for one answer. Here a new
connection that is not answered is refused at once for a moment to whoever comes next, the same command's next try
included; and where one that stood is not answered, those that rest beside it are closed, for they are as silent.
"""

from __future__ import annotations

import math
from typing import Any

from redis.connection import AbstractConnection, ConnectionPool
from redis.exceptions import TimeoutError

from worker.clock import monotonic

REFUSED_SECONDS = 2.0


class _Silence:
    """What the connections of one pool know of their server."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._refused_until = -math.inf

    def refuse(self) -> None:
        if monotonic() < self._refused_until:
            raise TimeoutError("The server has not answered a moment ago")

    def of_server(self, waited_seconds: float | None) -> None:
        """No longer than was waited: who is impatient tries again soon."""
        self._refused_until = monotonic() + min(waited_seconds or REFUSED_SECONDS, REFUSED_SECONDS)

    def of_connection(self) -> None:
        self._pool.disconnect(inuse_connections=False)


class _Watched(AbstractConnection):
    silence: _Silence
    is_opening = False

    def connect_check_health(self, *args: Any, **options: Any) -> None:
        if self._sock is not None:
            return
        self.silence.refuse()
        self.is_opening = True
        try:
            super().connect_check_health(*args, **options)
        except TimeoutError:
            self.silence.of_server(self.socket_timeout)
            raise
        finally:
            self.is_opening = False

    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)
        except TimeoutError:
            if self.is_opening:  # said here already, for redis-py opens another one within the opening of this one
                self.silence.of_server(self.socket_timeout)
            else:
                self.silence.of_connection()
            raise


def watch(pool: ConnectionPool) -> None:
    """Let the connections of ``pool``, which has none yet, know of each other's silence."""
    plain = pool.connection_class
    pool.connection_class = type(f"Watched{plain.__name__}", (_Watched, plain), {"silence": _Silence(pool)})
