"""Watch a campaign: on a screen where there is one, else a line a second.

On a screen the reading is done by a thread, so that a key is answered and the terminal redrawn while PostgreSQL or
Redis takes its time. A service that is away is said, and what is shown is called old; it goes on when it is back.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import click
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from worker.cli.context import ACTOR
from worker.cli.keyboard import keyboard
from worker.cli.screen import View, line, render
from worker.clock import monotonic
from worker.domain.errors import Refused, Unavailable
from worker.flow.admit import resume
from worker.flow.base import Dialer, Step
from worker.flow.stop import pause_campaign
from worker.operations.watching import CampaignReading, read_watching
from worker.process import celery_app, dispatch

READ_EVERY_SECONDS = 1.0
KEY_SECONDS = 0.1
NOTICE_SECONDS = 8.0
NOTHING_YET = "No campaign yet; make and run one, and it is shown here.  q leaves."
OVER = ("completed", "cancelled")


class CompletionRate:
    """How fast contacts are done with, from what was seen in the last minutes; both times are business time."""

    def __init__(self) -> None:
        self._seen: deque[tuple[str, datetime, int]] = deque(maxlen=180)

    def ends_at(self, seen: CampaignReading) -> datetime | None:
        """When everybody would be done with at this rate; ``None`` when that cannot be said."""
        counts, campaign_id = seen.progress.counts, seen.progress.facts.id
        left = counts["pending"] + counts["queued"] + counts["calling"]
        if self._seen and self._seen[-1][0] != campaign_id:
            self._seen.clear()
        self._seen.append((campaign_id, seen.now, counts["total"] - left))
        _, since, before = self._seen[0]
        done, passed = counts["total"] - left - before, seen.now - since
        if not left or done <= 0 or not (seen.progress.activity.is_dialing or seen.progress.facts.live):
            return None
        return seen.now + min(passed * left / done, timedelta(days=3650))


class Watcher:
    """Reads, pauses and resumes, in a thread that ends with the process. ``choose`` says which campaign is
    watched; ``None`` where there is none yet. ``notice`` is said for a while at the beginning."""

    def __init__(
        self,
        dialer: Dialer,
        team_id: str,
        choose: Callable[[], str | None],
        first: CampaignReading | None,
        *,
        notice: str = "",
    ) -> None:
        self.seen = first
        self.trouble: str | None = None
        self.failure: BaseException | None = None
        self.version = 0
        self._dialer, self._team_id, self._choose = dialer, team_id, choose
        self._notice, self._notice_at = notice, monotonic()
        self._wanted: queue.Queue[str] = queue.Queue()
        self._rate = CompletionRate()
        self._ends_at = None if first is None else self._rate.ends_at(first)
        threading.Thread(target=self._work, daemon=True, name="watch").start()

    def press(self, key: str) -> None:
        """Do what the key stands for, as soon as the reading under way is done."""
        self._wanted.put(key)

    def view(self, *, has_keys: bool) -> View | None:
        """What is to be shown now."""
        is_fresh = monotonic() - self._notice_at < NOTICE_SECONDS
        notice = self._notice if self._notice and is_fresh else None
        return None if self.seen is None else View(self.seen, self._ends_at, notice, self.trouble, has_keys)

    def _work(self) -> None:
        try:
            while True:
                self._read()
                try:
                    self._obey(self._wanted.get(timeout=READ_EVERY_SECONDS))
                except queue.Empty:
                    continue
        except Exception as error:  # noqa: BLE001  it is raised where somebody sees it
            self.failure = error

    def _read(self) -> None:
        try:
            campaign_id = self._choose()
            if campaign_id is not None:
                self.seen = read_watching(
                    self._dialer, self._team_id, campaign_id, broker_answers=celery_app.broker_answers
                )
                self._ends_at = self._rate.ends_at(self.seen)
            self.trouble = None
        except Unavailable as error:
            self.trouble = str(error)
        self.version += 1

    def _obey(self, key: str) -> None:
        campaign_id = self._choose()
        if campaign_id is None:
            return
        try:
            match key:
                case "p":
                    steps = pause_campaign(self._dialer, campaign_id, actor=ACTOR, team_id=self._team_id)
                    self._notify("Paused; calls that ring or talk go on.", steps)
                case "r":
                    steps = resume(self._dialer, campaign_id, actor=ACTOR, team_id=self._team_id)
                    self._notify("Resumed.", steps)
                case _:
                    pass
        except (Refused, Unavailable) as error:
            self._notify(str(error), ())

    def _notify(self, notice: str, steps: Iterable[Step]) -> None:
        self._notice, self._notice_at = notice, monotonic()
        self.version += 1
        dispatch.carry_out(steps)


def has_screen() -> bool:
    """Whether standard output is a terminal that can be drawn on."""
    console = Console()
    return console.is_terminal and not console.is_dumb_terminal


def watch_on_screen(
    watcher: Watcher,
    *,
    between: Callable[[], None] = lambda: None,
    is_over: Callable[[CampaignReading], bool] = lambda _: False,
) -> bool:
    """Show it until it is over (true), or somebody leaves (false). ``between`` is called several times a second."""
    console = Console(highlight=False)
    drawn: tuple[object, ...] = ()
    with keyboard() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            between()
            if watcher.failure is not None:
                raise watcher.failure
            view, size = watcher.view(has_keys=keys.fd is not None), console.size
            now = (watcher.version, size, view and view.notice)
            if now != drawn:
                live.update(_draw(view, watcher.trouble, *size), refresh=True)
                drawn = now
            if watcher.seen is not None and is_over(watcher.seen):
                return True
            key = keys.wait(KEY_SECONDS)
            if key == "q":
                return False
            if key in ("p", "r"):
                watcher.press(key)


def _draw(view: View | None, trouble: str | None, width: int, height: int) -> RenderableType:
    return Text(trouble or NOTHING_YET) if view is None else render(view, width, height)


def watch_in_lines(
    read_again: Callable[[], CampaignReading],
    *,
    wait: Callable[[float], object],
    is_over: Callable[[CampaignReading], bool],
    say: Callable[[CampaignReading], str] = line,
) -> None:
    """Print a line a second until it is over. A database that is away is reported once, and awaited."""
    trouble = None
    while True:
        wait(READ_EVERY_SECONDS)
        try:
            seen = read_again()
        except Unavailable as error:
            if str(error) != trouble:
                trouble = str(error)
                click.echo(trouble)
            continue
        trouble = None
        click.echo(say(seen))
        if is_over(seen):
            return


def is_done(seen: CampaignReading) -> bool:
    """Whether nothing more can come of the campaign by itself."""
    return seen.progress.facts.status in OVER or seen.progress.facts.deleted_at is not None
