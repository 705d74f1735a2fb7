"""Reads again and again, in a thread of its own, and does what keys stand for.

So a key is answered and the terminal redrawn while PostgreSQL or Redis takes its time. A service that is away is said,
and what is shown is called old; it goes on when it is back.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable

from worker.cli.context import ACTOR
from worker.clock import monotonic
from worker.domain.errors import Refused, Unavailable
from worker.flow.admit import resume
from worker.flow.base import Dialer, Step
from worker.flow.stop import pause_campaign
from worker.process import dispatch

READ_EVERY_SECONDS = 1.0
NOTICE_SECONDS = 8.0


class Reader:
    """What :meth:`read` sees, until it is closed. ``trouble`` says why nothing newer could be read, ``failure`` is what
    it died of, ``version`` goes up with everything there is to be drawn anew."""

    def __init__(self, dialer: Dialer, team_id: str, notice: str = "") -> None:
        self.trouble: str | None = None
        self.failure: BaseException | None = None
        self.version = 0
        self.dialer, self.team_id = dialer, team_id
        self._notice, self._notice_at = notice, monotonic()
        self._wanted: queue.Queue[tuple[str, str | None]] = queue.Queue()
        self._is_closed = threading.Event()

    def begin(self) -> None:
        """Read from now on."""
        threading.Thread(target=self._work, daemon=True, name="watch").start()

    def close(self) -> None:
        """Read no more, once the reading under way is done."""
        self._is_closed.set()
        self._wanted.put(("", None))

    def read(self) -> None:
        """See how things stand now."""
        raise NotImplementedError

    def press(self, key: str, campaign_id: str | None) -> None:
        """Do to the campaign what the key stands for, as soon as the reading under way is done."""
        self._wanted.put((key, campaign_id))

    @property
    def notice(self) -> str | None:
        """What is to be said, for as long as it is fresh."""
        is_fresh = monotonic() - self._notice_at < NOTICE_SECONDS
        return self._notice if self._notice and is_fresh else None

    def _work(self) -> None:
        try:
            while not self._is_closed.is_set():
                self._read()
                try:
                    self._obey(*self._wanted.get(timeout=READ_EVERY_SECONDS))
                except queue.Empty:
                    continue
        except Exception as error:  # noqa: BLE001  it is raised where somebody sees it
            self.failure = error

    def _read(self) -> None:
        try:
            self.read()
            self.trouble = None
        except Unavailable as error:
            self.trouble = str(error)
        self.version += 1

    def _obey(self, key: str, campaign_id: str | None) -> None:
        if campaign_id is None:
            return
        try:
            match key:
                case "p":
                    steps = pause_campaign(self.dialer, campaign_id, actor=ACTOR, team_id=self.team_id)
                    self._notify("Paused; calls that ring or talk go on.", steps)
                case "r":
                    steps = resume(self.dialer, campaign_id, actor=ACTOR, team_id=self.team_id)
                    self._notify("Resumed.", steps)
                case _:
                    pass
        except (Refused, Unavailable) as error:
            self._notify(str(error), ())

    def _notify(self, notice: str, steps: Iterable[Step]) -> None:
        self._notice, self._notice_at = notice, monotonic()
        self.version += 1
        dispatch.carry_out(steps)
