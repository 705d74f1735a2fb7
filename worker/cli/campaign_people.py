"""``dialer campaigns add``, ``remove``, ``requeue``: contacts of a campaign by a filter. By their ids they are
``dialer contacts add`` and so on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from worker.cli.context import NUMBER, Context, as_body, country_option, for_team
from worker.cli.resources import options
from worker.cli.showing import json_option, plain, show_json, some
from worker.domain.additions import DEFAULT_PRIORITY, PRIORITY
from worker.domain.fields import read_fields
from worker.domain.selection import FILTER, STATUS, filter_fields
from worker.operations.by_filter import Handled, Matching

MOST_SHOWN = 10
"""Of those of whom it was not done."""


def _filtered(command: Callable[..., None], *, in_campaign: bool) -> Callable[..., None]:
    """Give a command an option for each field of a filter."""
    wrapped = options(FILTER, is_new=False)(country_option(json_option(for_team(command))))
    if in_campaign:
        wrapped = options([STATUS], is_new=False)(wrapped)
    return click.argument("campaign_id")(wrapped)


def of_team(command: Callable[..., None]) -> Callable[..., None]:
    """The filters for contacts of the team."""
    return _filtered(command, in_campaign=False)


def of_campaign(command: Callable[..., None]) -> Callable[..., None]:
    """The filters for contacts of a campaign."""
    return _filtered(command, in_campaign=True)


def _do(
    verb: Callable[[Matching], Handled],
    context: Context,
    campaign_id: str,
    country: str | None,
    given: dict[str, Any],
    *,
    in_campaign: bool,
) -> Handled:
    chosen = as_body(**given)
    if not chosen:
        raise click.UsageError("Say which contacts: give at least one option.", click.get_current_context())
    filters = read_fields(chosen, filter_fields(in_campaign=in_campaign))
    region = context.region(country)
    done = verb(Matching(context.dialer, context.team_id, campaign_id, filters, context.actor, region))
    context.carry_out(done.steps(context.team_id, campaign_id))
    return done


@click.command()
@of_team
@click.option("--priority", type=NUMBER, help="Of those who are due, 1 is called first and 9 last. Default 5.")
def add(
    context: Context, /, campaign_id: str, country: str | None, as_json: bool, priority: object, **given: Any
) -> None:
    """Add the team's contacts that match to CAMPAIGN_ID; those in it already are left as they are."""
    theirs = DEFAULT_PRIORITY if priority is None else PRIORITY(priority, "priority")
    verb = partial(Matching.add, priority=theirs)
    done = _do(verb, context, campaign_id, country, given, in_campaign=False)
    if as_json:
        show_json(matched=done.matched, added=done.done)
        return
    others = "; the others were in it already" if done.done < done.matched else ""
    click.echo(f"Added {some(done.done, 'contact')} of {done.matched} that match{others}.")


@click.command()
@of_campaign
def remove(context: Context, /, campaign_id: str, country: str | None, as_json: bool, **given: Any) -> None:
    """Take the contacts that match out of CAMPAIGN_ID; who has calls in it stays, for calls are history."""
    done = _do(Matching.remove, context, campaign_id, country, given, in_campaign=True)
    if as_json:
        show_json(removed=done.done, matched=done.matched, kept=done.refused)
        return
    kept = f"; {done.refused} have calls and stay" if done.refused else ""
    click.echo(f"Removed {some(done.done, 'contact')} of {done.matched} that match{kept}.")


@click.command()
@of_campaign
def requeue(context: Context, /, campaign_id: str, country: str | None, as_json: bool, **given: Any) -> None:
    """Let the contacts of CAMPAIGN_ID that match wait again, if they were given up. Attempts that were used stay used;
    who is not to be called, or has declined, is not called."""
    done = _do(Matching.requeue, context, campaign_id, country, given, in_campaign=True)
    if as_json:
        show_json(requeued=done.done, refused=done.refused, errors=done.errors, matched=done.matched)
        return
    click.echo(f"Put {some(done.done, 'contact')} of {done.matched} that match back.")
    for error in done.errors[:MOST_SHOWN]:
        click.echo(plain(f"  {error}."))
    if done.refused > MOST_SHOWN:
        click.echo(f"  and {done.refused - MOST_SHOWN} more.")
