"""``dialer campaigns run``: open a run, or say what one would do."""

from __future__ import annotations

from typing import Any

import click

from worker.cli.context import ACTOR, NUMBER, Context, as_body, broker_answers, confirm, for_team, is_answered
from worker.cli.showing import (
    MOST_NAMED,
    Cell,
    all_option,
    first_of,
    json_option,
    plain,
    show_json,
    show_rows,
    show_warnings,
    some,
)
from worker.domain.errors import Conflict
from worker.domain.model import Reason
from worker.domain.run_request import RunRequest, parse_run
from worker.domain.screening import causes_in_words
from worker.flow import admit
from worker.flow.base import Step
from worker.flow.run_result import RunIsOpen, RunResult, Unreached
from worker.operations import views
from worker.operations.progress import read_progress


@click.command()
@click.argument("campaign_id")
@click.option("--max-calls", type=NUMBER, help="Cap the calls of this run, retries included.")
@click.option("--dry-run", is_flag=True, help="Say what would happen now, and change nothing.")
@click.option("--account-slug", metavar="SLUG", help="Refuse if this is not the slug of the campaign's team.")
@click.option("--replace", is_flag=True, help="Where a run is open, let this one take its place; else it is asked.")
@all_option
@json_option
@for_team
def run(context: Context, /, campaign_id: str, replace: bool, with_all: bool, as_json: bool, **given: Any) -> None:
    """Open a run: reserve its first calls and hand them to the workers. Who cannot be called is counted by cause, and a
    few are named."""
    wanted = parse_run(as_body(**given))
    try:
        result, steps = _run(context, campaign_id, wanted, may_replace=replace)
    except RunIsOpen as open_run:
        if not is_answered():
            raise Conflict(f"{open_run} Say --replace if it is to, or nothing to let the open one go on.") from None
        confirm(f"{open_run} Replace it?", yes=False)
        result, steps = _run(context, campaign_id, wanted, may_replace=True)
    context.carry_out(steps)
    if as_json:
        show_json(**views.run_answer(result))
        return
    _print_run(result, with_all=with_all)
    if not (result.calls or result.dry_run) and result.remaining:
        found = read_progress(context.dialer, context.team_id, campaign_id, broker_answers=broker_answers)
        click.echo(plain(found.activity.message))


def _run(context: Context, campaign_id: str, wanted: RunRequest, *, may_replace: bool) -> tuple[RunResult, list[Step]]:
    return admit.run_campaign(
        context.dialer,
        campaign_id,
        opened_by=ACTOR,
        max_calls=wanted.max_calls,
        dry_run=wanted.dry_run,
        team_id=context.team_id,
        account_slug=wanted.account_slug,
        may_replace=may_replace,
    )


def _print_run(result: RunResult, *, with_all: bool) -> None:
    click.echo(result.message + ".")
    if result.dry_run and result.calls:
        columns: dict[str, Cell] = {"contact id": "contact_id", "from": "from_number", "to": "to_number"}
        show_rows(views.run_answer(result)["calls"], columns)
    if result.failed:
        click.echo(f"{some(result.failed, 'contact')} cannot be called:")
    for reason, count in result.causes.items():
        click.echo(plain(f"  {causes_in_words(reason, count)}: {_named(result, reason, count, with_all=with_all)}"))
    click.echo(f"{some(result.remaining, 'contact')} still waiting.")
    if result.waits is not None and result.now is not None:
        for clause in result.waits.clauses(result.now, result.zone):
            click.echo(plain(f"  {clause}"))
    for sentence in result.missing if with_all else result.missing[:MOST_NAMED]:
        click.echo(plain(f"  {sentence}"))
    show_warnings(result.warnings)


def _named(result: RunResult, reason: Reason, count: int, *, with_all: bool) -> str:
    """The first few of those who cannot be called for this reason, or as many as the answer has; the contacts' list has
    all."""
    names = [_who(one) for one in result.unreached if one.reason is reason]
    return first_of(names, count, with_all=with_all) if names else "see the list of contacts"


def _who(one: Unreached) -> str:
    """The name and the number, as far as there are any, and else the id."""
    return " ".join(filter(None, (one.name, one.phone))) or one.contact_id
