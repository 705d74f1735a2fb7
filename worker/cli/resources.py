"""What the commands for companies, assistants, carrier accounts and numbers have in common: ``list`` and ``show``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click
from sqlalchemy import Row

from worker.cli.context import Context, for_team, paged
from worker.cli.showing import Cell, json_option, show_one, show_page
from worker.operations.resources import get_part, list_parts


@dataclass(frozen=True, slots=True)
class Part:
    """One of them: ``what`` it is called, ``one`` and ``many`` in the API's answers, how a row is viewed, and what a
    listing shows of it."""

    what: str
    one: str
    many: str
    view: Callable[[Row[Any]], dict[str, Any]]
    columns: Mapping[str, Cell]

    def read_by(self, group: click.Group) -> None:
        """Give the group ``list`` and ``show``."""
        group.command("list", help=f"List the team's {self.many.replace('_', ' ')}, newest first.")(self._list)
        group.command("show", help=f"Show one {self.what}.")(self._show)

    @property
    def _list(self) -> Callable[..., None]:
        @paged
        @json_option
        @for_team
        def list_them(context: Context, limit: int, offset: int, as_json: bool) -> None:
            count, rows = list_parts(context.dialer, self.what, context.team_id, limit=limit, offset=offset)
            found = [self.view(row) for row in rows]
            show_page(self.many, found, self.columns, count=count, limit=limit, offset=offset, as_json=as_json)

        return list_them

    @property
    def _show(self) -> Callable[..., None]:
        @click.argument("part_id", metavar=f"{self.one.upper()}_ID")
        @json_option
        @for_team
        def show_it(context: Context, part_id: str, as_json: bool) -> None:
            found = self.view(get_part(context.dialer, self.what, context.team_id, part_id))
            show_one(self.one, found, as_json=as_json)

        return show_it
