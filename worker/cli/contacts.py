"""``dialer contacts``: the contacts of the CRM, and what becomes of them in a campaign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click
from click.exceptions import Exit

from worker.cli.contact_import import import_contacts
from worker.cli.contact_places import replace
from worker.cli.contact_why import why
from worker.cli.context import (
    NUMBER,
    Context,
    as_body,
    as_changes,
    confirm,
    country_option,
    for_team,
    many,
    paged,
    yes_option,
)  # fmt: skip
from worker.cli.resources import options
from worker.cli.showing import (
    Cell,
    all_option,
    first_of,
    json_option,
    plain,
    show_edited,
    show_json,
    show_made,
    show_one,
    show_page,
    some,
)
from worker.cli.story import story
from worker.domain.additions import parse_additions, parse_priorities
from worker.domain.campaign import parse_contact_ids
from worker.domain.contact import CONTACT
from worker.domain.model import ContactStatus
from worker.domain.on_the_clock import when
from worker.operations import contacts as contact_operations
from worker.operations import views
from worker.operations.campaign_contacts import CampaignContact, CampaignContacts, list_campaign_contacts
from worker.operations.campaigns import add_contacts, prioritize_contacts
from worker.operations.removal import remove_contacts
from worker.operations.requeue import requeue_contacts
from worker.operations.undo_import import undo_do_not_call


@click.group()
def contacts() -> None:
    """Contacts of the CRM, and in campaigns."""


@contacts.command()
@options(CONTACT.settable(is_new=True), is_new=True)
@json_option
@for_team
def create(context: Context, /, as_json: bool, **given: Any) -> None:
    """Create a contact; says its id. A number that cannot be called is kept, and said; one without a country code is
    of its country, or of the team's."""
    contact = contact_operations.create_contact(context.dialer, context.team_id, as_body(**given), actor=context.actor)
    show_made("contact", contact, as_json=as_json)
    if not as_json and contact["phone_fault"] is not None:
        click.echo(f"It will not be called: {contact['phone_fault'].replace('_', ' ')}.", err=True)


@contacts.command()
@click.argument("contact_id")
@json_option
@for_team
def show(context: Context, contact_id: str, as_json: bool) -> None:
    """Show one contact."""
    show_one("contact", contact_operations.get_contact(context.dialer, context.team_id, contact_id), as_json=as_json)


@contacts.command()
@click.argument("contact_id")
@options(CONTACT.settable(is_new=False), is_new=False)
@json_option
@for_team
def edit(context: Context, /, contact_id: str, as_json: bool, **given: Any) -> None:
    """Change the fields given; an empty text clears one. Where the contact waits, it is called by its new number and
    in its new zone from now on."""
    changes = as_changes(**given)
    before = contact_operations.get_contact(context.dialer, context.team_id, contact_id)
    edited, steps = contact_operations.edit_contact(
        context.dialer, context.team_id, contact_id, changes, actor=context.actor
    )
    context.carry_out(steps)
    show_edited("contact", before, edited, as_json=as_json)


def _who(contact: Mapping[str, Any]) -> str | None:
    return f"{contact['first_name']} {contact['last_name']}".strip() or None


IN_CRM: dict[str, Cell] = {
    "id": "id",
    "name": _who,
    "phone": "phone",
    "timezone": "timezone",
    "not called": lambda contact: "do_not_call" if contact["do_not_call"] else contact["phone_fault"],
}
IN_CAMPAIGN: dict[str, Cell] = {
    "contact id": "contact_id",
    "number": "phone",
    "status": "status",
    "calls": "attempts",
    "next call, or why not": lambda contact: (
        contact["next_call_at"] or contact["reason"] or ("do_not_call" if contact["do_not_call"] else None)
    ),
    "name": _who,
}


