"""``dialer teams``."""

from __future__ import annotations

import click


@click.group()
def teams() -> None:
    """Teams: who owns everything else."""
