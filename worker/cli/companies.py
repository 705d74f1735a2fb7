"""``dialer companies``: whom campaigns call for."""

from __future__ import annotations

import click

from worker.cli.resources import add_commands
from worker.domain.resources import COMPANY


@click.group()
def companies() -> None:
    """Companies: whom campaigns call for."""


add_commands(companies, COMPANY, {"id": "id", "name": "name"})
