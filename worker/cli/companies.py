"""``dialer companies``."""

from __future__ import annotations

import click


@click.group()
def companies() -> None:
    """Companies: whom campaigns call for."""