def _next_call(each: CampaignContact, found: CampaignContacts) -> dict[str, Any]:
    """When a contact that waits is called next, for a person: on the contact's clock, if it is ahead."""
    if each.next_call_at is None:
        return {}
    if each.next_call_at > found.now:
        return {"next_call_at": when(each.next_call_at, found.now, each.zone)}
    return {"next_call_at": "now" if found.is_running else "when the campaign runs"}


@contacts.command("list")
@click.argument("campaign_id", required=False)
@click.option("--status", type=click.Choice([s.value for s in ContactStatus]), help="Only these, of a campaign.")
@click.option("--phone", help="Only who has this number, however it is written.")
@click.option("--email", help="Only who has this address.")
@click.option("--company-id", metavar="ID", help="Only contacts of this company.")
@click.option("--tag", help="Only contacts with this tag.")
@click.option("--do-not-call/--may-be-called", default=None, help="Only who wants no calls, or only the others.")
@click.option("--external-id", metavar="ID", help="Only who has this external id.")
@click.option("--search", help="Only who has this in a name, the address, the number or the external id.")
@country_option
@paged
@json_option
@for_team
def list_them(
    context: Context,
    /,
    campaign_id: str | None,
    status: str | None,
    country: str | None,
    limit: int,
    offset: int,
    as_json: bool,
    **wanted: Any,
) -> None:
    """List the contacts of a campaign, those added last first; without one, those of the CRM, newest first."""
    if campaign_id is None:
        if status is not None:
            raise click.UsageError("--status needs a CAMPAIGN_ID.", click.get_current_context())
        region = context.region(country)
        count, shown = contact_operations.find_contacts(
            context.dialer, context.team_id, limit=limit, offset=offset, region=region, **wanted
        )
        columns = IN_CRM
    else:
        if any(value is not None for value in wanted.values()):
            raise click.UsageError("In a campaign only --status filters.", click.get_current_context())
        chosen = None if status is None else ContactStatus(status)
        found = list_campaign_contacts(context.dialer, context.team_id, campaign_id, chosen, limit=limit, offset=offset)
        shown = [views.campaign_contact(each.row, each.next_call_at) for each in found.contacts]
        if not as_json:
            shown = [view | _next_call(each, found) for view, each in zip(shown, found.contacts, strict=True)]
        count = found.count
        columns = IN_CAMPAIGN
    show_page("contacts", shown, columns, count=count, limit=limit, offset=offset, as_json=as_json)


@contacts.command()
@click.argument("campaign_id")
@many("contact_ids", "CONTACT_ID")
@click.option("--priority", type=NUMBER, help="Of those who are due, 1 is called first and 9 last. Default 5.")
@json_option
@for_team
def add(
    context: Context, campaign_id: str, contact_ids: tuple[str, ...], priority: object | None, as_json: bool
) -> None:
    """Add existing contacts to a campaign, at most 10 000 at once; `-` reads their ids from standard input. One that
    is in it already is left as it is; an unknown id refuses the whole."""
    wanted = parse_additions(as_body(contact_ids=list(contact_ids), priority=priority))
    added, steps = add_contacts(
        context.dialer,
        campaign_id,
        wanted.contact_ids,
        priorities=wanted.priorities,
        actor=context.actor,
        team_id=context.team_id,
    )
    context.carry_out(steps)
    if as_json:
        show_json(**added.counts)
        return
    others = "; the others were in it already" if added.there else ""
    click.echo(f"Added {some(added.new, 'contact')}{others}.")
    for reason, count in sorted(added.out_of_reach.items()):
        click.echo(f"{some(count, 'contact')} of them cannot be called: {reason.replace('_', ' ')}.")


