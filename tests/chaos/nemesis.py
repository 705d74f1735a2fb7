"""The nemesis: what befalls the deployment, when, and who is started again.

The schedule is drawn from the seed before anything runs. Of the two workers one lives until something happens to
it; the other is always doomed to die at the next place where a crash may fall, and is killed when it does not come
there in time. Whoever ended is started again, as a platform would.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from sqlalchemy.exc import SQLAlchemyError

from tests.chaos import barren, clock_jumps, faults, full_disk, outages, silences
from tests.chaos.faults import Fault, Undoing
from tests.chaos.harness import Chaos, Process
from tests.chaos.journal import DatabaseClock, Journal
from tests.chaos.judgements_progress import END_SECONDS
from worker.crashpoint import POINTS

WEB_POINTS = (
    "record.after_commit",
    "record.after_release",
    "admit.after_commit",
    "outcome.after_commit",
    "callback.after_commit",
    "test_call.after_commit",
    "stop.after_commit",
)
WORKER_POINTS = tuple(sorted(POINTS - set(WEB_POINTS)))
DOOMED_SECONDS = 5.0
"""How long a worker that takes messages may take to come to the place where it is to die."""
GRACE_SECONDS = 25.0
TERM_SECONDS = END_SECONDS + 3.0
"""When a platform kills whom it has sent SIGTERM."""
FAULTS_A_SECOND = 0.9
ROLES = {"worker": 2, "beat": 2, "web": 1}

IN_HAND = "worker: SIGSTOP 6 s, calls in hand"
IN_HAND_SECONDS = 6.0
HALTING_POINT = "dial.after_commit"
HELD = """
SELECT campaign_id FROM calls
WHERE state = 'dialing' AND ended_at IS NULL AND dialing_at > clock_timestamp() - interval '1 s'
ORDER BY dialing_at DESC LIMIT 1
"""

DECK: Mapping[str, int] = {
    "worker: SIGKILL": 4, "worker: SIGTERM": 3, "worker: SIGSTOP 0.5 s": 3, "worker: SIGSTOP 3 s": 3,
    "worker: SIGSTOP 10 s": 1, "worker: SIGSTOP 6 s, calls in hand": 2,
    "beat: SIGKILL": 1, "beat: SIGTERM": 1, "beat: SIGSTOP 0.5 s": 1, "beat: SIGSTOP 3 s": 1, "beat: SIGSTOP 10 s": 1,
    "web: SIGKILL": 2, "web: SIGTERM": 1, "web: SIGSTOP 0.5 s": 1, "web: SIGSTOP 3 s": 1, "web: SIGSTOP 10 s": 1,
    "web: crash point": 4,
    "redis: flushall": 2, "redis: SIGKILL, its file kept": 1, "redis: SIGKILL, empty": 1, "redis: SIGSTOP": 2,
    "redis: clients dropped": 2, "redis: members removed": 2, faults.MEMBERS_ADDED: 2,
    "postgresql: sessions ended": 2, "postgresql: restart, fast": 1, "postgresql: restart, immediate": 1,
    "postgresql: campaign locked": 1, "postgresql: disk full": 2,
    "postgresql: silent, half": 2, "postgresql: silent, all": 1,
    "postgresql: lost, half": 1, "postgresql: lost, all": 1,
    "redis: silent, half": 2, "redis: silent, all": 1, "redis: lost, half": 1, "redis: lost, all": 1,
    faults.NEWS_FORGED: 2,
    outages.ONE_HANGS: 3, outages.ALL_HANG: 1, outages.HANG_UPS_FAIL: 3, "carrier: look-ups fail": 1,
    "carrier: one account is slow": 2, "carrier: every account is slow": 1,
    "worker: log, its reader gone": 2, "worker: log, unread for 4 s": 2, "web: log, its reader gone": 1,
    **dict.fromkeys(barren.FAULTS, 1),
}  # fmt: skip
"""How often each fault is in the deck that is shuffled and dealt."""

SERVICES = {**faults.SERVICES, **outages.FAULTS, **silences.FAULTS, **full_disk.FAULTS, **barren.FAULTS,
            **clock_jumps.FAULTS}  # fmt: skip


def draw_faults(seed: int, seconds: float, more: Mapping[str, int] | None = None) -> list[Fault]:
    """The schedule; with ``more`` of some kinds in the deck."""
    dice = Random(f"nemesis {seed}")
    cards = [kind for kind, count in {**DECK, **(more or {})}.items() for _ in range(count)]
    drawn, deck, at = [], [], 2.0
    while at < seconds:
        deck = deck or dice.sample(cards, len(cards))
        drawn.append(Fault(round(at, 3), deck.pop(), dice.randrange(2), dice.randrange(1 << 30)))
        at += dice.expovariate(FAULTS_A_SECOND)
    return drawn


def draw_points(seed: int, points: Sequence[str]) -> deque[str]:
    """The order in which places are to be died at; gone through again and again."""
    return deque(Random(f"points {seed}").sample(points, len(points)))


@dataclass
class Nemesis:
    """Carries the schedule out, from one thread: :meth:`step` does what is due and returns at once, but for the
    restart of a server."""

    chaos: Chaos
    journal: Journal
    clock: DatabaseClock
    schedule: deque[Fault]
    points: deque[str]
    web_points: deque[str]
    provoke: Callable[[str], None]
    """Asked to bring about what leads to a crash point."""
    roles: dict[str, int] = field(default_factory=lambda: dict(ROLES))
    injected: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    at: list[float] = field(default_factory=list)
    redis_losses: list[float] = field(default_factory=list)
    ghosts: dict[str, float] = field(default_factory=dict)
    ended_by_themselves: list[str] = field(default_factory=list)
    ended: list[tuple[str, float]] = field(default_factory=list)
    """Who got SIGTERM, and how many seconds its end took."""
    stubborn: list[str] = field(default_factory=list)
    """Those who did not end on SIGTERM."""
    _doomed: dict[int, str] = field(default_factory=dict)
    _struck: dict[int, tuple[str, float]] = field(default_factory=dict)
    _frozen: set[int] = field(default_factory=set)
    _since: dict[int, float] = field(default_factory=dict)
    _ready: set[int] = field(default_factory=set)
    _undoings: list[tuple[threading.Timer, Callable[[], None]]] = field(default_factory=list)
    _web_point: str = ""
    _halts_next: bool = False
    _settings: Mapping[str, str] = field(default_factory=dict)
    _halting: set[int] = field(default_factory=set)
    """Who is to stand still at :data:`HALTING_POINT` and has not come there."""

    def scale(self) -> None:
        """Start whoever is missing; the second worker doomed, while there are faults to come."""
        for role, count in self.roles.items():
            while len(self.chaos.processes[role]) < count:
                self._start(role)

    def step(self, second: float) -> None:
        """Do what is due by this second of the trial."""
        self._bury()
        self._pause_whom_it_stopped()
        self._end_the_overdue()
        self.scale()
        while self.schedule and self.schedule[0].at <= second:
            self._befall(self.schedule.popleft())

    def heal(self) -> None:
        """Undo everything, let nobody be doomed, and return when everybody is there."""
        self.schedule.clear()
        self._undo_all()
        self.points.clear()
        self._web_point, self._halts_next = "", False
        for process in list(self.chaos.processes["worker"] + self.chaos.processes["web"]):
            if process.pid in self._doomed:
                self._strike(process, "SIGKILL")
        deadline = time.monotonic() + TERM_SECONDS + 2.0
        while self._struck and time.monotonic() < deadline:
            self._bury()
            self._end_the_overdue()
            time.sleep(0.05)  # there is no word of a process that ends while others are looked after
        self.scale()

    def leave_one_worker(self, **settings: str) -> None:
        """Tell all workers to end, and start one in their place, with these settings."""
        self.roles["worker"], self._settings = 1, settings
        for process in self.chaos.processes["worker"]:
            self._count("worker: SIGTERM", process.name)
            self._strike(process, "SIGTERM")

    # -- the processes

    def _start(self, role: str) -> None:
        point, halts = self._next_point(role), False
        match role:
            case "worker":
                if point and self._halts_next:
                    point, halts, self._halts_next = HALTING_POINT, True, False
                process = self.chaos.worker(point, halts=halts, waits=False, **self._settings)
                self._halting |= {process.pid} if halts else set()
            case "web":
                process = self.chaos.web(point, waits=False)
            case _:
                process = self.chaos.beat()
        self._since[process.pid] = time.monotonic()
        if point:
            self._doomed[process.pid] = point
            self.journal.note("doomed", self.clock.now(), process=process.name, point=point)
            if not halts:
                self.provoke(point)

    def _next_point(self, role: str) -> str:
        if role == "web":
            point, self._web_point = self._web_point, ""
            return point
        if role != "worker" or not self.points or any(w.pid in self._doomed for w in self.chaos.processes["worker"]):
            return ""
        self.points.rotate(-1)
        return self.points[-1]

    def _bury(self) -> None:
        """Take note of who has ended, and of what."""
        for process in self.chaos.running:
            code = process.exit_code
            if code is None:
                continue
            self.chaos.forget(process)
            point = self._doomed.pop(process.pid, "")
            word, since = self._struck.pop(process.pid, ("", 0.0))
            if word == "SIGTERM":
                self.ended.append((process.name, time.monotonic() - since))
            self._frozen.discard(process.pid)
            self._ready.discard(process.pid)
            self._halting.discard(process.pid)
            if point and not word and code == -signal.SIGKILL:
                self._count(f"crash point: {point}", process.name)
                self.met[point] += 1
            elif not word:
                self.ended_by_themselves.append(f"{process.name} ended by itself with {code}")

    def _end_the_overdue(self) -> None:
        """Whoever does not come to the place of death, or does not end on SIGTERM."""
        now = time.monotonic()
        for process in list(self.chaos.processes["worker"]):
            if process.pid not in self._doomed or process.pid in self._struck or process.pid in self._frozen:
                continue
            if process.pid not in self._ready and " ready." in process.log:
                self._ready.add(process.pid)
                self._since[process.pid] = now
            allowed = DOOMED_SECONDS if process.pid in self._ready else GRACE_SECONDS
            if now - self._since.get(process.pid, now) > allowed:
                self._strike(process, "SIGKILL")
                self._count("worker: SIGKILL", process.name)
        for process in self.chaos.running:
            word, since = self._struck.get(process.pid, ("", now))
            if word == "SIGTERM" and now - since > TERM_SECONDS:
                self.stubborn.append(process.name)  # a platform kills it now, and nothing is lost by that
                self.ended.append((process.name, now - since))
                self._strike(process, "SIGKILL")

    def _strike(self, process: Process, word: str) -> Undoing:
        self._struck[process.pid] = (word, time.monotonic())
        return faults.strike(process, word)

    # -- the schedule

    def _befall(self, fault: Fault) -> None:
        role, _, what = fault.kind.partition(": ")
        undoing: Undoing = None
        if fault.kind == IN_HAND:
            self._halts_next = True
        elif role in ROLES:
            undoing = self._befall_process(role, what, fault)
        elif fault.kind == faults.MEMBERS_ADDED:
            self.ghosts |= faults.add_members(self.chaos, Random(fault.dice))
            self._count(fault.kind)
        else:
            began_at = self.clock.now()
            undoing = SERVICES[fault.kind](self.chaos, Random(fault.dice))
            self._count(fault.kind)
            if fault.kind in faults.LOSING:
                self.redis_losses += [began_at, self.clock.now()]
            if fault.kind == outages.HANG_UPS_FAIL:
                self.provoke("hang up")  # or there is nothing to hang up
        if undoing is not None:
            self._undo_later(*undoing)

    def _befall_process(self, role: str, what: str, fault: Fault) -> Undoing:
        chosen = [p for p in self.chaos.processes[role] if p.pid not in self._struck and p.pid not in self._frozen]
        if role == "web":  # one that never comes up answers nobody
            chosen = [process for process in chosen if "Uvicorn running" in process.log]
        if what in faults.LOGS:  # who has just begun may be unable to begin without; then he is begun again
            chosen = [it for it in chosen if (self.chaos.web_answers() if role == "web" else " ready." in it.log)]
        if not chosen:
            self.journal.note("missed", self.clock.now(), kind=fault.kind)
            return None
        process = chosen[fault.nth % len(chosen)]
        if what == "crash point":
            self.web_points.rotate(-1)
            self._web_point = self.web_points[-1]
            self._strike(process, "SIGTERM")
            return None
        self._count(fault.kind, process.name)
        if what in faults.LOGS:
            return faults.break_log(process, what)
        if what.startswith("SIGSTOP"):
            self._frozen.add(process.pid)
            seconds, go_on = faults.strike(process, what) or (0.0, lambda: None)
            return seconds, lambda: self._thaw(process, go_on)
        return self._strike(process, what)

    def _pause_whom_it_stopped(self) -> None:
        """A worker has stopped with calls that are committed and have not left: have their campaign paused, and let
        it go on when they are out of date. Then it is as overdue as anybody who is doomed."""
        for process in self.chaos.processes["worker"]:
            if process.pid not in self._halting or process.pid in self._frozen or not process.stands_still:
                continue
            self._halting.discard(process.pid)
            self._frozen.add(process.pid)
            self._undo_later(IN_HAND_SECONDS, partial(self._thaw, process, partial(process.signal, signal.SIGCONT)))
            self._count(IN_HAND, process.name)
            with contextlib.suppress(SQLAlchemyError):
                for row in self.chaos.sql(HELD):
                    self.provoke(f"hold {row.campaign_id}")

    def _thaw(self, process: Process, go_on: Callable[[], None]) -> None:
        go_on()
        self._frozen.discard(process.pid)
        self._since[process.pid] = time.monotonic()

    def _undo_later(self, seconds: float, undo: Callable[[], None]) -> None:
        """In a thread of its own, for what stands still may be what this one waits for."""
        timer = threading.Timer(seconds, undo)
        timer.daemon = True
        self._undoings.append((timer, undo))
        timer.start()

    def _undo_all(self) -> None:
        for timer, undo in self._undoings:
            timer.cancel()
            undo()
        self._undoings.clear()

    def _count(self, kind: str, whom: str = "") -> None:
        at = self.clock.now()
        self.injected[kind] += 1
        self.at.append(at)
        self.journal.note("fault", at, kind=kind, whom=whom)
