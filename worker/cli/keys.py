"""``dialer keys``: the bearer keys of the API."""

from __future__ import annotations

import click

from worker.cli.context import Context, confirm, for_team, yes_option
from worker.cli.resources import options
from worker.cli.showing import json_option, show_json, show_one, show_rows
from worker.domain.answers import KEY
from worker.domain.resources import KEY_FIELDS
from worker.operations.keys import create_key, list_keys, revoke_key
from worker.operations.views import view


@click.group()
def keys() -> None:
    """Bearer keys of the API; each belongs to one team."""


@keys.command()
@options(KEY_FIELDS, is_new=True)
@json_option
@for_team
def create(context: Context, name: str | None, role: str | None, as_json: bool) -> None:
    """Make a key; says its text, which nothing can show again."""
    row, token = create_key(context.dialer, context.team_id, name, actor=context.actor, role=role or None)
    if as_json:
        show_json(key=view(KEY, row), token=token)
        return
    click.echo(token)
    click.echo(f"Keep it well: key {row.id} is shown this once.", err=True)


@keys.command("list")
@json_option
@for_team
def list_them(context: Context, as_json: bool) -> None:
    """List the team's keys, newest first, revoked ones too; never their texts."""
    found = [view(KEY, row) for row in list_keys(context.dialer, context.team_id)]
    if as_json:
        show_json(keys=found, count=len(found))
    else:
        show_rows(
            found, {"id": "id", "name": "name", "role": "role", "last used": "last_used_at", "revoked": "revoked_at"}
        )


@keys.command()
@click.argument("key_id")
@yes_option
@json_option
@for_team
def revoke(context: Context, key_id: str, yes: bool, as_json: bool) -> None:
    """Let the key open nothing any more, from now on and for good."""
    confirm(f"Revoke key {key_id}? Whoever uses it is refused from then on.", yes)
    row = revoke_key(context.dialer, context.team_id, key_id, actor=context.actor)
    show_one("key", view(KEY, row), as_json=as_json)
