"""Processes of the dialer that stand still where a signal from outside hardly ever meets them. The product has no such
setting, so its modules are reached into.

One halts as a whole at its crash point, the first time it comes there, instead of dying: between a commit and what
follows from it. In another a single thread halts between its orders and the commit that its calls may leave, when
somebody takes aim at them (:mod:`tests.chaos.aiming`): it says which calls it has in hand, and waits to be let go on.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

VARIABLE = "CHAOS_HALTS"
AIMS = "CHAOS_AIMS"
"""Names the directory in which aim is taken: ``<n>.request`` holds a team's id and is renamed by whoever has calls of
it in hand, ``<n>.held`` says which, ``<n>.go`` lets go. While there is an ``<n>.slow``, nobody releases what stopped
campaigns have reserved: that, too, is done milliseconds after a stop, and then nothing is left to be committed."""
POINT = "dial.before_commit"
LONGEST_SECONDS = 6.0
"""How long a thread stands still if nobody lets it go on: less than anybody's patience with it."""
IN_HAND = ("id", "team_id", "campaign_id", "contact_id", "number_id", "account_id", "to_number", "zone")


def stand_still_once() -> None:
    """Let this process, which is about to become one of the dialer's, be such a one."""
    from worker import crashpoint

    def stop(pid: int, _: int) -> None:
        crashpoint._chosen = None
        os.kill(pid, signal.SIGSTOP)

    # only what that module knows of os: the process itself must go on
    crashpoint.os = SimpleNamespace(kill=stop, getpid=os.getpid)  # type: ignore[attr-defined]  # it is imported there, not exported


def stand_still_when_aimed_at(directory: Path) -> None:
    """Let each thread of this process stand still before a commit that somebody waits for. To be called before
    anything of the dialer is imported that has crash points."""
    from worker import crashpoint
    from worker.store import calls, dialing

    dies, read, own = crashpoint.crashpoint, dialing.reserved_calls, threading.local()
    find_stale = calls.stale_reserved

    def reserved_calls(*args: Any, **more: Any) -> Any:
        held = _held(directory)  # theirs is the message that is sent again; nobody else is to be quicker
        own.rows = [row for row in read(*args, **more) if row.id not in held]
        return own.rows

    def halts(name: str) -> None:
        dies(name)
        if name == POINT:
            _stand_still(directory, [{column: getattr(row, column) for column in IN_HAND} for row in own.rows])

    def stale_reserved(*args: Any, **more: Any) -> list[str]:
        _wait_until(lambda: next(directory.glob("*.slow"), None) is None)
        return find_stale(*args, **more)

    dialing.reserved_calls, calls.stale_reserved = reserved_calls, stale_reserved
    crashpoint.crashpoint = halts


def _held(directory: Path) -> set[str]:
    """The calls that threads have in hand, here or in other processes."""
    held: set[str] = set()
    for path in directory.glob("*.held"):
        if not path.with_suffix(".go").exists():
            with contextlib.suppress(FileNotFoundError):
                held |= {call["id"] for call in json.loads(path.read_text())}
    return held


def _stand_still(directory: Path, in_hand: Sequence[Mapping[str, str]]) -> None:
    for request in directory.glob("*.request"):
        try:
            team_id = request.read_text()
            those = [call for call in in_hand if call["team_id"] == team_id]
            if not those:
                continue
            request.rename(request.with_suffix(".taken"))
        except FileNotFoundError:
            continue  # somebody else was first, or nobody waits any more
        draft = request.with_suffix(".draft")
        draft.write_text(json.dumps(those))
        draft.rename(request.with_suffix(".held"))
        _wait_until(request.with_suffix(".go").exists)
        return


def _wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + LONGEST_SECONDS
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)  # it stands still: that is what it is for
