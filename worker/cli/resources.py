"""Commands that follow from the declaration of a resource: its fields as options, and the group of a plain one with
``list``, ``show``, ``add`` and ``edit``. They say of a field what the API says, in the words of a command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import click

from worker.cli.commands import group_help, sentences_of
from worker.cli.context import JSON, NUMBER, Context, as_body, as_changes, country_option, for_team, paged
from worker.cli.showing import json_option, show_edited, show_made, show_one, show_page
from worker.domain.campaign import Windows, WindowText
from worker.domain.contact import Zone
from worker.domain.fields import Field, snake
from worker.domain.frequency import FrequencyRules
from worker.domain.kinds import Flag, Freeform, Id, Ids, Instant, Number, Number164, Texts, Whole
from worker.domain.resources import Resource
from worker.operations.assistants import RESOURCES
from worker.operations.resources import create_resource, edit_resource, get_resource, list_resources

Command = Callable[..., None]


def options(fields: Iterable[Field], *, is_new: bool) -> Callable[[Command], Command]:
    """Give a command an option for each of the fields."""

    def give(command: Command) -> Command:
        for field in reversed(list(fields)):
            command = option(field, is_new=is_new)(command)
        return command

    return give


def option(field: Field, *, is_new: bool) -> Callable[[Command], Command]:
    """A field as an option: ``maxConcurrentCalls`` is ``--max-concurrent-calls``; a list is an option for one of its
    entries, which may be repeated."""
    name, help = _option(field.name), in_options(field.help, ())
    if isinstance(field.default, int) and not isinstance(field.default, bool) and (is_new or field.may_be_null):
        help += f" Default {field.default}."
    match field.kind:
        case Flag():
            return click.option(field.switch, default=None, help=help)
        case Whole() | Number():
            return click.option(name, type=NUMBER, help=help)
        case Freeform():
            return click.option(name, type=JSON, metavar="JSON", help=f"An object. {help}")
        case Windows() | FrequencyRules():
            return click.option(name, type=JSON, metavar="JSON", help=help)
        case Texts() | Ids():
            metavar = "ID" if isinstance(field.kind, Ids) else None
            repeated = f"{help} May be repeated."
            return click.option(
                name.removesuffix("s"), snake(field.name), metavar=metavar, multiple=True, help=repeated
            )
        case _:
            return click.option(name, metavar=_metavar(field), help=help)


def _metavar(field: Field) -> str | None:
    match field.kind:
        case Id():
            return "ID"
        case Zone() | WindowText(hours=None):
            return "ZONE"
        case WindowText():
            return "HH:MM"
        case Instant():
            return "INSTANT"
        case _:
            return None


def _option(name: str) -> str:
    return "--" + re.sub("([A-Z])", r"-\1", name).lower()


def in_options(text: str, fields: Iterable[Field]) -> str:
    """What the API says, for somebody who writes no JSON: a field is an option, and ``null`` an empty text."""
    for field in fields:
        text = text.replace(f"`{field.name}`", _option(field.name))
    return text.replace("`", "").replace("null", "an empty text")


def group_of(resource: Resource) -> click.Group:
    """The commands of a plain resource. A phone number that is added may be written without a country code."""
    group, one, sentences = click.Group(resource.nouns, help=group_help(resource)), resource.one, sentences_of(resource)
    takes_country = any(isinstance(each.kind, Number164) for each in resource.fields)
    named = f"{resource.noun}_id"
    argument = click.argument(named, metavar=f"{one.upper()}_ID")
    with_country: Callable[[Command], Command] = country_option if takes_country else _nothing

    @group.command("list", help=sentences["list"])
    @paged
    @json_option
    @for_team
    def list_them(context: Context, limit: int, offset: int, as_json: bool) -> None:
        count, found = list_resources(context.dialer, resource, context.team_id, limit=limit, offset=offset)
        show_page(resource.many, found, resource.listed, count=count, limit=limit, offset=offset, as_json=as_json)

    @group.command("show", help=sentences["show"])
    @argument
    @json_option
    @for_team
    def show(context: Context, /, as_json: bool, **given: str) -> None:
        show_one(one, get_resource(context.dialer, resource, context.team_id, given[named]), as_json=as_json)

    @group.command("add", help=f"{sentences['add']}\n\n{in_options(resource.on_create, resource.fields)}")
    @options(resource.settable(is_new=True), is_new=True)
    @with_country
    @json_option
    @for_team
    def add(context: Context, /, as_json: bool, country: str | None = None, **given: Any) -> None:
        made = create_resource(
            context.dialer,
            resource,
            context.team_id,
            as_body(**given),
            actor=context.actor,
            region=context.region(country) if takes_country else None,
        )
        show_made(one, made, as_json=as_json)

    @group.command("edit", help=f"{sentences['edit']}\n\n{in_options(resource.on_edit, resource.fields)}")
    @argument
    @options(resource.settable(is_new=False), is_new=False)
    @json_option
    @for_team
    def edit(context: Context, /, as_json: bool, **given: Any) -> None:
        resource_id = given.pop(named)
        change(context, resource, resource_id, as_changes(**given), as_json)

    return group


def change(context: Context, resource: Resource, resource_id: str, changes: dict[str, Any], as_json: bool) -> None:
    """Edit one, and say what has changed."""
    before = get_resource(context.dialer, resource, context.team_id, resource_id)
    edited, steps = edit_resource(
        context.dialer, resource, context.team_id, resource_id, changes, actor=context.actor
    )  # fmt: skip
    context.carry_out(steps)
    show_edited(resource.one, before, edited, as_json=as_json)


def _nothing(command: Command) -> Command:
    return command


# Each is a variable of this module, where the list of commands looks for it.
globals().update({each.nouns: group_of(each) for each in RESOURCES})
