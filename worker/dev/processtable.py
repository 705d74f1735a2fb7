"""Which processes live, and who belongs to whom. Standard library only: the janitor runs on it.

A child of ours leads a session of its own, so its process id names its session and its group, too. Its
*family* is that session and whoever descends from it: PostgreSQL's backends each open a session of their own,
and are found as its children.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.clock import monotonic, pause

POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Process:
    """One living process. ``started`` distinguishes it from a later one with the same id (clock ticks since boot; 0
    where the system does not say)."""

    pid: int
    parent: int
    group: int
    session: int
    started: int


def living() -> dict[int, Process]:
    """Every process that lives, by id. Zombies do not: they hold nothing but their number."""
    found = _read_proc() if sys.platform == "linux" else _read_ps()
    return {process.pid: process for process in found}


def start_of(pid: int) -> int:
    """When ``pid`` was started, 0 where that is not known. Works for a zombie, too."""
    if sys.platform != "linux":
        return 0
    fields = _stat_fields(Path("/proc") / str(pid))
    return int(fields[19]) if fields else 0


def family(leader: int, started: int, table: Mapping[int, Process]) -> dict[int, Process]:
    """Those of ``table`` that belong to the session ``leader`` opened, the leader itself included.

    Empty if the id has passed to a process that started at another time: that one is a stranger.
    """
    if leader in table and table[leader].started != started:
        return {}
    kin = {pid: it for pid, it in table.items() if leader in (pid, it.group, it.session)}
    newcomers = kin
    while newcomers:
        newcomers = {pid: it for pid, it in table.items() if it.parent in newcomers and pid not in kin}
        kin |= newcomers
    return kin


def kill_family(leader: int, started: int, *, seconds: float) -> bool:
    """SIGKILL the whole family and wait until it is gone; false if some of it still lives after ``seconds``.

    The leader is stopped first so that it starts nobody while its family is counted. Those counted are
    remembered: a backend whose postmaster is dead is nobody's child any more.
    """
    doomed = family(leader, started, living())
    if not doomed:
        return True
    if leader in doomed:
        send(leader, signal.SIGSTOP)
    deadline = monotonic() + seconds
    while True:
        table = living()
        doomed = {pid: it for pid, it in doomed.items() if pid in table and table[pid].started == it.started}
        doomed |= family(leader, started, table)
        if not doomed:
            return True
        if monotonic() > deadline:
            return False
        for pid in doomed:
            send(pid, signal.SIGKILL)
        pause(POLL_SECONDS)


def send(pid: int, number: signal.Signals) -> None:
    """Signal one process; one that is gone already is what we wanted."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _read_proc() -> list[Process]:
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdecimal():
            continue
        fields = _stat_fields(Path("/proc") / entry)
        if fields and fields[0] not in "ZX":
            found.append(Process(int(entry), int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19])))
    return found


def _stat_fields(entry: Path) -> list[str]:
    """The fields of ``/proc/<pid>/stat`` after the program's name, which may itself hold blanks and brackets:
    state, parent, group, session, … start time (proc(5)). Empty if the process is gone."""
    try:
        text = (entry / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()


def _read_ps() -> list[Process]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat="], capture_output=True, text=True, timeout=10, check=True
    )
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [
        Process(int(pid), int(parent), int(group), int(group), 0)
        for pid, parent, group, state in rows
        if not state.startswith("Z")
    ]
