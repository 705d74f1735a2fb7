"""``dialer accounts``: carrier accounts, through whom calls are placed, how many at once, how fast."""

from __future__ import annotations

import click

from worker.cli.resources import add_commands
from worker.domain.resources import ACCOUNT


@click.group()
def accounts() -> None:
    """Carrier accounts: through whom calls are placed."""


add_commands(
    accounts,
    ACCOUNT,
    {
        "id": "id",
        "carrier": "carrier",
        "name": "name",
        "calls": "max_concurrent_calls",
        "a second": "calls_per_second",
        "enabled": "enabled",
        "resting until": "resting_until",
    },
)
