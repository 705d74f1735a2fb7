"""Watch all campaigns of a team on a board, and from it one."""

from __future__ import annotations

from rich.console import Console
from rich.live import Live

from worker.cli.board import BoardView, render_board
from worker.cli.keyboard import DOWN, ENTER, RIGHT, UP, keyboard
from worker.cli.reader import Reader
from worker.cli.watching import KEY_SECONDS, Left, Watcher, watch_on_screen
from worker.flow.base import Dialer
from worker.operations.board import Board, read_board
from worker.process import celery_app


class BoardWatcher(Reader):
    """Reads all of them."""

    def __init__(self, dialer: Dialer, team_id: str, first: Board) -> None:
        super().__init__(dialer, team_id)
        self.seen = first
        self.begin()

    def read(self) -> None:
        """See how they do."""
        self.seen = read_board(self.dialer, self.team_id, broker_answers=celery_app.broker_answers)


def watch_all(dialer: Dialer, team_id: str, first: Board) -> None:
    """Show the board, and the campaign that is opened from it, until somebody leaves."""
    chosen: str | None = None
    while True:
        watcher = BoardWatcher(dialer, team_id, first)
        try:
            chosen = _choose(watcher, chosen)
        finally:
            watcher.close()
        if chosen is None or _look_at(dialer, team_id, chosen) is not Left.BACK:
            return
        first = watcher.seen


def _look_at(dialer: Dialer, team_id: str, campaign_id: str) -> Left:
    watcher = Watcher(dialer, team_id, lambda: campaign_id, None)
    try:
        return watch_on_screen(watcher, has_board=True)
    finally:
        watcher.close()


def _choose(watcher: BoardWatcher, chosen: str | None) -> str | None:
    """Show the board until a campaign is opened, whose id is returned, or somebody leaves. The campaign that is
    ``chosen`` stays so wherever its line moves to."""
    console = Console(highlight=False)
    drawn: tuple[object, ...] = ()
    with keyboard() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            if watcher.failure is not None:
                raise watcher.failure
            board, size = watcher.seen, console.size
            ids = [line.row.id for line in board.lines]
            place = ids.index(chosen) if chosen in ids else 0
            now = (watcher.version, size, place, watcher.notice)
            if now != drawn:
                view = BoardView(board, place, watcher.notice, watcher.trouble, keys.fd is not None)
                live.update(render_board(view, *size), refresh=True)
                drawn = now
            key = keys.wait(KEY_SECONDS)
            if key == "q":
                return None
            if key is None or not ids:
                continue
            if key in (ENTER, RIGHT):
                return ids[place]
            if key.isdecimal() and 0 < int(key) <= len(ids):
                return ids[int(key) - 1]
            if key in ("p", "r"):
                watcher.press(key, ids[place])
            chosen = ids[_moved(key, place, len(ids))]


def _moved(key: str, place: int, count: int) -> int:
    step = {UP: -1, "k": -1, DOWN: 1, "j": 1}.get(key, 0)
    return min(max(place + step, 0), count - 1)
