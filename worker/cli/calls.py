"""``dialer calls``: the calls of the team, in whatever campaign, and one with all its carrier said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from worker.cli.context import Context, country_option, for_team, paged
from worker.cli.evidence import evidence
from worker.cli.showing import Cell, json_option, plain, show_fields, show_json, show_rows
from worker.domain.model import Disposition
from worker.domain.paging import Part, read_key, read_since
from worker.operations.calls import get_call, list_calls
from worker.store.reads.calls import WantedCalls


@click.group()
def calls() -> None:
    """The calls of the team."""


def _how(call: Mapping[str, Any]) -> str:
    """How it ended, with the code and what that means; or how it stands."""
    how = str(call["disposition"] or call["status"]).replace("_", " ")
    if call["cause"] is None:
        return how
    means = f": {call['cause_meaning']}" if call["cause_meaning"] else ""
    return f"{how} ({call['cause']}{means})"


COLUMNS: dict[str, Cell] = {
    "id": "id",
    "at": "created_at",
    "to": "to_number",
    "attempt": "attempt",
    "how it ended": _how,
}


@calls.command("list")
@click.option("--contact-id", metavar="ID", help="Only calls to this contact.")
@click.option("--number", help="Only calls to this number, however it is written.")
@click.option("--campaign-id", metavar="ID", help="Only calls of this campaign.")
@click.option(
    "--disposition", type=click.Choice([each.value for each in Disposition]), help="Only calls that ended so."
)
@click.option("--outcome", metavar="WORD", help="Only calls reported so, of the campaign that is named.")
@click.option("--carrier-call-id", metavar="ID", help="Only the call that its carrier calls so.")
@click.option("--from", "from_", metavar="INSTANT", help="Only calls reserved then or later.")
@click.option("--to", metavar="INSTANT", help="Only calls reserved before.")
@click.option("--updated-since", metavar="INSTANT", help="Only what has changed since, in that order.")
@click.option("--after", metavar="PLACE", help="Go on behind the page that said this.")
@country_option
@paged
@json_option
@for_team
def list_them(
    context: Context,
    /,
    from_: str | None,
    to: str | None,
    updated_since: str | None,
    after: str | None,
    country: str | None,
    limit: int,
    offset: int,
    as_json: bool,
    **wanted: Any,
) -> None:
    """List the team's calls, newest first."""
    if after is not None and offset:
        raise click.UsageError("Say --after or --offset, not both.", click.get_current_context())
    part = Part(limit, offset, None if after is None else read_key(after), _instant(updated_since, "updatedSince"))
    chosen = WantedCalls(since=_instant(from_, "from"), until=_instant(to, "to"), **wanted)
    found = list_calls(context.dialer, context.team_id, chosen, part, region=context.region(country))
    if as_json:
        show_json(**found.answer("calls", part))
        return
    show_rows(found.shown, COLUMNS)
    if found.next is not None:
        click.echo(f"More: --after {found.next}", err=True)


def _instant(text: str | None, path: str) -> Any:
    return None if text is None else read_since(text, path)


@calls.command()
@click.argument("call_id")
@json_option
@for_team
def show(context: Context, call_id: str, as_json: bool) -> None:
    """Show one call, and what its carrier said of it."""
    call, events = get_call(context.dialer, context.team_id, call_id)
    if as_json:
        show_json(call=call, events=events)
        return
    show_fields({name.replace("_", " "): value for name, value in call.items() if value is not None})
    for event in events:
        click.echo(plain(f"  {event['received_at']}  {event_in_words(event)}"))


def event_in_words(event: Mapping[str, Any]) -> str:
    """``ended, busy, SIP 486: busy here``."""
    sip = None if event["sip_code"] is None else f"SIP {event['sip_code']}"
    if sip and event["sip_meaning"]:
        sip = f"{sip}: {event['sip_meaning']}"
    disposition = (event["disposition"] or "").replace("_", " ")
    return ", ".join(word for word in (event["kind"], disposition, event["verdict"], sip) if word)


calls.add_command(evidence)
