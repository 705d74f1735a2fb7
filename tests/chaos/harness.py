"""A dialer as deployed — web, workers, beat, a simulator — whose processes are killed, stopped and started again.

Everything runs as the Procfile says, at a speed: business time passes ``SPEED`` times as fast, and the bounds of
machine time are as short as the settings allow, so that what takes minutes in earnest takes seconds here. What
happened is judged in :mod:`tests.chaos.judge`.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from celery import Celery
from redis import Redis
from sqlalchemy import text

from worker import tasks, wiring
from worker.carriers.simulator import ledger
from worker.crashpoint import VARIABLE
from worker.dev.process import Child
from worker.dev.stack import Stack
from worker.flow import stop
from worker.flow.base import Dial, Dialer, Step, Stop
from worker.settings import Settings
from worker.slots import connect

REPOSITORY = Path(__file__).resolve().parents[2]
SPEED = 60.0
PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.02
THREADS = 4

BOUNDS = {
    "RING_SECONDS": "15",
    "LONGEST_CALL_SECONDS": "60",
    "SEND_FENCE_SECONDS": "0.8",
    "REQUEST_SECONDS": "1.2",
    "PROVABLE_END_MARGIN_SECONDS": "1",
    "CHECK_AFTER_SECONDS": "0.3",
    "UNKNOWN_AFTER_SECONDS": "1",
    "DOORBELL_AFTER_SECONDS": "0.5",
    "RECONCILE_EVERY_SECONDS": "0.5",
    "SLOT_GRACE_SECONDS": "1",
}
"""Machine time, scaled down together."""

ROLES = ("web", "beat", "worker", "command")
ALONE = ("--without-gossip", "--without-mingle", "--without-heartbeat")
"""Workers of the dialer have nothing to tell each other; asking who is there costs a second at every start."""

TRACEBACK = re.compile(r"^(?:Traceback \(most recent call last\):|.*\bTraceback\b.*)$", re.MULTILINE)


@dataclass
class Chaos:
    """What runs, how to reach it, and how to break it. Made by :func:`deployed`."""

    name: str
    stack: Stack
    dialer: Dialer
    environment: dict[str, str]
    celery: Celery
    redis: Redis
    ledger_path: Path
    web_port: int
    staff: dict[str, list[Child]] = field(default_factory=lambda: {role: [] for role in ROLES})
    logs: dict[Path, int] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _spare: Child | None = None

    # -- starting

    def man(self, *, workers: int = 1, webs: int = 1, beats: int = 1) -> None:
        """Let exactly so many of each role run, and go on if they stood still; returns when all are ready."""
        wanted = {"web": webs, "beat": beats, "worker": workers}
        start = {"web": self.web, "beat": self.beat, "worker": self.worker}
        for role, count in wanted.items():
            self.staff[role] = [child for child in self.staff[role] if child.exit_code is None]
            for child in self.staff[role]:
                self.thaw(child)
            for child in self.staff[role][count:]:
                self.kill(child)
            while len(self.staff[role]) < count:
                start[role]()

    def worker(self, crashpoint: str = "", **settings: str) -> Child:
        """A worker; with ``crashpoint`` it is to die there, without it this returns when it takes messages."""
        arguments = ["-A", "worker", "worker", *ALONE, "-n", f"worker{next(self._numbers)}@chaos"]
        child = self._become("worker", "celery", arguments, crashpoint, settings)
        if not crashpoint:
            self.wait(lambda: " ready." in self.log_of(child), f"{child.name} takes messages")
        return child

    def beat(self) -> Child:
        return self._become("beat", "celery", ["-A", "worker", "beat"])

    def web(self, crashpoint: str = "") -> Child:
        """The web process, always at the same address. Returns when it answers."""
        address = ["--host", "127.0.0.1", "--port", str(self.web_port)]
        child = self._become("web", "worker", ["web", *address], crashpoint)
        self.wait(self._web_answers, "the web process answers")
        return child

    def command(self, *arguments: str, crashpoint: str = "") -> Child:
        """``dialer …``, in a process of its own."""
        return self._become("command", "worker", arguments, crashpoint)

    def prepare_spare(self) -> None:
        """Let the next process do its imports while something else is waited for."""
        if self._spare is None:
            name = f"{self.name}-{next(self._numbers)}"
            os.mkfifo(self._gate(name))
            argv = [sys.executable, "-m", "tests.chaos.spare", str(self._gate(name))]
            self._spare = self.stack.spawn(name, argv, self.environment, cwd=REPOSITORY)

    def _become(
        self, role: str, module: str, arguments: Sequence[str], crashpoint: str = "", settings: Mapping[str, str] = {}
    ) -> Child:
        self.prepare_spare()
        child, self._spare = self._spare, None
        assert child is not None
        environment = {VARIABLE: crashpoint, **settings}
        order = json.dumps({"module": module, "arguments": list(arguments), "environment": environment})
        self.wait(lambda: _write_if_read(self._gate(child.name), order), "a process has begun")
        child.name = f"{role} {child.name}"
        self.logs[child.log_path] = 0
        self.staff[role].append(child)
        return child

    def _gate(self, name: str) -> Path:
        return self.stack.directory / f"{name}.gate"

    def _web_answers(self) -> bool:
        with contextlib.suppress(OSError, urllib.error.URLError):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        return False

    # -- breaking

    def died_at(self, child: Child, crashpoint: str, seconds: float = PATIENCE_SECONDS) -> None:
        """The process, started with that crashpoint, has ended there: by SIGKILL, which nobody here has sent."""
        assert child.wait(seconds), f"{child.name} never came to {crashpoint}: {child.last_words()}"
        assert child.exit_code == -signal.SIGKILL, f"{child.name} ended with {child.exit_code}: {child.last_words()}"
        self._forget(child)

    def kill(self, child: Child) -> None:
        child.kill()
        self._forget(child)

    def terminate(self, *children: Child, seconds: float = 20.0) -> None:
        """SIGTERM to all of them at once, as a platform does it; each ends by itself, in good order."""
        for child in children:
            os.kill(child.pid, signal.SIGTERM)
        for child in children:
            assert child.wait(seconds), f"{child.name} did not end: {child.last_words()}"
            assert child.exit_code in (0, -signal.SIGTERM), f"{child.name} ended badly: {child.last_words()}"
            self._forget(child)

    def abandon(self) -> None:
        """Cancel what a test that failed has left running."""
        left = self.sql("SELECT id FROM campaigns WHERE status NOT IN ('completed', 'cancelled')")
        for row in left:
            stop.cancel_campaign(self.dialer, row.id, hang_up=True, actor="test")
        if left:
            self.wait(lambda: not self.sql("SELECT FROM calls WHERE ended_at IS NULL"), "what was left has ended")
            self.tracebacks()

    def freeze(self, child: Child) -> None:
        os.kill(child.pid, signal.SIGSTOP)

    def thaw(self, child: Child) -> None:
        os.kill(child.pid, signal.SIGCONT)

    def freeze_idle(self, child: Child) -> None:
        """Stop it where it stands, but not with a transaction open, nor waiting at the queues: a message handed
        to it now would be seen again only when it goes on."""
        while True:
            self.freeze(child)
            if not self.open_transactions():
                break
            self.thaw(child)
        for client in self.redis.client_list():
            if "b" in client["flags"]:
                self.redis.client_unblock(int(client["id"]))

    def open_transactions(self) -> int:
        (row,) = self.sql("""SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'""")
        return int(row[0])

    @property
    def running(self) -> list[Child]:
        """Everybody who should be there."""
        return [child for role in ROLES for child in self.staff[role] if role != "command"]

    def _forget(self, child: Child) -> None:
        for role, children in self.staff.items():
            self.staff[role] = [other for other in children if other is not child]

    # -- looking

    def sql(self, statement: str, **values: Any) -> Sequence[Any]:
        with self.dialer.db.begin() as conn:
            result = conn.execute(text(statement), values)
            return result.all() if result.returns_rows else []

    def wait(self, condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> float:
        """Return as soon as ``condition`` holds, with the seconds it took; fail, naming ``what``, if it does not."""
        pause, began_at = threading.Event(), time.monotonic()
        while not condition():
            if time.monotonic() - began_at > seconds:
                raise AssertionError(f"in {seconds:g} s it did not come true that {what}\n{self.last_words()}")
            pause.wait(POLL_SECONDS)
        return time.monotonic() - began_at

    def ledger(self, account: str) -> ledger.Ledger:
        """What the simulator wrote down for one account."""
        return of_account(ledger.read(self.ledger_path), account)

    def log_of(self, child: Child) -> str:
        return child.log_path.read_text(errors="replace")

    def tracebacks(self) -> list[str]:
        """What looks like a mistake in the logs since this was last asked."""
        found = []
        for path, seen in self.logs.items():
            said = path.read_bytes()
            self.logs[path] = len(said)
            found += [f"{path.name}: {words}" for words in excerpts(said[seen:].decode(errors="replace"))]
        return found

    def last_words(self) -> str:
        said = []
        for path in self.logs:
            lines = path.read_text(errors="replace").splitlines()[-8:]
            said += [f"  {path.stem}: {line[:300]}" for line in lines]
        return "\n".join(said)

    # -- telling

    def send(self, steps: Iterable[Step]) -> None:
        """Steps as messages, the way a process of the product hands them on."""
        for step in steps:
            if isinstance(step, Dial):
                self.celery.send_task("worker.dial", [list(step.call_ids)])
            elif isinstance(step, Stop):
                self.celery.send_task("worker.stop")



def of_account(whole: ledger.Ledger, account: str) -> ledger.Ledger:
    """The part of a ledger that is about one account's calls."""
    return ledger.Ledger(
        placed=tuple(call for call in whole.placed if call.account == account),
        extras=tuple(call for call in whole.extras if call.account == account),
        not_placed=tuple(request for request in whole.not_placed if request.account == account),
        changes=tuple(change for change in whole.changes if change[0].account == account),
    )


def excerpts(said: str) -> list[str]:
    """The tracebacks in a text, each with the lines around its first."""
    return [said[max(0, it.start() - 300) : it.start() + 3000] for it in TRACEBACK.finditer(said)]


def _write_if_read(gate: Path, words: str) -> bool:
    """Write to a fifo; false while nobody has opened it for reading."""
    try:
        opened = os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return False
        raise
    with open(opened, "w") as writing:
        writing.write(words)
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def deployed(
    stack: Stack, template: str, name: str, script: Mapping[str, Any], **settings: str
) -> Iterator[Chaos]:
    """A deployment on the servers of ``stack``, with a database and a prefix of its own and a simulator with this
    script; its processes are for the test to start. ``settings`` in the names of the environment."""
    with psycopg.connect(stack.postgres.url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # type: ignore[call-overload]
    web_port, simulator_port, ledger_path = free_port(), free_port(), stack.directory / f"{name}.ledger"
    environment = {
        **stack.environment,
        "DATABASE_URL": stack.postgres.url_of(name),
        "REDIS_PREFIX": name,
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{web_port}",
        "SIMULATOR_URL": f"http://127.0.0.1:{simulator_port}",
        "SIMULATOR_SECRET": "chaos",
        "WORKER_CONCURRENCY": str(THREADS),
        **BOUNDS,
        **settings,
    }
    chosen = Settings.model_validate({variable.lower(): value for variable, value in environment.items()})
    script_path = stack.directory / f"{name}.script"
    script_path.write_text(json.dumps(script))
    simulator = ["--port", str(simulator_port), "--ledger", str(ledger_path), "--script", str(script_path)]
    children = [
        stack.spawn(
            f"{name}-simulator",
            [sys.executable, "-m", "worker.carriers.simulator", *simulator, "--speed", str(SPEED)],
            environment,
            cwd=REPOSITORY,
        )
    ]
    dialer = wiring.build(chosen)
    celery = Celery(name)
    tasks.configure(celery, chosen)
    with connect(stack.valkey.url) as redis:
        chaos = Chaos(name, stack, dialer, environment, celery, redis, ledger_path, web_port)
        chaos.sql("SELECT dialer_set_clock(clock_timestamp(), :speed)", speed=SPEED)
        try:
            yield chaos
        finally:
            for child in (*chaos.running, *children, *([chaos._spare] if chaos._spare else [])):
                child.kill()
            dialer.db.dispose()
            celery.close()
            redis.flushall()
