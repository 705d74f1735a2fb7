"""``dialer db``: the schema."""

from __future__ import annotations

import click

from worker.carriers import registry
from worker.process.settings import read_settings
from worker.store.database import open_database
from worker.store.migrate import migrate


@click.group()
def db() -> None:
    """The database's schema."""


@db.command("migrate")
def migrate_command() -> None:
    """Bring the database to the current schema; safe to run twice, and from many places at once."""
    engine = open_database(read_settings().database_url.get_secret_value(), pool_size=1, statement_ms=0)
    applied = migrate(engine, registry.specs())
    click.echo(f"Applied: {', '.join(applied)}." if applied else "The schema is up to date.")
