"""``dialer contacts replace``: where all contacts may be, by the tables of this version."""

from __future__ import annotations

import click

from worker.cli.context import ACTOR, carry_out, for_all
from worker.cli.showing import json_option, plain, show_json, some
from worker.flow.base import Dialer
from worker.operations.contact_places import place_contacts

MOST_SHOWN = 10


@click.command()
@json_option
@for_all
def replace(dialer: Dialer, as_json: bool) -> None:
    """Find anew where the contacts of all teams may be: after an upgrade that says so, for the tables of numbers, area
    codes and postal codes have changed. Who waits in a campaign that goes by places is called by the new one. It
    counts who moved; ended half way, the same command does the rest."""
    done = place_contacts(dialer, actor=ACTOR)
    carry_out(done.steps)
    moves = [{"from": before, "to": after, "contacts": count} for (before, after), count in done.moved.most_common()]
    if as_json:
        show_json(contacts=done.contacts, moved=done.moved.total(), first_placed=done.first_placed, moves=moves)
        return
    moved = done.moved.total() - done.first_placed
    click.echo(f"Looked at {some(done.contacts, 'contact')}: {moved} moved, {done.first_placed} had no place before.")
    for move in moves[:MOST_SHOWN]:
        click.echo(plain(f"  {move['contacts']} from {move['from'] or 'nowhere'} to {move['to'] or 'nowhere'}"))
    if len(moves) > MOST_SHOWN:
        click.echo(f"  and {len(moves) - MOST_SHOWN} other moves; --json names all.")
