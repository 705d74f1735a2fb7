"""What a worker says when it starts: settings of the database's server that may let people be rung twice."""

from __future__ import annotations

from typing import Any

import structlog
from celery.signals import worker_ready

from worker.domain.errors import Unavailable
from worker.operations.server import read_server
from worker.process import wiring
from worker.store.database import once

log = structlog.get_logger()


@worker_ready.connect
def say(**_: Any) -> None:
    """One line for each thing that is to be known; nothing where the database is away, for others say that."""
    try:
        facts = once(wiring.dialer().db, read_server)
    except Unavailable:
        return
    for each in facts:
        (log.info if each.ok else log.warning)("database_server", about=each.name, message=each.sentence)
