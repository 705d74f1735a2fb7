"""The run's diary: every fault and every deed, when and with what success, one JSON line each.

Instants are the database's clock. While it does not answer they are estimated by the machine's own, which is the
same on one machine; a deed is then journaled as if it had taken longer, never as if it had been done sooner.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg


class DatabaseClock:
    """The clock of PostgreSQL, read over one connection of a thread's own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._own = threading.local()

    def now(self) -> float:
        """Epoch seconds."""
        try:
            if getattr(self._own, "connection", None) is None:
                self._own.connection = psycopg.connect(self._url, autocommit=True, connect_timeout=2)
            row = self._own.connection.execute(
                "SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float"
            ).fetchone()
        except psycopg.Error:
            self._own.connection = None
            return time.time()
        return float(row[0])


class Journal:
    """Appends entries; any thread may."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._file = path.open("a")

    def note(self, what: str, at: float, **details: Any) -> dict[str, Any]:
        """Write an entry down; it may be completed with :meth:`amend`."""
        entry = {"what": what, "at": at, **details}
        with self._lock:
            self.entries.append(entry)
            self._write(entry)
        return entry

    def amend(self, entry: dict[str, Any], details: Mapping[str, Any]) -> None:
        """What became of it, on a line of its own."""
        with self._lock:
            entry.update(details)
            self._write({"what": f"{entry['what']}, afterwards", "of": entry["at"], **details})

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        if not self._file.closed:
            self._file.write(json.dumps(line, default=str) + "\n")
            self._file.flush()
