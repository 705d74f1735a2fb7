"""Somebody who goes on ticking, for as long as a test may take; nothing that is due is done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

AHEAD = "9 seconds"
"""How far ahead the last tick is kept, so that it is never older than what counts even if this thread is kept waiting.
A tick that a test has set back, taken or deleted is its own, and left alone; a schema that a test has made young
stays so."""
KEEP = f"""
UPDATE ticks SET last_at = clock_timestamp() + interval '{AHEAD}' WHERE name = 'tick' AND last_at > clock_timestamp();
UPDATE schema_migrations SET applied_at = clock_timestamp() + interval '{AHEAD}' WHERE applied_at > clock_timestamp()
"""


@contextmanager
def somebody_ticks(database_url: str) -> Iterator[None]:
    """Keep the last tick from growing old until this ends, or the test takes it over."""
    is_over = threading.Event()
    # Not on the thread: libpq reads the environment while it connects, and a test may be setting a variable then.
    session = psycopg.connect(database_url, autocommit=True)

    def keep() -> None:
        with suppress(psycopg.Error), session:  # thrown out at the end
            while not is_over.wait(0.5):
                session.execute(KEEP.encode())

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
