"""``python -m tests.chaos.spare GATE``: a process that has done most of its start-up and waits to be told who it is.

A worker spends a second of processor time on importing other people's modules before it looks at ours. A spare
spends it while a test waits for something else. What it then becomes is the product's own command, with the
environment it is given: of ours nothing has been imported by then, least of all what reads the environment.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path

import celery.apps.beat
import celery.apps.worker
import celery.bin.celery
import celery.concurrency.thread
import httpx2
import kombu.transport.redis
import phonenumbers
import psycopg
import pydantic_settings
import sqlalchemy.dialects.postgresql.psycopg
import structlog
import tenacity

PRELOADED = (
    celery.apps.beat, celery.apps.worker, celery.bin.celery, celery.concurrency.thread, httpx2, kombu.transport.redis,
    phonenumbers, psycopg, pydantic_settings, sqlalchemy.dialects.postgresql.psycopg, structlog, tenacity,
)  # fmt: skip


def main(gate: Path) -> None:
    role = json.loads(gate.read_text())
    os.environ.update(role["environment"])
    sys.argv = [role["module"], *role["arguments"]]
    runpy.run_module(role["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
