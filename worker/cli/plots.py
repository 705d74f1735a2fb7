"""The four drawings of a report, by matplotlib: as SVG for a page, together as one PNG.

matplotlib rather than plotly: a page with plotly's drawings carries 4.9 MB of its JavaScript and cannot become a PNG
without a browser; these are some kilobytes of SVG, show without any script, and the same code makes the PNG.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import matplotlib.dates
import pytz
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from worker.domain.model import Disposition
from worker.domain.window import local_time
from worker.operations.report import CampaignReport

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # that a home cannot be written to is no news here

WIDTH, HEIGHT = 9.6, 3.3
MOST_BARS = 500
INK, PAPER, EMPTY = "#222222", "#ffffff", "#e9e9e9"
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlesize": 11,
    "figure.facecolor": PAPER,
    "svg.hashsalt": "dialer",  # the same report is the same file
}


def svgs(report: CampaignReport) -> dict[str, str]:
    """Each drawing as an ``<svg>`` element, by what it shows."""
    return {" ".join((draw.__doc__ or "").split()): _svg(report, draw) for draw in DRAWINGS}


def _svg(report: CampaignReport, draw: Callable[[Axes, CampaignReport], None]) -> str:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        draw(figure.add_subplot(), report)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def png(report: CampaignReport) -> bytes:
    """All of them on one sheet."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT * len(DRAWINGS)), layout="constrained")
        figure.suptitle(f"{report.facts.name} ({report.facts.id})", fontsize=13, fontweight="bold", parse_math=False)
        parts: Any = figure.subfigures(len(DRAWINGS))  # each with margins of its own
        for part, draw in zip(parts, DRAWINGS, strict=True):
            draw(part.add_subplot(), report)
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=120)
    return out.getvalue()


def calls_per_hour(axes: Axes, report: CampaignReport) -> None:
    """Bars of calls placed in each hour, by how they ended. Where the hours are too many to see, a bar is the mean of
    several."""
    axes.set_title("Calls per hour by disposition")
    if not report.hours:
        return _nothing(axes, "No call has ended yet.")
    first, last = (int(at.timestamp()) // 3600 for at in (min(report.hours), max(report.hours)))
    span = 1 + (last - first) // MOST_BARS
    edges = [_day((first + span * n) * 3600) for n in range((last - first) // span + 2)]
    base = [0.0] * (len(edges) - 1)
    for disposition in Disposition:
        values = [0.0] * len(base)
        for at, calls in report.hours.items():
            values[(int(at.timestamp()) // 3600 - first) // span] += calls.get(disposition, 0) / span
        if any(values):
            tops = [low + value for low, value in zip(base, values, strict=True)]
            colour, label = disposition.traits.colour, disposition.label
            axes.stairs(tops, edges, baseline=base, fill=True, color=colour, label=label)
            base = tops
    axes.set_ylabel("calls an hour" if span == 1 else f"calls an hour, mean of {span}")
    axes.set_ylim(0, max(base) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(integer=span == 1))
    if span * len(base) < 3:  # an hour or two would fill the sheet
        axes.set_xlim(edges[0] - 2 / 24, edges[-1] + 2 / 24)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    _time_axis(axes, report)
    return None


def slots_in_use(axes: Axes, report: CampaignReport) -> None:
    """The most slots held at once in each stretch of time, and the limit as calls were reserved under it."""
    axes.set_title("Slots in use, against the campaign's limit")
    if report.use is None:
        return _nothing(axes, "No slot has been taken yet.")
    edges = [_day(at.timestamp()) for at in report.use.edges]
    axes.stairs(report.use.peaks, edges, fill=True, color="#0072b2", alpha=0.75, label="slots in use")
    axes.stairs(report.use.limits, edges, baseline=None, color="#d55e00", linewidth=1.6, linestyle="--", label="limit")
    axes.set_ylim(0, max(*report.use.limits, *report.use.peaks) * 1.15 + 0.2)
    axes.set_ylabel("calls at once")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    _time_axis(axes, report)
    return None


def attempts_until_answer(axes: Axes, report: CampaignReport) -> None:
    """How many contacts answered at their first call, their second, …; above each bar, of how many calls."""
    axes.set_title("Attempts until answer")
    if not report.attempts:
        return _nothing(axes, "No call has ended yet.")
    tries = range(1, max(report.attempts) + 1)
    made = [report.attempts.get(n, (0, 0)) for n in tries]
    answers = [answered for _, answered in made]
    bars = axes.bar([str(n) for n in tries], answers, width=0.6, color=Disposition.ANSWERED.traits.colour)
    said = [f"{took} of {calls}\n{100 * took / calls:.0f} %" if calls else "no call" for calls, took in made]
    axes.bar_label(bars, labels=said, padding=2, fontsize=8)
    axes.set_ylim(0, max(1, *answers) * 1.3)
    axes.set_xlim(-0.8, max(3, len(answers)) - 0.2)
    axes.set_xlabel("call to the contact")
    axes.set_ylabel("answered")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return None


def answer_rate_by_hour(axes: Axes, report: CampaignReport) -> None:
    """Of the calls placed in each hour of the week, on the callee's own clock, the share that was answered."""
    axes.set_title("Answer rate by the callee's hour and weekday")
    calls, answers = report.week.calls, report.week.answers
    if not any(map(any, calls)):
        return _nothing(axes, "No call has ended yet.")
    pairs = [list(zip(made, took, strict=True)) for made, took in zip(calls, answers, strict=True)]
    rates = [[took / made if made else float("nan") for made, took in day] for day in pairs]
    highest = max(took / made for day in pairs for made, took in day if made)
    axes.set_facecolor(EMPTY)
    shown = axes.imshow(rates, aspect="auto", cmap="YlGn", vmin=0, vmax=max(0.1, highest))
    for y, day in enumerate(pairs):
        for x, (made, took) in enumerate(day):
            if made:
                is_dark = took / made > 0.6 * max(0.1, highest)
                colour = PAPER if is_dark else INK
                axes.text(x, y, f"{100 * took / made:.0f}", ha="center", va="center", fontsize=7, color=colour)
    axes.set_yticks(range(7), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
    axes.set_xticks(range(24), [f"{hour:02d}" for hour in range(24)])
    axes.set_xlabel("hour on the callee's clock; grey: no call")
    axes.tick_params(length=0)
    figure = axes.get_figure()
    assert figure is not None
    bar = figure.colorbar(shown, ax=axes, pad=0.01)
    bar.set_label("answered")
    bar.ax.yaxis.set_major_formatter(lambda rate, _: f"{100 * rate:.0f} %")
    return None


DRAWINGS: Sequence[Callable[[Axes, CampaignReport], None]] = (
    calls_per_hour,
    slots_in_use,
    attempts_until_answer,
    answer_rate_by_hour,
)


def _nothing(axes: Axes, sentence: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, sentence, ha="center", va="center", color="#777777", transform=axes.transAxes)


def _day(epoch: float) -> float:
    return epoch / 86_400


def _time_axis(axes: Axes, report: CampaignReport) -> None:
    """On the clock of the campaign's zone; matplotlib counts days since 1970."""
    dates: Any = matplotlib.dates  # its stubs know no dates
    is_known = local_time(report.facts.now, report.zone) is not None
    zone = pytz.timezone(report.zone if is_known else "UTC")
    locator = dates.AutoDateLocator(minticks=3, maxticks=9, tz=zone)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=zone))
    axes.set_xlabel(str(zone))
