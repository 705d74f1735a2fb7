"""``dialer contacts why``: whether a contact is called, and by which rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from worker.cli.context import Context, country_option, for_team
from worker.cli.showing import json_option, plain, show_json
from worker.operations.decision import decide_contact, decide_everywhere, decision_view
from worker.operations.story import find_person


@click.command()
@click.argument("person", metavar="PHONE|ID|EXTERNAL_ID")
@click.option("--campaign", metavar="ID", help="Only in this campaign; left out, in all the contact is in.")
@click.option("--at", metavar="INSTANT", help="When it would be called, by the callee's clock where it has no offset; "
              "the campaign counts as running then. Left out, now.")  # fmt: skip
@country_option
@json_option
@for_team
def why(
    context: Context, /, person: str, campaign: str | None, at: str | None, country: str | None, as_json: bool
) -> None:
    """Say whether a contact is called, waits until when, or never is, and why: the rules with where they are written,
    the campaign's window, a do-not-call. It is decided as the dialer decides it."""
    contact_id = find_person(context.dialer, context.team_id, person, region=context.region(country))
    if campaign is not None:
        found = decide_contact(context.dialer, context.team_id, campaign, contact_id, at=at)
        decisions = [{"campaign_id": campaign, **decision_view(found)}]
    else:
        each = decide_everywhere(context.dialer, context.team_id, contact_id, at=at)
        decisions = [{"campaign_id": row.campaign_id, "name": row.name, **decision_view(one)} for row, one in each]
    if as_json:
        show_json(contact_id=contact_id, decisions=decisions)
        return
    if not decisions:
        click.echo("It is in no campaign, so nobody calls it.")
    for one in decisions:
        for line in _lines(one):
            click.echo(plain(line))


def _lines(one: Mapping[str, Any]) -> Iterator[str]:
    name = f"{one['name']} ({one['campaign_id']})" if "name" in one else one["campaign_id"]
    yield f"{name}: {one['message']}"
    if one["places"]:
        yield f"  It may be in {', '.join(one['places'])}."
    for clock in one["clocks"]:
        yield f"  {clock['local']} in {clock['zone']}"
    for each in one["because"]:
        source = f": {each['source']}" if each["source"] else ""
        yield f"  - {each['text']} [{each['rule']}{source}]"
