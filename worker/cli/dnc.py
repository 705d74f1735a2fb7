"""``dialer dnc``."""

from __future__ import annotations

import click

from worker.cli.dnc_import import import_numbers


@click.group()
def dnc() -> None:
    """The do-not-call list: numbers that no campaign calls."""


dnc.add_command(import_numbers)
