"""``dialer contacts export-person``: all that is known of one person."""

from __future__ import annotations

import click

from worker.cli.context import Context, broker_answers, country_option, for_team
from worker.cli.showing import show_json


@click.command()
@click.argument("person", metavar="PHONE|ID|EXTERNAL_ID")
@country_option
@for_team
def export_person(context: Context, person: str, country: str | None) -> None:
    """Write all that is known of one person, as JSON. That is the story, the entries of do-not-call lists, and the
    consents."""
    from worker.operations.everything import everything_of
    from worker.operations.story import find_person

    contact_id = find_person(context.dialer, context.team_id, person, region=context.region(country))
    show_json(**everything_of(context.dialer, context.team_id, contact_id, broker_answers=broker_answers))
