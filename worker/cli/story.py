"""``dialer contacts story``: all there is about one person, for whoever has them on the phone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from textwrap import wrap
from typing import Any

import click

from worker.cli.calls import event_in_words
from worker.cli.context import Context, broker_answers, country_option, for_team
from worker.cli.showing import json_option, plain, show_json, some
from worker.operations.story import Story, contact_story, find_person

WIDTH = 78
MOST_SHOWN = 20
"""Calls, and edits; `--json` has more."""


@click.command()
@click.argument("person", metavar="PHONE|ID|EXTERNAL_ID")
@country_option
@json_option
@for_team
def story(context: Context, person: str, country: str | None, as_json: bool) -> None:
    """Tell all there is about one person: campaigns and why they wait or are not called, calls with all that carriers
    said, edits, do-not-call."""
    region = context.region(country)
    contact_id = find_person(context.dialer, context.team_id, person, region=region)
    found = contact_story(context.dialer, context.team_id, contact_id, broker_answers=broker_answers)
    if as_json:
        show_json(**found.answer())
        return
    for line in lines_of(found):
        click.echo(plain(line))


def lines_of(found: Story) -> Iterator[str]:
    """The story, in lines that fit a terminal."""
    contact = found.contact
    name = f"{contact['first_name']} {contact['last_name']}".strip() or "No name"
    number = contact["phone_e164"] or contact["phone"] or "no phone number"
    known = f", known as {contact['external_id']}" if contact["external_id"] else ""
    yield from _wrapped(f"{name}, {number} ({contact['id']}{known})", "")
    yield from _wrapped(_do_not_call(found.do_not_call, found.at), "  ")
    yield ""
    yield some(len(found.campaigns), "campaign") + (":" if found.campaigns else ".")
    for each in found.campaigns:
        used = f"{each.row.attempts} of {some(each.row.max_attempts_per_contact, 'attempt')}"
        yield from _wrapped(f"{each.row.name} ({each.row.campaign_id}), {each.row.status}, {used}", "  ")
        yield from _wrapped(each.standing.message, "    ")
    yield ""
    yield some(len(found.calls), "call") + (", the latest first:" if found.calls else ".")
    for call in found.calls[:MOST_SHOWN]:
        yield from _call(call, found)
    if found.edits:
        yield ""
        yield "Edits, the latest first:"
    for edit in found.edits[:MOST_SHOWN]:
        fields = edit["detail"].get("fields")
        what = f"{edit['action'].replace('_', ' ')}{': ' + ', '.join(fields) if fields else ''}"
        yield from _wrapped(f"{found.at(_read(edit['at']))}  {what}, by {edit['actor']}", "  ")


def _call(call: Mapping[str, Any], found: Story) -> Iterator[str]:
    how = (call["disposition"] or call["status"]).replace("_", " ")
    means = f": {call['cause_meaning']}" if call["cause_meaning"] else ""
    code = f" ({call['cause']}{means})" if call["cause"] else ""
    yield from _wrapped(f"{found.at(_read(call['created_at']))}  {how}{code}", "  ")
    yield from _wrapped(f"{call['id']} from {call['from_number']} to {call['to_number']}, {call['carrier']}", "    ")
    for event in call["events"]:
        yield from _wrapped(f"{found.at(_read(event['received_at']))}  {event_in_words(event)}", "    ")


def _do_not_call(ban: Mapping[str, Any], at: Any) -> str:
    if not (ban["by_flag"] or ban["by_list"]):
        return "May be called: neither marked do-not-call nor on the list."
    by_import = f" by the import {', '.join(ban['imports'])}" if ban["imports"] else ""
    why = f" ({ban['list_reason']})" if ban["list_reason"] else ""
    said = [
        *([f"marked do-not-call{by_import}"] if ban["by_flag"] else []),
        *(
            [f"its number is on the do-not-call list since {at(_read(ban['listed_at']))}{why}"]
            if ban["by_list"]
            else []
        ),
    ]
    return f"Not to be called: {'; '.join(said)}."


def _read(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _wrapped(text: str, indent: str) -> Iterator[str]:
    yield from wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False)
