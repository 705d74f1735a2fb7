"""Operators' commands: ``dialer`` and ``python -m worker``.

An error that somebody can do something about is one sentence on standard error and an exit code: 2 the request
cannot be, 3 a service is away, 4 an invariant is violated.
"""

from __future__ import annotations

import sys

import click

from worker.cli.campaigns import campaigns
from worker.cli.db import db
from worker.cli.demo import demo
from worker.cli.doctor import doctor
from worker.cli.up import up
from worker.cli.web import web
from worker.domain.errors import DialerError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="campaign-dialer")
def dialer() -> None:
    """Run batch outbound calling campaigns."""


for command in (campaigns, db, demo, doctor, up, web):
    dialer.add_command(command)


def main() -> None:
    """The entry point; never ends in a traceback for what a user can cause."""
    try:
        dialer(prog_name="dialer")
    except DialerError as error:
        click.echo(f"dialer: {error}", err=True)
        sys.exit(error.exit_code)
