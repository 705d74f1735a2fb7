"""``dialer dnc``."""

from __future__ import annotations

import click


@click.group()
def dnc() -> None:
    """The do-not-call list: numbers that no campaign calls."""
