"""The screen of a campaign: what was seen becomes something rich can draw. Nothing here reads or waits.

From top to bottom, and given up from bottom to top where the terminal is low: what it is, what it does or why it
does not, how far it is, calls in flight, who is called again and why, the window's clock in each zone. A wide
terminal shows the last three side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from worker.cli.screen_tables import Part, call_table, clock_table, duration, on_the_clock, retry_table
from worker.cli.showing import plain
from worker.domain.masked import masked
from worker.domain.reach import in_words, reach
from worker.domain.standstill import NAMES
from worker.operations.watching import CampaignReading

WIDE = 140
NARROW = 40
KEYS = "p pause  r resume  q leave"
BOARD_KEYS = f"esc back to the board  {KEYS}"


@dataclass(frozen=True, slots=True)
class View:
    """Everything on the screen: what was ``seen`` last, when the campaign may be done (business time), and what is
    said at the bottom instead of the keys, which lead back to the board where it was opened from one (``has_board``).
    ``trouble`` says that nothing newer could be read, and why."""

    seen: CampaignReading
    ends_at: datetime | None = None
    notice: str | None = None
    trouble: str | None = None
    has_keys: bool = True
    has_board: bool = False


def render(view: View, width: int, height: int) -> RenderableType:
    """The whole screen, no wider and no higher than the terminal."""
    head = [
        _title(view),
        *_sentence(view),
        _bar(view, width),
        _contacts(view),
        _outcomes(view),
        _slots(view),
        *_inside(view),
    ]
    foot = _foot(view)
    if _lines(foot, width) > 3:
        foot = _clipped(foot)
    room = height - _lines(foot, width)
    head = _cut(head, width, room)
    if width < NARROW:
        return Group(*head, foot)
    room -= sum(_lines(line, width) for line in head)
    parts = [call_table(view.seen), retry_table(view.seen), clock_table(view.seen)]
    body: list[RenderableType]
    if width >= WIDE:
        body = [_side_by_side(parts, room, width)] if room >= 3 else []
    else:
        body = [part.drawn(rows) for part, rows in zip(parts, _shares(parts, room), strict=True) if rows > 0]
    return Group(*head, *body, foot)


def reasoned_line(seen: CampaignReading) -> str:
    """The line, and why nothing is dialed."""
    return f"{line(seen)}  {plain(seen.progress.activity.message)}"


def line(seen: CampaignReading) -> str:
    """The same in a line, for a log or a pipe."""
    facts, counts = seen.progress.facts, seen.progress.counts
    city = seen.zone.rpartition("/")[2].replace("_", " ")
    return (
        f"{on_the_clock(seen.now, seen.zone)} {city}  {facts.status:<9}"
        f"  live {facts.live:>3}/{facts.max_concurrent_calls}"
        f"  {in_words(reach(facts.status, counts))}"
    )


def _title(view: View) -> Text:
    facts = view.seen.progress.facts
    clock = f"{on_the_clock(view.seen.now, view.seen.zone, seconds=True)} {view.seen.zone}"
    return _clipped(Text.assemble((plain(facts.name), "bold"), "  ", (facts.status, "cyan"), f"  {clock}  {facts.id}"))


def _sentence(view: View) -> list[RenderableType]:
    """What it does, or why nothing is dialed; and before that, if nobody knows any more."""
    activity = view.seen.progress.activity
    said: list[RenderableType] = []
    if view.trouble is not None:
        said.append(_wrapped(Text(f"! {view.trouble} What stands below is old.", "bold red")))
    is_at_work = activity.is_dialing or activity.code == "dialing"
    sign, style = (">", "bold green") if is_at_work else ("=", "bold yellow")
    return [*said, _wrapped(Text(f"{sign} {plain(activity.message)}", style))]


def _wrapped(text: Text) -> Text:
    text.no_wrap, text.overflow = False, "fold"
    return text


def _clipped(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _bar(view: View, width: int) -> RenderableType:
    facts, counts = view.seen.progress.facts, view.seen.progress.counts
    total = counts["total"]
    done = total - reach(facts.status, counts)["left"]
    share = f"{done}/{total} done" + (f" {100 * done // total} %" if total else "")
    if view.ends_at is not None:
        at = on_the_clock(view.ends_at, view.seen.zone)
        share += f"  {duration(view.ends_at - view.seen.now)} left, until {at}"
    if width < NARROW:
        return _clipped(Text(share))
    table = Table.grid(padding=(0, 1))
    table.add_row(ProgressBar(total=max(1, total), completed=done, width=min(60, width // 3)), Text(share))
    return table


def _contacts(view: View) -> Text:
    facts, counts = view.seen.progress.facts, view.seen.progress.counts
    return _named("contacts", in_words(reach(facts.status, counts)).split(", "))


def _outcomes(view: View) -> Text:
    return _named("outcomes", list(_counted(view.seen.progress.dispositions)) or ["none yet"])


def _slots(view: View) -> Text:
    """Calls in flight against what each scope may have."""
    facts = view.seen.progress.facts
    used = [f"campaign {facts.live}/{facts.max_concurrent_calls}", f"team {facts.team_live}/{facts.team_limit}"]
    accounts = {row.account_id: row for row in view.seen.progress.numbers}
    used += [f"{plain(row.account_name)} {row.account_live}/{row.account_limit}" for row in accounts.values()]
    used += [f"{masked(row.number)} {row.number_live}/{row.number_limit}" for row in view.seen.progress.numbers[:8]]
    return _named("slots", used)


def _inside(view: View) -> list[RenderableType]:
    """What waits inside the workers, which no queue shows."""
    waiting = view.seen.progress.waiting
    parts = [f"{each.count} {NAMES[each.kind]}, the oldest for {each.seconds:.0f} s" for each in waiting]
    return [_named("waiting", parts)] if parts else []


def _named(name: str, values: Sequence[str]) -> Text:
    return _clipped(Text.assemble((f"{name:<9}", "dim"), "  ".join(values)))


def _counted(counts: Mapping[str, int]) -> Sequence[str]:
    return [f"{name.replace('_', ' ')} {count}" for name, count in counts.items() if count]


def _foot(view: View) -> Text:
    if view.notice is not None:
        return _wrapped(Text(view.notice, "bold"))
    keys = BOARD_KEYS if view.has_board else KEYS
    return _clipped(Text(keys if view.has_keys else "", "dim"))


def _lines(line: RenderableType, width: int) -> int:
    """How many lines it takes; only sentences are wrapped."""
    if not isinstance(line, Text) or line.no_wrap or line.no_wrap is None:
        return 1
    return max(1, -(-line.cell_len // max(1, width)))


def _cut(head: Sequence[RenderableType], width: int, height: int) -> list[RenderableType]:
    """As many of the lines as there is room for, from the top."""
    kept: list[RenderableType] = []
    used = 0
    for part in head:
        used += _lines(part, width)
        if used > height:
            break
        kept.append(part)
    return kept


def _shares(parts: Sequence[Part], room: int) -> list[int]:
    """How many lines each part gets: in turn a row more, while it has one to show and there is room; a part that
    would get no row of its own gets nothing."""
    shares = [0] * len(parts)
    for n, part in enumerate(parts):
        if room >= part.least:
            shares[n], room = part.least, room - part.least
    while room > 0:
        starved = [n for n, part in enumerate(parts) if 0 < shares[n] < part.most]
        if not starved:
            break
        for n in starved[:room]:
            shares[n] += 1
        room -= len(starved[:room])
    return shares


def _side_by_side(parts: Sequence[Part], room: int, width: int) -> RenderableType:
    table = Table.grid(padding=(0, 2), expand=True)
    for _ in parts:
        table.add_column(ratio=1)
    table.add_row(*(part.drawn(min(room, part.most)) for part in parts))
    return table
