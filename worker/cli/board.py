"""The board: the team's campaigns, a line each, drawn for a screen or printed once. Nothing here reads or waits."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from worker.cli.showing import plain
from worker.domain.model import CampaignStatus
from worker.domain.on_the_clock import clock
from worker.domain.reach import in_words
from worker.operations.board import Board, Line

KEYS = "up/down choose  enter look at it  p pause  r resume  q leave"
NO_CAMPAIGN = "No campaign yet; make one, and it is shown here."
STYLES = {
    CampaignStatus.RUNNING: "green",
    CampaignStatus.PAUSED: "yellow",
    CampaignStatus.SCHEDULED: "cyan",
}
HEADINGS = (
    "", "campaign", "status", "live", "left", "reached", "not\nreached", "cannot\nbe called", "today", "next",
)  # fmt: skip
HEADING_LINES = 2
_LEFT = ("", "campaign", "status", "next")


@dataclass(frozen=True, slots=True)
class BoardView:
    """What was ``seen`` last, which of its lines is ``chosen``, and what is said instead of the keys. ``trouble`` says
    that nothing newer could be read, and why."""

    seen: Board
    chosen: int = 0
    notice: str | None = None
    trouble: str | None = None
    has_keys: bool = True


def render_board(view: BoardView, width: int, height: int) -> RenderableType:
    """The board, no wider and no higher than the terminal: as many lines as fit, the chosen one among them, and its
    sentence below."""
    foot = _foot(view, width)
    room = max(1, height - 1 - HEADING_LINES - sum(_lines(part, width) for part in foot))
    first = max(0, min(view.chosen - room // 2, len(view.seen.lines) - room))
    shown = view.seen.lines[first : first + room]
    if not shown:
        return Group(_title(view), Text(NO_CAMPAIGN), *foot)
    table = _table()
    for n, line in enumerate(shown, first):
        table.add_row(*_cells(n, line), style="reverse" if n == view.chosen else "")
    return Group(_title(view), table, *foot)


def lines_of(board: Board) -> list[str]:
    """The board without a terminal: a line a campaign, with its sentence."""
    if not board.lines:
        return [NO_CAMPAIGN]
    said = [
        f"{each.row.id}  {each.row.status:<9}  live {each.row.live}/{each.row.max_concurrent_calls}"
        f"  {in_words(each.reach)}  today {_today(each)}  {plain(each.row.name)}: {plain(each.activity.message)}"
        for each in board.lines
    ]
    return [*said, f"{len(said)} of {board.count} campaigns; {_totals(board)}."]


def _title(view: BoardView) -> Text:
    board = view.seen
    many = f"{board.count} campaign{'' if board.count == 1 else 's'}"
    return _clipped(Text.assemble((many, "bold"), f"  {_totals(board)}"))


def _totals(board: Board) -> str:
    """What all of them are doing, and have done today."""
    live = sum(each.row.live for each in board.lines)
    left = sum(each.reach["left"] for each in board.lines)
    calls = sum(each.calls_today for each in board.lines)
    answered = sum(each.answered_today for each in board.lines)
    return f"{live} live, {left} left; today {calls} call{'' if calls == 1 else 's'}, {answered} answered"


def _table() -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, expand=True, header_style="dim")
    for heading in HEADINGS:
        ratio = {"campaign": 1, "next": 1}.get(heading)
        table.add_column(
            heading, no_wrap=True, overflow="ellipsis", justify="left" if heading in _LEFT else "right", ratio=ratio
        )
    return table


def _cells(n: int, line: Line) -> list[Text]:
    row, reached = line.row, line.reach
    style = STYLES.get(CampaignStatus(row.status), "dim")
    return [
        Text(str(n + 1), "dim"),
        Text(plain(row.name)),
        Text(row.status, style),
        Text(f"{row.live}/{row.max_concurrent_calls}"),
        *(Text(str(reached[word])) for word in ("left", "reached", "not_reached", "cannot_be_called")),
        Text(_today(line)),
        Text(_next(line)),
    ]


def _today(line: Line) -> str:
    """Calls, and how many of them were answered."""
    return f"{line.calls_today}/{line.answered_today}"


def _next(line: Line) -> str:
    """When something happens next, in a word or two."""
    at = line.activity.until
    if at is not None and at > line.row.now:
        return clock(at, line.row.now, line.row.call_window_timezone)
    return "now" if line.activity.is_dialing else line.activity.code.replace("_", " ")


def _foot(view: BoardView, width: int) -> list[Text]:
    said = []
    if view.trouble is not None:
        said.append(_wrapped(Text(f"! {view.trouble} What stands above is old.", "bold red")))
    if view.seen.lines:
        line = view.seen.lines[min(view.chosen, len(view.seen.lines) - 1)]
        said.append(_wrapped(Text(f"{plain(line.row.name)}: {plain(line.activity.message)}", "bold")))
    if view.notice is not None:
        return [*said, _wrapped(Text(view.notice, "bold"))]
    return [*said, _clipped(Text(KEYS if view.has_keys else "", "dim"))]


def _lines(text: Text, width: int) -> int:
    return 1 if text.no_wrap else max(1, -(-text.cell_len // max(1, width)))


def _wrapped(text: Text) -> Text:
    text.no_wrap, text.overflow = False, "fold"
    return text


def _clipped(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
