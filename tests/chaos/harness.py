"""A dialer as deployed — web, workers, beat, a simulator — whose processes are killed, stopped and started again.

:mod:`tests.chaos.deployment` makes one, :mod:`tests.chaos.fork_server` brings its processes up,
:mod:`tests.chaos.teams` gives it something to do, and :mod:`tests.chaos.judge` says whether it came out right.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import signal
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from celery import Celery
from redis import Redis
from sqlalchemy import Connection, text

from tests.chaos import halting, routes
from tests.chaos.routes import Routes
from tests.patience import PATIENCE_SECONDS
from worker.crashpoint import VARIABLE
from worker.dev.stack import Stack
from worker.flow import stop
from worker.flow.base import Dial, Dialer, DialMore, LookUp, Step, Stop
from worker.process import celery_app
from worker.simulator import ledger
from worker.store.database import transact

REPOSITORY = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.02

ROLES = ("simulator", "web", "beat", "worker", "command")

RECORD = re.compile(r"^(?=\d{4}-\d\d-\d\dT)", re.MULTILINE)
"""Where a record of a log begins."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a deployment; :mod:`tests.chaos.fork_server` brought it up and writes down how it ended."""

    name: str
    pid: int
    log_path: Path

    @property
    def exit_code(self) -> int | None:
        """``None`` while it runs; negative for the signal that ended it."""
        try:
            return int(self.log_path.with_suffix(".exit").read_text())
        except FileNotFoundError:
            return None

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def stands_still(self) -> bool:
        """Whether a signal has stopped it."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].startswith("T")
        return False

    def signal(self, number: signal.Signals) -> None:
        """Nothing happens to one that has ended."""
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def signal_log_writer(self, number: int) -> None:
        """To whoever reads what it says; see :mod:`tests.chaos.log_writer`."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if self.exit_code is None:
                os.kill(int(self.log_path.with_suffix(".log_writer").read_text()), number)


