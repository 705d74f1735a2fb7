"""``dialer assistants``: who talks when somebody answers."""

from __future__ import annotations

import click

from worker.cli.resources import add_commands
from worker.operations.assistants import ASSISTANT


@click.group()
def assistants() -> None:
    """Assistants: who talks when somebody answers."""


add_commands(
    assistants,
    ASSISTANT,
    {"id": "id", "name": "name", "talks by": lambda assistant: assistant["stream_url"] or assistant["answer_url"]},
)
