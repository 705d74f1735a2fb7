"""How much a process sends to PostgreSQL and Redis, counted where it is sent.

Not by the servers: the embedded PostgreSQL has no ``pg_stat_statements``, and Valkey counts what a script does
inside it as if somebody had sent it. A transaction costs more round trips than statements: the pool's ping,
BEGIN and COMMIT are counted apart.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import psycopg
from redis.connection import AbstractConnection
from sqlalchemy import Connection, Engine, event

STATEMENTS, ROUND_TRIPS, COMMANDS = "statements", "round trips", "commands"


@cache
def _words(statement: str) -> str:
    return " ".join(statement.split()[:60])


@dataclass
class Tally:
    """What the threads of this process have sent so far, by who sent it: ``receipt`` for those of that name,
    ``engine`` for all others. Names are ``<who>:<what>``, and ``<who>:s:<statement>`` for seconds."""

    receipt: str
    _sums: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self, engine: Engine) -> None:
        """Count everything that is sent through this engine from now on."""
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "after_cursor_execute", self._after)
        for happening in ("begin", "commit", "rollback"):
            event.listen(engine, happening, lambda conn: self._add({ROUND_TRIPS: 1}))
        event.listen(engine, "checkout", lambda dbapi, record, proxy: self._add({ROUND_TRIPS: 1}))
        execute, leave = psycopg.Cursor.execute, psycopg.Pipeline.__exit__

        def counted(cursor: Any, query: Any, *args: Any, **more: Any) -> Any:  # SQLAlchemy's and pipelined ones
            in_pipeline = cursor.connection.pgconn.pipeline_status != psycopg.pq.PipelineStatus.OFF
            self._add({STATEMENTS: query != "COMMIT", ROUND_TRIPS: not in_pipeline})
            return execute(cursor, query, *args, **more)

        def left(pipeline: Any, *args: Any) -> Any:
            self._add({ROUND_TRIPS: 1})
            return leave(pipeline, *args)

        psycopg.Cursor.execute = counted
        psycopg.Pipeline.__exit__ = left

    def watch_redis(self) -> None:
        """Count every command this process sends to Redis from now on; the broker's client is the same library."""
        send, pack = AbstractConnection.send_command, AbstractConnection.pack_commands

        def send_command(connection: Any, *args: Any, **more: Any) -> Any:
            self._add({COMMANDS: 1})
            return send(connection, *args, **more)

        def pack_commands(connection: Any, commands: Iterable[Any]) -> Any:
            packed = list(commands)
            self._add({COMMANDS: len(packed)})
            return pack(connection, packed)

        AbstractConnection.send_command = send_command
        AbstractConnection.pack_commands = pack_commands

    def read(self) -> dict[str, float]:
        with self._lock:
            return dict(self._sums)

    def _before(self, conn: Connection, *_: Any) -> None:
        conn.info["sent_at"] = time.perf_counter()

    def _after(self, conn: Connection, cursor: Any, statement: str, *_: Any) -> None:
        took = time.perf_counter() - conn.info["sent_at"]
        words = _words(statement)
        self._add({f"s:{words}": took, f"n:{words}": 1})

    def _add(self, more: Mapping[str, float]) -> None:
        who = "receipt" if threading.current_thread().name.startswith(self.receipt) else "engine"
        with self._lock:
            for what, amount in more.items():
                self._sums[f"{who}:{what}"] += amount
