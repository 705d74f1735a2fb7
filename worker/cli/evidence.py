"""``dialer calls evidence``: what let each call to a number pass, for whoever has to show that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from worker.cli.context import Context, country_option, for_team
from worker.cli.files import OUTPUT, writing
from worker.cli.showing import json_option, plain, show_json, some
from worker.domain.paging import read_since
from worker.operations.evidence import Wanted, all_evidence
from worker.operations.export_text import lines_of
from worker.operations.instants import instant

FIELDS = (
    "id", "campaign_id", "campaign", "contact_id", "from_number", "to_number", "dialed_at", "clocks", "valid_until",
    "place", "areas", "purpose", "consent", "pack", "rules", "attempt", "calls_before", "ringing_at", "answered_at",
    "ended_at", "disposition", "cause", "outcome",
)  # fmt: skip
"""The columns of the table, in order."""


@click.command()
@click.option("--number", required=True, metavar="NUMBER", help="The number that was called, however it is written.")
@click.option("--from", "from_", metavar="INSTANT", help="Only calls reserved then or later.")
@click.option("--to", metavar="INSTANT", help="Only calls reserved before.")
@click.option("--format", "form", type=click.Choice(["text", "csv"]), default="text", show_default=True,
              help="csv is safe to open in a spreadsheet.")  # fmt: skip
@click.option("--output", "-o", type=OUTPUT, metavar="FILE", help="Write here instead of to standard output.")
@country_option
@json_option
@for_team
def evidence(
    context: Context, /, number: str, from_: str | None, to: str | None, form: str, output: str | None,
    country: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Show what let each call to NUMBER pass, the oldest first: the rules that bound it and where they are written, the
    clock it was placed by, the consent there was, the calls to the number before it, and how it ended. Where no rules
    were turned on, it says so: the campaign's call window alone decided then."""
    wanted = Wanted(number, _instant(from_, "from"), _instant(to, "to"))
    calls = all_evidence(context.dialer, context.team_id, wanted, region=context.region(country))
    if as_json:
        found = list(calls)
        show_json(calls=found, count=len(found))
        return
    with writing(output) as file:
        for line in lines_of(FIELDS, map(_flat, calls), "csv") if form == "csv" else report(wanted, calls):
            file.write(line)


def _instant(text: str | None, path: str) -> datetime | None:
    return None if text is None else read_since(text, path)


def _flat(call: Mapping[str, Any]) -> dict[str, Any]:
    """A call as one row of a table."""
    return {
        **call,
        "clocks": [f"{clock['local']} {clock['zone']}" for clock in call["clocks"]],
        "rules": [": ".join(filter(None, (rule["rule"], rule["source"]))) for rule in call["rules"]],
    }


def report(wanted: Wanted, calls: Iterator[Mapping[str, Any]]) -> Iterator[str]:
    """The calls in words, in lines."""
    count = 0
    for count, call in enumerate(calls, start=1):
        yield from (f"{plain(line)}\n" for line in _of_call(count, call))
        yield "\n"
    span = "".join(f" {word} {instant(at)}" for word, at in (("from", wanted.since), ("to", wanted.until)) if at)
    yield f"{some(count, 'call')} to {plain(wanted.number)}{span}, as far as calls are kept.\n"


def _of_call(n: int, call: Mapping[str, Any]) -> Iterator[str]:
    clocks = ", ".join(f"{clock['local']} in {clock['zone']}" for clock in call["clocks"])
    numbers = f"to {call['to_number']} from {call['from_number']}"
    yield f"{n}. {call['dialed_at']}{f' ({clocks})' if clocks else ''}: {numbers}"
    yield f"   Call {call['id']} of campaign {call['campaign']} ({call['campaign_id']}), contact {call['contact_id']}."
    before = call["calls_before"]
    attempt = f"attempt {call['attempt']} of the campaign at this contact" if call["attempt"] else "not an attempt"
    yield f"   It was {attempt}; {some(before, 'call')} of the team went to the number before it."
    if call["pack"] is None:
        yield "   No rules were turned on for it; the campaign's call window alone decided."
    else:
        where = ", ".join(call["areas"]) or "a place nobody knows"
        yield f"   Purpose {call['purpose']}, in {where}; consent on record: {call['consent'] or 'none'}."
        yield (
            f"   It passed these rules (version {call['pack']}):"
            if call["rules"]
            else "   No rule is about such a call."
        )
        for rule in call["rules"]:
            yield f"   - {rule['text'] or 'a rule that is no more'} [{rule['rule']}: {rule['source'] or 'unknown'}]"
    if call["valid_until"]:
        yield f"   It could be placed until {call['valid_until']}."
    ended = (call["disposition"] or "not yet").replace("_", " ")
    spoken = f", answered at {call['answered_at']}" if call["answered_at"] else ""
    reported = f", reported as {call['outcome']}" if call["outcome"] else ""
    yield f"   It ended: {ended}{spoken}{reported}."
