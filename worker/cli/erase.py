"""``dialer erase``: nothing of a person is left."""

from __future__ import annotations

import click

from worker.cli.context import Context, confirm, country_option, for_team, yes_option
from worker.cli.showing import json_option, show_json, some


@click.command()
@click.argument("person", metavar="PHONE|CONTACT_ID|EXTERNAL_ID")
@country_option
@yes_option
@json_option
@for_team
def erase(context: Context, person: str, country: str | None, yes: bool, as_json: bool) -> None:
    """Erase a person, and go on refusing their number. Contacts go, what calls and news of them say, do-not-call
    entries, consents, notes, kept answers. Calls stay, without the number. Calls that are live are hung up first; the
    same again says how far it is."""
    from worker.operations import erasures

    confirm(f"Erase {person} for good?", yes)
    done, steps = erasures.erase_person(
        context.dialer,
        context.team_id,
        erasures.meant_by(context.dialer, context.team_id, person, context.region(country)),
        actor=context.actor,
        region=context.region(country),
    )
    context.carry_out(steps)
    if as_json:
        show_json(erasure=done.answer())
    elif done.is_done:
        click.echo(f"Erased: {some(done.contacts, 'contact')}. ({done.id})")
    elif done.live_calls:
        click.echo(f"{some(len(done.live_calls), 'call')} to them is hung up; then they are erased. ({done.id})")
    else:
        click.echo(f"Nobody calls them any more; the rest is being looked through. ({done.id})")
