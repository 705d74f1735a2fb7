"""``dialer campaigns report``: a campaign's calls as one page that needs nothing else, or as a picture."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

import click

from worker.cli.context import Context, for_team
from worker.domain.errors import Fault, Invalid, Refused
from worker.domain.model import Disposition
from worker.domain.on_the_clock import day
from worker.domain.reach import reach
from worker.operations.report import CampaignReport, read_report

NO_MATPLOTLIB = "Drawing needs matplotlib; install it with: python -m pip install matplotlib"
SUFFIXES = (".html", ".htm", ".png")

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; margin: 2rem auto; max-width: 62rem;
       padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }}
p {{ color: #555; margin: .2rem 0 1.2rem; }}
dl {{ display: flex; flex-wrap: wrap; gap: .6rem 2.2rem; margin: 0 0 1rem; }}
dt {{ color: #555; font-size: .85rem; }}
dd {{ margin: 0; font-size: 1.45rem; font-variant-numeric: tabular-nums; }}
figure {{ margin: 0 0 1.4rem; }}
svg {{ width: 100%; height: auto; }}
table {{ border-collapse: collapse; }}
td, th {{ text-align: right; padding: .15rem 1.2rem .15rem 0; font-variant-numeric: tabular-nums; }}
td:first-child, th:first-child {{ text-align: left; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{subtitle}</p>
<dl>{figures}</dl>
{drawings}
{dispositions}
</body>
</html>
"""


@click.command()
@click.argument("campaign_id")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE.html|FILE.png",
    help="Where to write it; the ending says what. Default: CAMPAIGN_ID.html in this directory.",
)
@for_team
def report(context: Context, campaign_id: str, output: Path | None) -> None:
    """Draw CAMPAIGN_ID's calls: per hour, slots in use, attempts until answer, answer rate by the callee's hour.

    The page holds its drawings and needs no network.
    """
    try:
        from worker.cli import plots
    except ImportError as error:
        raise Refused(NO_MATPLOTLIB) from error
    path = output or Path(re.sub(r"[^\w.-]", "_", campaign_id) + ".html")
    if path.suffix.lower() not in SUFFIXES:
        raise Invalid([Fault("output", f"{path} must end in .html or .png.")])
    found = read_report(context.dialer, context.team_id, campaign_id)
    is_picture = path.suffix.lower() == ".png"
    drawn = plots.png(found) if is_picture else page(found, plots.svgs(found)).encode()
    try:
        path.write_bytes(drawn)
    except OSError as error:
        raise Invalid([Fault("output", f"{path} cannot be written ({error.strerror}); name another file.")]) from error
    click.echo(str(path))


def page(report: CampaignReport, drawings: Mapping[str, str]) -> str:
    """The report as a page of its own; ``drawings`` are ``<svg>`` elements by what they show."""
    facts, has_calls = report.facts, report.use is not None
    figures = [f'<figure role="img" aria-label="{escape(what)}">{svg}</figure>' for what, svg in drawings.items()]
    return PAGE.format(
        title=escape(facts.name),
        subtitle=escape(f"{facts.id}, {facts.status}, as of {day(facts.now, report.zone)}"),
        figures="".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in _figures(report)),
        drawings="\n".join(figures) if has_calls else "<p>No call has been placed yet.</p>",
        dispositions=_dispositions(report) + _outcomes(report),
    )


def _dispositions(report: CampaignReport) -> str:
    placed = _calls(report)
    made = sum(placed.values())
    rows = "".join(
        f"<tr><td>{name.label}</td><td>{count:,}</td><td>{100 * count / made:.1f} %</td></tr>"
        for name, count in placed.items()
    )
    return f"<table><tr><th>disposition</th><th>calls</th><th>share</th></tr>{rows}</table>" if rows else ""


def _outcomes(report: CampaignReport) -> str:
    total = sum(report.outcomes.values())
    rows = "".join(
        f"<tr><td>{escape(word)}</td><td>{count:,}</td><td>{100 * count / total:.1f} %</td></tr>"
        for word, count in report.outcomes.items()
    )
    return f"<table><tr><th>outcome</th><th>calls</th><th>share</th></tr>{rows}</table>" if rows else ""


def _figures(report: CampaignReport) -> Iterator[tuple[str, str]]:
    counts, placed = report.counts, _calls(report)
    made = sum(placed.values())
    answered = sum(count for disposition, count in placed.items() if disposition.traits.answered)
    yield "contacts", f"{counts['total']:,}"
    for word, count in reach(report.facts.status, counts).items():
        if count or word != "cancelled":
            yield word.replace("_", " "), f"{count:,}"
    yield "calls", f"{made:,}"
    if report.first_words[0]:
        yield "first words later than 2 s", f"{report.first_words[1]:,} of {report.first_words[0]:,}"
    yield "of calls answered", f"{100 * answered / made:.1f} %" if made else "-"


def _calls(report: CampaignReport) -> dict[Disposition, int]:
    """Calls that were placed and have ended, by disposition, in the order of the field's words."""
    found = {name: sum(hour.get(name, 0) for hour in report.hours.values()) for name in Disposition}
    return {name: count for name, count in found.items() if count}