@contacts.command()
@click.argument("campaign_id")
@many("contact_ids", "CONTACT_ID")
@click.option("--priority", type=NUMBER, required=True, help="1 is called first, 9 last.")
@json_option
@for_team
def prioritize(
    context: Context, campaign_id: str, contact_ids: tuple[str, ...], priority: object, as_json: bool
) -> None:
    """Give contacts of a campaign another priority: of those who are due, those of priority 1 are called first and
    those of 9 last."""
    wanted, given = parse_priorities(as_body(contact_ids=list(contact_ids), priority=priority))
    changed = prioritize_contacts(context.dialer, context.team_id, campaign_id, wanted, given, actor=context.actor)
    if as_json:
        show_json(changed=changed)
    else:
        click.echo(f"{some(changed, 'contact')} had another priority.")


@contacts.command()
@click.argument("campaign_id")
@many("contact_ids", "CONTACT_ID")
@json_option
@for_team
def remove(context: Context, campaign_id: str, contact_ids: tuple[str, ...], as_json: bool) -> None:
    """Take contacts out of a campaign that have not been called in it. One that has calls refuses the whole, for calls
    are history."""
    wanted = parse_contact_ids(as_body(contact_ids=list(contact_ids)))
    removed, steps = remove_contacts(context.dialer, context.team_id, campaign_id, wanted, actor=context.actor)
    context.carry_out(steps)
    if as_json:
        show_json(removed=removed)
    else:
        others = "; the others were not in it" if removed < len(wanted) else ""
        click.echo(f"Removed {some(removed, 'contact')}{others}.")


@contacts.command()
@click.argument("campaign_id")
@many("contact_ids", "CONTACT_ID")
@all_option
@json_option
@for_team
def requeue(context: Context, campaign_id: str, contact_ids: tuple[str, ...], with_all: bool, as_json: bool) -> None:
    """Let contacts wait again that were given up, exhausted or failed: after their attempts were raised, their number
    was corrected, or what failed was mended. Attempts that were used stay used; who is not to be called, or has
    declined, is not called. Ends with 1 if some do not wait again."""
    wanted = parse_contact_ids(as_body(contact_ids=list(contact_ids)))
    requeued, steps = requeue_contacts(context.dialer, context.team_id, campaign_id, wanted, actor=context.actor)
    context.carry_out(steps)
    if as_json:
        show_json(requeued=requeued.count, errors=requeued.errors)
    else:
        click.echo(f"Put {some(requeued.count, 'contact')} back.")
        for cause, whom in _by_cause(requeued.errors).items():
            click.echo(plain(f"  {len(whom)}: {cause}: {first_of(whom, len(whom), with_all=with_all)}"))
    if requeued.errors:
        raise Exit(1)


def _by_cause(errors: Iterable[str]) -> dict[str, list[str]]:
    """Sentences of the form ``Contact cont_1 is …``: by what they say, whom they say it of."""
    found: dict[str, list[str]] = {}
    for error in errors:
        _, contact_id, cause = error.split(" ", 2)
        found.setdefault(cause, []).append(contact_id)
    return dict(sorted(found.items(), key=lambda each: -len(each[1])))


@contacts.command("undo-do-not-call")
@click.argument("import_id")
@yes_option
@json_option
@for_team
def undo(context: Context, import_id: str, yes: bool, as_json: bool) -> None:
    """Take back whom the import IMPORT_ID marked do-not-call, if it was not meant. Who was do-not-call before, or was
    marked again since by somebody or by another import, stays so. It is noted in the audit log."""
    confirm(f"Let everybody be called again whom {import_id} marked do-not-call?", yes)
    undone = undo_do_not_call(context.dialer, context.team_id, import_id, actor=context.actor)
    if as_json:
        show_json(taken_back=undone.taken_back, kept=undone.kept)
    else:
        others = f"; {undone.kept} that it named stay as they are" if undone.kept else ""
        click.echo(f"Took do-not-call back from {some(undone.taken_back, 'contact')}{others}.")
        if undone.taken_back:
            click.echo("The next run of a campaign they are in calls them.")


contacts.add_command(import_contacts)
contacts.add_command(story)
contacts.add_command(replace)
contacts.add_command(why)
