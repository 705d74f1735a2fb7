"""``python -m tests.chaos.fork_server ORDERS``: brings processes up in a moment, by forking one that is half started.

A worker spends more than a second of processor time on importing other people's modules before it comes to ours,
and these tests start dozens. Here that is done once. Of our own modules none is imported before the fork, so what
a process becomes is the product's own command, in the environment it is given (or, where that asks for it, a
mutant: :mod:`tests.chaos.mutants`, or one that halts: :mod:`tests.chaos.halting`).

ORDERS is a fifo of JSON lines: ``name``, ``module``, ``arguments``, ``environment``, ``log``, and whether it is
``piped``, that is, written by a :mod:`tests.chaos.log_writer`. Beside it appear ``<name>.log_writer``, whose process
that is, ``<name>.pid`` when the process has begun, and ``<name>.exit``, its exit code, when it has ended.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

import celery.apps.beat
import celery.apps.worker
import celery.bin.celery
import celery.concurrency.thread
import fastapi
import httpx2
import kombu.transport.redis
import phonenumbers
import psycopg
import pydantic
import pytz
import rich.console
import sqlalchemy.dialects.postgresql.psycopg
import structlog
import tenacity
import uvicorn

from tests.chaos import halting, log_writer
from tests.chaos.mutants import VARIABLE, switch_off

IMPORTED = (
    celery.apps.beat, celery.apps.worker, celery.bin.celery, celery.concurrency.thread, fastapi, httpx2,
    kombu.transport.redis, phonenumbers, psycopg, pydantic, pytz, rich.console,
    sqlalchemy.dialects.postgresql.psycopg, structlog, tenacity, uvicorn,
)  # fmt: skip


def main(orders: Path) -> None:
    names: dict[int, str] = {}
    """Of a log writer it is empty."""

    def reap(*_: object) -> None:
        """Write down who has ended, and how."""
        for pid in tuple(names):
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:  # a signal that came meanwhile has reaped it already
                continue
            if ended and (name := names.pop(pid)):
                write(orders.parent / f"{name}.exit", os.waitstatus_to_exitcode(status))

    signal.signal(signal.SIGCHLD, reap)
    while True:
        with orders.open() as lines:
            orders_read = [json.loads(line) for line in lines]
        for order in orders_read:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])  # it must have a name before it ends
            log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            if order["piped"]:
                log, pid = begin_log_writer(log)
                names[pid] = ""
                write(orders.parent / f"{order['name']}.log_writer", pid)
            pid = os.fork()
            if pid == 0:
                become(order, log)
                return
            os.close(log)
            names[pid] = order["name"]
            write(orders.parent / f"{order['name']}.pid", pid)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


def begin_log_writer(log: int) -> tuple[int, int]:
    """Let a process write to ``log`` what comes through a pipe; the end of that to write to, and its id."""
    reading, writing = log_writer.open_pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writing)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log_writer.write_down(reading, log)
    os.close(reading)
    os.close(log)
    return writing, pid


def become(order: dict[str, Any], log: int) -> None:
    """Be from here on what was ordered, as if started from a shell."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    os.close(log)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", 1, closefd=False) for n in (1, 2))  # a pipe is written otherwise
    os.environ.update(order["environment"])
    sys.argv = [order["module"], *order["arguments"]]
    if aims := os.environ.get(halting.AIMS):
        halting.stand_still_when_aimed_at(Path(aims))
    if protection := os.environ.get(VARIABLE):
        switch_off(protection)
    if os.environ.get(halting.VARIABLE):
        halting.stand_still_once()
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)


def write(path: Path, number: int) -> None:
    """The file appears whole: somebody waits for it."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(f"{number}\n")
    draft.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
