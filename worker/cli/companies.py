"""``dialer companies``: whom campaigns call for."""

from __future__ import annotations

import click

from worker.cli.context import Context, as_body, as_changes, for_team
from worker.cli.resources import Part
from worker.cli.showing import json_option, show_made, show_one
from worker.operations import resources
from worker.operations import views_crm as views

COMPANY = Part(resources.COMPANY, "company", "companies", views.company, {"id": "id", "name": "name"})

name_option = click.option("--name", help="What people call it.")


@click.group()
def companies() -> None:
    """Companies: whom campaigns call for."""


COMPANY.read_by(companies)


@companies.command()
@name_option
@json_option
@for_team
def add(context: Context, name: str | None, as_json: bool) -> None:
    """Create a company; says its id."""
    row = resources.create_company(context.dialer, context.team_id, as_body(name=name), actor=context.actor)
    show_made("company", views.company(row), as_json=as_json)


@companies.command()
@click.argument("company_id")
@name_option
@json_option
@for_team
def edit(context: Context, company_id: str, name: str | None, as_json: bool) -> None:
    """Rename a company."""
    row = resources.edit_company(
        context.dialer, context.team_id, company_id, as_changes(name=name), actor=context.actor
    )
    show_one("company", views.company(row), as_json=as_json)
