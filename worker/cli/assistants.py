"""``dialer assistants``: who talks when somebody answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from worker.cli.context import JSON, Context, as_body, as_changes, for_team
from worker.cli.resources import Part
from worker.cli.showing import json_option, show_made, show_one
from worker.operations import resources
from worker.operations import views_crm as views

ASSISTANT = Part(
    resources.ASSISTANT,
    "assistant",
    "assistants",
    views.assistant,
    {"id": "id", "name": "name", "talks by": lambda assistant: assistant["stream_url"] or assistant["answer_url"]},
)


@click.group()
def assistants() -> None:
    """Assistants: who talks when somebody answers."""


ASSISTANT.read_by(assistants)


def fields(command: Callable[..., None]) -> Callable[..., None]:
    """The options that are an assistant's fields."""
    for option in (
        click.option("--settings", type=JSON, metavar="JSON", help="An object, kept as given."),
        click.option("--answer-url", help="Where the carrier asks what to do: http(s)://…"),
        click.option("--stream-url", help="Where the carrier streams the call's audio to: ws(s)://…"),
        click.option("--name", help="What people call it."),
    ):
        command = option(command)
    return command


@assistants.command()
@fields
@json_option
@for_team
def add(context: Context, /, as_json: bool, **given: Any) -> None:
    """Create an assistant; says its id."""
    row = resources.create_assistant(context.dialer, context.team_id, as_body(**given), actor=context.actor)
    show_made("assistant", views.assistant(row), as_json=as_json)


@assistants.command()
@click.argument("assistant_id")
@fields
@json_option
@for_team
def edit(context: Context, /, assistant_id: str, as_json: bool, **given: Any) -> None:
    """Change the fields given; an empty text clears one."""
    row = resources.edit_assistant(
        context.dialer, context.team_id, assistant_id, as_changes(**given), actor=context.actor
    )
    show_one("assistant", views.assistant(row), as_json=as_json)
