"""``dialer assistants``."""

from __future__ import annotations

import click


@click.group()
def assistants() -> None:
    """Assistants: who talks when somebody answers."""
