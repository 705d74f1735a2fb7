"""Watch a campaign: on a screen where there is one, else a line a second. The reading is done by a thread
(:mod:`worker.cli.reader`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum, auto

import click
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from worker.cli.keyboard import BACK, LEFT, keyboard
from worker.cli.reader import READ_EVERY_SECONDS, Reader
from worker.cli.screen import View, line, render
from worker.domain.errors import Unavailable
from worker.domain.reach import reach
from worker.flow.base import Dialer
from worker.operations.watching import CampaignReading, read_watching
from worker.process import celery_app

KEY_SECONDS = 0.1
NOTHING_YET = "No campaign yet; make and run one, and it is shown here.  q leaves."
OVER = ("completed", "cancelled")


class CompletionRate:
    """How fast contacts are done with, from what was seen in the last minutes; both times are business time."""

    def __init__(self) -> None:
        self._seen: deque[tuple[str, datetime, int]] = deque(maxlen=180)

    def ends_at(self, seen: CampaignReading) -> datetime | None:
        """When everybody would be done with at this rate; ``None`` when that cannot be said."""
        counts, campaign_id = seen.progress.counts, seen.progress.facts.id
        left = reach(seen.progress.facts.status, counts)["left"]
        if self._seen and self._seen[-1][0] != campaign_id:
            self._seen.clear()
        self._seen.append((campaign_id, seen.now, counts["total"] - left))
        _, since, before = self._seen[0]
        done, passed = counts["total"] - left - before, seen.now - since
        if not left or done <= 0 or not (seen.progress.activity.is_dialing or seen.progress.facts.live):
            return None
        return seen.now + min(passed * left / done, timedelta(days=3650))


class Watcher(Reader):
    """Reads one campaign. ``choose`` says which is watched; ``None`` where there is none yet. ``notice`` is said for a
    while at the beginning."""

    def __init__(
        self,
        dialer: Dialer,
        team_id: str,
        choose: Callable[[], str | None],
        first: CampaignReading | None,
        *,
        notice: str = "",
    ) -> None:
        super().__init__(dialer, team_id, notice)
        self.seen = first
        self._choose = choose
        self._rate = CompletionRate()
        self._ends_at = None if first is None else self._rate.ends_at(first)
        self.begin()

    def view(self, *, has_keys: bool, has_board: bool = False) -> View | None:
        """What is to be shown now."""
        if self.seen is None:
            return None
        return View(self.seen, self._ends_at, self.notice, self.trouble, has_keys, has_board)

    def read(self) -> None:
        """See how the campaign does."""
        campaign_id = self._choose()
        if campaign_id is not None:
            self.seen = read_watching(self.dialer, self.team_id, campaign_id, broker_answers=celery_app.broker_answers)
            self._ends_at = self._rate.ends_at(self.seen)

    def press_key(self, key: str) -> None:
        """Do what the key stands for to the campaign that is watched."""
        self.press(key, None if self.seen is None else self.seen.progress.facts.id)


def has_screen() -> bool:
    """Whether standard output is a terminal that can be drawn on."""
    console = Console()
    return console.is_terminal and not console.is_dumb_terminal


class Left(Enum):
    """Why a screen is not shown any more."""

    OVER = auto()  # what was watched is
    QUIT = auto()
    BACK = auto()  # to the board


def watch_on_screen(
    watcher: Watcher,
    *,
    between: Callable[[], None] = lambda: None,
    is_over: Callable[[CampaignReading], bool] = lambda _: False,
    has_board: bool = False,
) -> Left:
    """Show it until it is over, or somebody leaves it, where it ``has_board`` maybe for that. ``between`` is called
    several times a second."""
    console = Console(highlight=False)
    drawn: tuple[object, ...] = ()
    with keyboard() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            between()
            if watcher.failure is not None:
                raise watcher.failure
            view, size = watcher.view(has_keys=keys.fd is not None, has_board=has_board), console.size
            now = (watcher.version, size, view and view.notice)
            if now != drawn:
                live.update(_draw(view, watcher.trouble, *size), refresh=True)
                drawn = now
            if watcher.seen is not None and is_over(watcher.seen):
                return Left.OVER
            key = keys.wait(KEY_SECONDS)
            if key == "q":
                return Left.QUIT
            if has_board and key in (BACK, LEFT, "b"):
                return Left.BACK
            if key in ("p", "r"):
                watcher.press_key(key)


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
