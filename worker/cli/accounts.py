"""``dialer accounts``."""

from __future__ import annotations

import click


@click.group()
def accounts() -> None:
    """Carrier accounts: through whom calls are placed."""
