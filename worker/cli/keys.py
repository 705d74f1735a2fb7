"""``dialer keys``."""

from __future__ import annotations

import click


@click.group()
def keys() -> None:
    """Bearer keys of the API."""
