"""Commands that follow from the declaration of a resource: its fields as options, and ``list``, ``show``, ``add`` and
``edit`` of a plain one. They say of a field what the API says, in the words of a command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from worker.cli.context import JSON, NUMBER, Context, as_body, as_changes, country_option, for_team, paged
from worker.cli.showing import Cell, json_option, show_made, show_one, show_page
from worker.domain.campaign import WindowText
from worker.domain.contact import Zone
from worker.domain.fields import Field, snake
from worker.domain.kinds import Flag, Freeform, Id, Ids, Instant, Number, Texts, Whole
from worker.domain.resources import Resource
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


def add_commands(
    group: click.Group, resource: Resource, columns: Mapping[str, Cell], *, takes_country: bool = False
) -> None:
    """Give the group ``list``, ``show``, ``add`` and ``edit`` of a plain resource; ``columns`` are those of a listing,
    by heading. Where it ``takes_country``, one that is added may be written without a country code."""
    what, one = resource.what, resource.one
    argument = click.argument("resource_id", metavar=f"{one.upper()}_ID")
    with_country: Callable[[Command], Command] = country_option if takes_country else _nothing

    @group.command("list", help=f"List the team's {resource.plural}, newest first.")
    @paged
    @json_option
    @for_team
    def list_them(context: Context, limit: int, offset: int, as_json: bool) -> None:
        count, found = list_resources(context.dialer, resource, context.team_id, limit=limit, offset=offset)
        show_page(resource.many, found, columns, count=count, limit=limit, offset=offset, as_json=as_json)

    @group.command("show", help=f"Show one {what}.")
    @argument
    @json_option
    @for_team
    def show(context: Context, resource_id: str, as_json: bool) -> None:
        show_one(one, get_resource(context.dialer, resource, context.team_id, resource_id), as_json=as_json)

    @group.command(
        "add", help=f"Create {resource.a}; says its id.\n\n{in_options(resource.on_create, resource.fields)}"
    )
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

    clears = "; an empty text clears one" if resource.clears_by_null else ""

    @group.command("edit", help=f"Change the fields given{clears}.\n\n{in_options(resource.on_edit, resource.fields)}")
    @argument
    @options(resource.settable(is_new=False), is_new=False)
    @json_option
    @for_team
    def edit(context: Context, /, resource_id: str, as_json: bool, **given: Any) -> None:
        change(context, resource, resource_id, as_changes(**given), as_json)


def change(context: Context, resource: Resource, resource_id: str, changes: dict[str, Any], as_json: bool) -> None:
    """Edit one, and show what it is then."""
    edited, steps = edit_resource(
        context.dialer, resource, context.team_id, resource_id, changes, actor=context.actor
    )  # fmt: skip
    context.carry_out(steps)
    show_one(resource.one, edited, as_json=as_json)


def _nothing(command: Command) -> Command:
    return command