@dataclass
class Chaos:
    """What runs, how to reach it, and how to break it. Made by :func:`tests.chaos.deployment.deployed`."""

    name: str
    stack: Stack
    dialer: Dialer
    environment: dict[str, str]
    celery: Celery
    redis: Redis
    ledger_path: Path
    web_port: int
    _orders: Path
    routes: Routes | None = None
    """By which its processes reach their servers, where that and their logs are to be broken; else they go
    straight."""
    processes: dict[str, list[Process]] = field(default_factory=lambda: {role: [] for role in ROLES})
    logs: dict[Path, int] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _placed: Counter[str] = field(default_factory=Counter)
    _read: int = 0

    # -- starting

    def scale(self, *, workers: int = 1, beats: int = 1) -> None:
        """Let one web process and exactly so many others run, and go on if they stood still; returns when all are
        ready."""
        wanted = {"web": 1, "beat": beats, "worker": workers}
        start = {"web": self.web, "beat": self.beat, "worker": self.worker}
        for role, count in wanted.items():
            self.processes[role] = [process for process in self.processes[role] if process.exit_code is None]
            for process in self.processes[role]:
                self.thaw(process)
            for process in self.processes[role][count:]:
                self.kill(process)
            while len(self.processes[role]) < count:
                start[role]()

    def worker(self, crashpoint: str = "", *, halts: bool = False, waits: bool = True, **settings: str) -> Process:
        """A worker; with ``crashpoint`` it is to die there, or, if it ``halts``, to stop there once; without it this
        returns when it takes messages, if it ``waits``."""
        arguments = ["-A", "worker", "worker", "-n", f"worker{next(self._numbers)}@chaos"]
        more = {halting.VARIABLE: "1"} if halts else {}
        process = self.start("worker", "celery", arguments, {VARIABLE: crashpoint, **more, **settings})
        if waits and not crashpoint:
            self.wait(lambda: " ready." in process.log, f"{process.name} takes messages")
        return process

    def beat(self) -> Process:
        return self.start("beat", "celery", ["-A", "worker", "beat"])

    def web(self, crashpoint: str = "", *, waits: bool = True) -> Process:
        """The web process, always at the same address. Returns when it answers, if it ``waits``."""
        address = ["--host", "127.0.0.1", "--port", str(self.web_port)]
        process = self.start("web", "worker", ["web", *address], {VARIABLE: crashpoint})
        if waits:
            self.wait(self.web_answers, "the web process answers")
        return process

    def command(self, *arguments: str, crashpoint: str = "") -> Process:
        """``dialer …``, in a process of its own."""
        return self.start("command", "worker", arguments, {VARIABLE: crashpoint})

    def start(
        self, role: str, module: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> Process:
        """``python -m <module> <arguments>`` in the environment of the deployment."""
        name = f"{self.name}-{role}-{next(self._numbers)}"
        log_path = self.stack.directory / f"{name}.log"
        ways = self.routes.next_of(role) if self.routes is not None and role in routes.ROLES else {}
        order = {
            "name": name,
            "module": module,
            "arguments": list(arguments),
            "log": str(log_path),
            "piped": bool(ways),
        }
        line = json.dumps({**order, "environment": {**ways, **(environment or {})}}) + "\n"
        self.wait(lambda: _hand_over(self._orders, line), f"the fork server takes the order for {name}")
        pid_path = log_path.with_suffix(".pid")
        self.wait(pid_path.exists, f"{name} has begun")
        process = Process(name, int(pid_path.read_text()), log_path)
        self.logs[log_path] = 0
        self.processes[role].append(process)
        return process

    def web_answers(self) -> bool:
        """Whether the web process takes requests."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    # -- breaking

    def died_at(self, process: Process, crashpoint: str) -> None:
        """The process, started with that crashpoint, has ended there: by SIGKILL, which nobody here has sent."""
        self.wait(lambda: process.exit_code is not None, f"{process.name} comes to {crashpoint}")
        assert process.exit_code == -signal.SIGKILL, f"{process.name} ended with {process.exit_code}"
        self.forget(process)

    def kill(self, process: Process) -> None:
        process.signal(signal.SIGKILL)
        self.wait(lambda: process.exit_code is not None, f"{process.name} is dead")
        self.forget(process)

    def terminate(self, *processes: Process, seconds: float = 20.0) -> None:
        """SIGTERM to all of them at once, as a platform does it; each ends by itself, in good order."""
        for process in processes:
            process.signal(signal.SIGTERM)
        for process in processes:
            self.wait(lambda process=process: process.exit_code is not None, f"{process.name} ends", seconds)
            assert process.exit_code in (0, -signal.SIGTERM), f"{process.name} ended with {process.exit_code}"
            self.forget(process)

    def abandon(self) -> None:
        """Cancel what a test that failed has left running."""
        left = self.sql("SELECT id FROM campaigns WHERE status NOT IN ('completed', 'cancelled')")
        for row in left:
            stop.cancel_campaign(self.dialer, row.id, hang_up=True, actor="test")
        if left:
            self.wait(lambda: not self.sql("SELECT FROM calls WHERE ended_at IS NULL"), "what was left has ended")
            self.mistakes()

    def freeze(self, process: Process) -> None:
        process.signal(signal.SIGSTOP)

    def thaw(self, process: Process) -> None:
        process.signal(signal.SIGCONT)

    def freeze_idle(self, process: Process) -> None:
        """Stop it where it stands, but not with a transaction open, nor waiting at the queues: a message handed
        to it now would be seen again only when it goes on."""

        def stands_idle() -> bool:
            self.freeze(process)
            if self.open_transactions():
                self.thaw(process)
                return False
            return True

        self.wait(stands_idle, f"{process.name} has no transaction open")
        for client in self.redis.client_list():
            if "b" in client["flags"]:
                self.redis.client_unblock(int(client["id"]))

    def waiting_messages(self) -> int:
        """How many messages no worker has taken yet."""
        return sum(int(self.redis.llen(f"{self.name}:{queue}")) for queue in (celery_app.CONTROL, celery_app.DIAL))

    def open_transactions(self) -> int:
        (row,) = self.sql("""SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'""")
        return int(row[0])

    @property
    def running(self) -> list[Process]:
        """Everybody who should be there."""
        return [process for role in ROLES for process in self.processes[role] if role != "command"]

    def forget(self, process: Process) -> None:
        """It has ended, and nobody waits for it any more."""
        for role, processes in self.processes.items():
            self.processes[role] = [other for other in processes if other is not process]

    # -- looking

    def sql(self, statement: str, **values: Any) -> Sequence[Any]:
        def run(conn: Connection) -> Sequence[Any]:
            result = conn.execute(text(statement), values)
            return result.all() if result.returns_rows else []

        return transact(self.dialer.db, run)  # again, where its session was ended

    def wait(self, condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> float:
        """Return as soon as ``condition`` holds, with the seconds it took; fail, naming ``what``, if it does not."""
        pause, began_at = threading.Event(), time.monotonic()
        while not condition():
            if time.monotonic() - began_at > seconds:
                raise AssertionError(f"in {seconds:g} s it did not come true that {what}\n{self.log_tails()}")
            pause.wait(POLL_SECONDS)
        return time.monotonic() - began_at

    def placed(self, account: str) -> int:
        """How many calls of one account the simulator has placed; reads what it wrote since the last call of this."""
        with self.ledger_path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                fact = json.loads(line)
                self._placed[fact["account"]] += fact["fact"] == ledger.Fact.PLACED
        return self._placed[account]

    def ledger(self, account: str) -> ledger.Ledger:
        """What the simulator wrote down for one account."""
        return of_account(ledger.read(self.ledger_path), account)

    def mistakes(self, *, services_fail: bool = False) -> list[str]:
        """What looks like a mistake of ours in the logs since the last call of this."""
        found = []
        for path, seen in self.logs.items():
            said = path.read_bytes()
            self.logs[path] = len(said)
            new = said[seen:].decode(errors="replace")
            found += [f"{path.name}: {words}" for words in mistakes(new, services_fail=services_fail)]
        return found

    def log_tails(self) -> str:
        said = []
        for path in self.logs:
            lines = path.read_text(errors="replace").splitlines()[-8:]
            said += [f"  {path.stem}: {line[:300]}" for line in lines]
        return "\n".join(said)

    # -- telling

    def send(self, steps: Iterable[Step]) -> None:
        """Steps as messages, the way a process of the product hands them on."""
        for step in steps:
            match step:
                case Dial(_, call_ids):
                    self.celery.send_task("worker.dial", [list(call_ids)])
                case DialMore():
                    self.celery.send_task("worker.dial")
                case LookUp(call_ids):
                    self.celery.send_task("worker.look_up", [list(call_ids)])
                case Stop():
                    self.celery.send_task("worker.stop")


def of_account(whole: ledger.Ledger, account: str) -> ledger.Ledger:
    """The part of a ledger that is about one account's calls."""
    return ledger.Ledger(
        placed=tuple(call for call in whole.placed if call.account == account),
        extras=tuple(call for call in whole.extras if call.account == account),
        not_placed=tuple(request for request in whole.not_placed if request.account == account),
        changes=tuple(change for change in whole.changes if change[0].account == account),
    )


def mistakes(said: str, *, services_fail: bool = False) -> list[str]:
    """The records of a log that hold a traceback. Where services fail, libraries may log one of their own; one that
    leads through our code is still a mistake."""
    return [
        record[:3000]
        for record in RECORD.split(said)
        if "Traceback" in record and (not services_fail or f'File "{REPOSITORY}/worker/' in record)
    ]


def _hand_over(fifo: Path, line: str) -> bool:
    """False while nobody has opened the fifo for reading."""
    try:
        opened = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return False
        raise
    with open(opened, "w") as writing:
        writing.write(line)
    return True
