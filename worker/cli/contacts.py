"""``dialer contacts``."""

from __future__ import annotations

import click

from worker.cli.contact_import import import_contacts


@click.group()
def contacts() -> None:
    """Contacts of the CRM, and of campaigns."""


contacts.add_command(import_contacts)
