"""``dialer campaigns``: what operators do with campaigns. What moves one through its life is in
:mod:`worker.cli.campaign_life`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from worker.cli.campaign_status import campaign_of, show_status
from worker.cli.clocks import on_clocks
from worker.cli.context import Context, as_body, as_changes, broker_answers, for_team, paged
from worker.cli.resources import options
from worker.cli.showing import Cell, json_option, plain, show_changes, show_fields, show_json, show_page, show_warnings
from worker.domain.campaign import CAMPAIGN, WINDOW_COLUMNS
from worker.domain.campaign_warnings import warnings_of
from worker.domain.model import CampaignStatus
from worker.domain.on_the_clock import when
from worker.domain.reach import WORDS, in_words
from worker.domain.week_window import in_words as windows_in_words
from worker.operations import views
from worker.operations.campaign_edit import edit_campaign
from worker.operations.campaigns import create_campaign, list_campaigns
from worker.operations.names import doubled
from worker.operations.progress import Progress, read_progress
from worker.store.reads.campaign_list import Filter
from worker.store.reads.progress import CampaignFacts


@click.group()
def campaigns() -> None:
    """Campaigns and their runs."""


@campaigns.command()
@options(CAMPAIGN.settable(is_new=True), is_new=True)
@json_option
@for_team
def create(context: Context, /, as_json: bool, **given: Any) -> None:
    """Create a campaign, a draft unless it is given an instant to start at; says its id."""
    sent = as_body(**given)
    campaign_id = create_campaign(context.dialer, context.team_id, sent, actor=context.actor)
    warnings = warnings_of(sent)
    if as_json:
        show_json(campaign=campaign_of(context, campaign_id), **_warned(warnings))
        return
    click.echo(campaign_id)
    show_warnings([*warnings, *_doubled(context, sent)])


def _reach(word: str) -> Cell:
    return lambda campaign: campaign["reach"][word]


COLUMNS: dict[str, Cell] = {
    "id": "id",
    "status": "status",
    **{word.replace("_", " "): _reach(word) for word in WORDS if word != "cancelled"},
    "name": "name",
}


@campaigns.command("list")
@click.option("--status", type=click.Choice([status.value for status in CampaignStatus]), help="Only these.")
@click.option("--assistant-id", metavar="ID", help="Only campaigns of this assistant.")
@click.option("--deleted", type=click.Choice(["exclude", "include", "only"]), default="exclude", show_default=True)
@paged
@json_option
@for_team
def list_them(
    context: Context, status: str | None, assistant_id: str | None, deleted: str, limit: int, offset: int, as_json: bool
) -> None:
    """List the team's campaigns, newest first."""
    chosen = Filter(None if status is None else CampaignStatus(status), assistant_id, deleted)
    count, shown = list_campaigns(context.dialer, context.team_id, chosen, limit=limit, offset=offset)
    show_page("campaigns", shown, COLUMNS, count=count, limit=limit, offset=offset, as_json=as_json)


@campaigns.command()
@click.argument("campaign_id")
@json_option
@for_team
def show(context: Context, campaign_id: str, as_json: bool) -> None:
    """Show a campaign, how far it has come, and what it is doing or waiting for."""
    campaign = campaign_of(context, campaign_id)
    found = read_progress(context.dialer, context.team_id, campaign_id, broker_answers=broker_answers)
    progress = views.progress(found)
    if as_json:
        show_json(campaign=campaign, progress=progress)
        return
    click.echo(plain(f"{campaign['name']}: {progress['activity']['message']}"))
    show_fields(_in_words(campaign, progress, found))


_NOT_FOR_PEOPLE = ("team_id", "name", "from_number", "from_number_ids", "run_id", "total_contacts", "reach")


def _in_words(campaign: dict[str, Any], progress: dict[str, Any], found: Progress) -> dict[str, Any]:
    """The fields that say something, with what is counted; instants on the campaign's clock."""
    facts = found.facts
    is_due = found.next_due_at == facts.now
    words = {
        name.replace("_", " "): _on_its_clock(name, value, facts) if name.endswith("_at") else value
        for name, value in campaign.items()
        if value not in (None, {}) and name not in _NOT_FOR_PEOPLE and not name.startswith(("call_window", "contacts_"))
    }
    if campaign["call_window_timezone"] is not None:
        hours = "{call_window_start}-{call_window_end}".format(**campaign)
        windows = campaign["call_windows"]
        open_at = hours if windows is None else windows_in_words(windows)
        words["call window"] = f"{open_at} {campaign['call_window_timezone']}"
    words["contacts"] = in_words(progress["reach"])
    words["calls"] = _counted(progress["calls"] | {"live": progress["live_calls"]})
    if progress["next_due_at"] is not None and progress["status"] == CampaignStatus.RUNNING:
        at = found.activity.until if is_due else found.next_due_at  # due, it may wait for its window
        words["next due"] = "now" if at is None else when(at, facts.now, facts.call_window_timezone)
    if progress["run"] is not None:
        run = progress["run"]
        words["run"] = f"{run['id']}, {'open' if run['is_open'] else 'ended'}, opened by {run['opened_by']}"
        if run["max_calls"] is not None:
            words["run"] += f", {run['calls_used']} of {run['max_calls']} calls used"
    return words


def _on_its_clock(name: str, value: str, facts: CampaignFacts) -> str:
    """What it starts by is business time; what was done to it was done by the clock of the machines."""
    now = facts.now if name == "scheduled_start_at" else facts.machine_now
    return when(datetime.fromisoformat(value), now, facts.call_window_timezone)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count) or "none"


@campaigns.command()
@click.argument("campaign_id")
@options(CAMPAIGN.settable(is_new=False), is_new=False)
@click.option("--no-call-window", is_flag=True, help="Call at any hour.")
@json_option
@for_team
def edit(context: Context, /, campaign_id: str, no_call_window: bool, as_json: bool, **given: Any) -> None:
    """Change the fields given; an empty text puts one back to its default.

    Name and description change at any time, --max-concurrent-calls also while the campaign runs, everything else
    while it is draft, scheduled or paused.
    """
    if no_call_window:
        given |= dict.fromkeys(WINDOW_COLUMNS, "")
    sent = as_changes(**given)
    before = campaign_of(context, campaign_id)
    context.carry_out(edit_campaign(context.dialer, context.team_id, campaign_id, sent, actor=context.actor))
    warnings = warnings_of(sent)
    show_status(context, campaign_id, as_json, **_warned(warnings))
    if not as_json:
        show_changes(*(_what_is_set(each) for each in (before, campaign_of(context, campaign_id))))
        show_warnings([*warnings, *_doubled(context, sent)])


def _doubled(context: Context, sent: Mapping[str, Any]) -> list[str]:
    said = doubled(context.dialer, context.team_id, "campaign", sent.get("name"))
    return [] if said is None else [said]


def _what_is_set(campaign: dict[str, Any]) -> dict[str, Any]:
    """The fields that an edit sets, instants on the campaign's clock."""
    set_fields = {each.shown: campaign[each.shown] for each in CAMPAIGN.settable(is_new=False)}
    return on_clocks(set_fields, zone=campaign["call_window_timezone"])


def _warned(warnings: list[str]) -> dict[str, list[str]]:
    """As the API has it: a field only where there is something to say."""
    return {"warnings": warnings} if warnings else {}
