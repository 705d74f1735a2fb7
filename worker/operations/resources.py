"""What a campaign needs besides contacts: companies, assistants, carrier accounts and numbers; each declared in
:mod:`worker.domain.resources`, and made, listed, shown and edited by the same four functions.

A limit that is lowered cuts no live call; the next claim reads it. One that is raised, and a number or an account
that is enabled again, may have made room, so the campaigns that were short of it are filled. Disabling takes the
team's lock: after the answer no call is committed with that number or account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import Connection, Table

from worker.carriers import registry
from worker.domain import ids
from worker.domain.errors import Conflict, Fault, Invalid, NotFound
from worker.domain.resources import ACCOUNT, NUMBER, Resource, parse_account, parse_number
from worker.flow.base import Dialer, Fill, Step
from worker.operations.country import region_of
from worker.operations.views import View, view
from worker.store import accounts, audit, campaigns, carriers, credentials, gate, tables
from worker.store.crm import records
from worker.store.database import once, transact

log = structlog.get_logger()


def create_resource(
    dialer: Dialer,
    resource: Resource,
    team_id: str,
    body: Mapping[str, Any],
    *,
    actor: str,
    region: str | None = None,
) -> View:
    """Create one from the fields of the API. A number without a country code is of the ``region``, or of the team's
    country. Raises :class:`Invalid` with every fault, :class:`NotFound` for an account the team does not have,
    :class:`Conflict` for a number it has already."""
    if resource is NUMBER:
        new = parse_number(body, region=region or region_of(dialer, team_id))
        get_resource(dialer, ACCOUNT, team_id, new["account_id"])
    else:
        new = _account(dialer, body) if resource is ACCOUNT else resource.read(body)

    def work(conn: Connection) -> View:
        if resource is ACCOUNT and carriers.unknown(conn, [new["carrier"]]):
            sentence = f"The database does not know the carrier {new['carrier']} yet; run: dialer db migrate"
            raise Invalid([Fault("carrier", sentence)])
        if resource is ACCOUNT and new["carrier"] in dialer.sharing:
            credentials.hold_claims(conn, new["carrier"])
        row = records.add(conn, _table(resource), {"id": ids.new(resource.prefix), "team_id": team_id, **new})
        if row is None:
            raise Conflict(f"The team has the number {new['number']} already; edit that one.")
        audit.note(conn, team_id, actor, f"create_{resource.one}", row.id)
        return view(resource.fields, row)

    made = transact(dialer.db, work)
    log.info("resource_created", what=resource.what, id=made["id"])
    return made


def _account(dialer: Dialer, body: Mapping[str, Any]) -> dict[str, Any]:
    return parse_account(body, dialer.carriers, registry.set_up_by(), registry.first_rates())


def get_resource(dialer: Dialer, resource: Resource, team_id: str, resource_id: str) -> View:
    """The team's company, assistant, carrier account or phone number. Raises :class:`NotFound`."""
    row = once(dialer.db, lambda conn: records.get(conn, _table(resource), team_id, resource_id))
    if row is None:
        raise NotFound(resource.what, resource_id)
    return view(resource.fields, row)


def list_resources(
    dialer: Dialer, resource: Resource, team_id: str, *, limit: int, offset: int
) -> tuple[int, list[View]]:
    """How many of them the team has, and a page of them, newest first."""
    table = _table(resource)
    count, rows = once(
        dialer.db,
        lambda conn: records.page(conn, table, [table.c.team_id == team_id], limit=limit, offset=offset),
    )
    return count, [view(resource.fields, row) for row in rows]


def edit_resource(
    dialer: Dialer, resource: Resource, team_id: str, resource_id: str, body: Mapping[str, Any], *, actor: str
) -> tuple[View, list[Step]]:
    """Change the fields given. Raises :class:`Invalid` with every fault, and :class:`NotFound`."""
    read = parse_number if resource is NUMBER else resource.read
    changes = read(body, is_new=False)

    def work(conn: Connection) -> tuple[View, list[str]]:
        if changes.get("enabled") is False:
            gate.close_gate(conn, team_id)
        row = records.edit(conn, _table(resource), team_id, resource_id, changes)
        if row is None:
            raise NotFound(resource.what, resource_id)
        detail = {name: value for name, value in changes.items() if name != "settings"}
        audit.note(conn, team_id, actor, f"edit_{resource.one}", resource_id, detail)
        return view(resource.fields, row), _running_with(conn, resource, resource_id)

    edited, running = transact(dialer.db, work)
    log.info("resource_edited", what=resource.what, id=resource_id, fields=sorted(changes))
    return edited, [Fill(team_id, tuple(running))] if running else []


def _running_with(conn: Connection, resource: Resource, resource_id: str) -> list[str]:
    """The running campaigns that an edit may have made room for."""
    if resource is NUMBER:
        return accounts.running_with_number(conn, resource_id)
    if resource is ACCOUNT:
        return [row.id for row in campaigns.of_account(conn, resource_id)]
    return []


def _table(resource: Resource) -> Table:
    return tables.metadata.tables[resource.table]
