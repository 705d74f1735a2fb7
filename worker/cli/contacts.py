"""``dialer contacts``."""

from __future__ import annotations

import click


@click.group()
def contacts() -> None:
    """Contacts of the CRM, and of campaigns."""
