"""What a campaign needs besides contacts: companies, assistants, carrier accounts and numbers.

A limit that is lowered cuts no live call; the next claim reads it. One that is raised, and a number or an account
that is enabled again, may have made room, so the campaigns that were short of it are filled. Disabling takes the
team's lock: after the answer no call is committed with that number or account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, Row, Table

from worker.carriers import registry
from worker.domain import ids
from worker.domain.errors import Conflict, Fault, Invalid, NotFound
from worker.domain.resources import parse_account, parse_account_edit, parse_assistant, parse_company, parse_number
from worker.flow.base import Dialer, Fill, Step
from worker.operations.country import region_of
from worker.store import accounts, audit, campaigns, carriers, credentials, gate, tables
from worker.store.crm import records
from worker.store.database import once, transact

log = structlog.get_logger()

COMPANY, ASSISTANT, ACCOUNT, NUMBER = "company", "assistant", "carrier account", "phone number"
_TABLES: Mapping[str, Table] = {
    COMPANY: tables.companies,
    ASSISTANT: tables.assistants,
    ACCOUNT: tables.carrier_accounts,
    NUMBER: tables.phone_numbers,
}


def create_company(dialer: Dialer, team_id: str, body: Mapping[str, Any], *, actor: str) -> Row[Any]:
    """Create a company. Raises :class:`Invalid` with every fault, as do all of these."""
    return _create(dialer, COMPANY, team_id, ids.COMPANY, parse_company(body), actor)


def create_assistant(dialer: Dialer, team_id: str, body: Mapping[str, Any], *, actor: str) -> Row[Any]:
    """Create an assistant."""
    return _create(dialer, ASSISTANT, team_id, ids.ASSISTANT, parse_assistant(body, _carrier_ids()), actor)


def create_account(dialer: Dialer, team_id: str, body: Mapping[str, Any], *, actor: str) -> Row[Any]:
    """Create an account with one of the carriers this deployment can call with."""
    new = parse_account(body, dialer.carriers, registry.set_up_by(), registry.first_rates())
    return _create(dialer, ACCOUNT, team_id, ids.ACCOUNT, new, actor)


def create_number(
    dialer: Dialer, team_id: str, body: Mapping[str, Any], *, actor: str, region: str | None = None
) -> Row[Any]:
    """Create a caller ID. One without a country code is of the ``region``, or of the team's country. Raises
    :class:`NotFound` for an account the team does not have, :class:`Conflict` for a number it has already."""
    new = parse_number(body, region=region or region_of(dialer, team_id))
    get_part(dialer, ACCOUNT, team_id, new["account_id"])
    return _create(dialer, NUMBER, team_id, ids.NUMBER, new, actor)


def _carrier_ids() -> list[str]:
    """The fields of an assistant that single carriers read."""
    return [field.key for field in registry.assistant_fields()]


def _create(dialer: Dialer, what: str, team_id: str, prefix: str, new: Mapping[str, Any], actor: str) -> Row[Any]:
    def work(conn: Connection) -> Row[Any]:
        if what == ACCOUNT and carriers.unknown(conn, [new["carrier"]]):
            sentence = f"The database does not know the carrier {new['carrier']} yet; run: dialer db migrate"
            raise Invalid([Fault("carrier", sentence)])
        if what == ACCOUNT and new["carrier"] in dialer.sharing:
            credentials.hold_claims(conn, new["carrier"])
        row = records.add(conn, _TABLES[what], {"id": ids.new(prefix), "team_id": team_id, **new})
        if row is None:
            raise Conflict(f"The team has the number {new['number']} already; edit that one.")
        audit.note(conn, team_id, actor, f"create_{what.replace(' ', '_')}", row.id)
        return row

    row = transact(dialer.db, work)
    log.info("part_created", what=what, id=row.id)
    return row


def get_part(dialer: Dialer, what: str, team_id: str, part_id: str) -> Row[Any]:
    """The team's company, assistant, carrier account or phone number. Raises :class:`NotFound`."""
    row = once(dialer.db, lambda conn: records.get(conn, _TABLES[what], team_id, part_id))
    if row is None:
        raise NotFound(what, part_id)
    return row


def list_parts(dialer: Dialer, what: str, team_id: str, *, limit: int, offset: int) -> tuple[int, Sequence[Row[Any]]]:
    """How many of them the team has, and a page of them, newest first."""
    table = _TABLES[what]
    return once(
        dialer.db,
        lambda conn: records.page(conn, table, [table.c.team_id == team_id], limit=limit, offset=offset),
    )


def edit_company(dialer: Dialer, team_id: str, company_id: str, body: Mapping[str, Any], *, actor: str) -> Row[Any]:
    """Change the fields given."""
    return _edit(dialer, COMPANY, team_id, company_id, parse_company(body, is_new=False), actor)[0]


def edit_assistant(dialer: Dialer, team_id: str, assistant_id: str, body: Mapping[str, Any], *, actor: str) -> Row[Any]:
    """Change the fields given."""
    changes = parse_assistant(body, _carrier_ids(), is_new=False)
    return _edit(dialer, ASSISTANT, team_id, assistant_id, changes, actor)[0]


def edit_account(
    dialer: Dialer, team_id: str, account_id: str, body: Mapping[str, Any], *, actor: str
) -> tuple[Row[Any], list[Step]]:
    """Change the name, the limits, or whether calls go through the account at all."""
    return _edit(dialer, ACCOUNT, team_id, account_id, parse_account_edit(body), actor)


def edit_number(
    dialer: Dialer, team_id: str, number_id: str, body: Mapping[str, Any], *, actor: str
) -> tuple[Row[Any], list[Step]]:
    """Change the limits, or whether the number is shown at all."""
    return _edit(dialer, NUMBER, team_id, number_id, parse_number(body, is_new=False), actor)


def _edit(
    dialer: Dialer, what: str, team_id: str, part_id: str, changes: Mapping[str, Any], actor: str
) -> tuple[Row[Any], list[Step]]:
    def work(conn: Connection) -> tuple[Row[Any], list[str]]:
        if changes.get("enabled") is False:
            gate.close_gate(conn, team_id)
        row = records.edit(conn, _TABLES[what], team_id, part_id, changes)
        if row is None:
            raise NotFound(what, part_id)
        detail = {name: value for name, value in changes.items() if name != "settings"}
        audit.note(conn, team_id, actor, f"edit_{what.replace(' ', '_')}", part_id, detail)
        return row, _running_with(conn, what, part_id)

    row, running = transact(dialer.db, work)
    log.info("part_edited", what=what, id=part_id, fields=sorted(changes))
    return row, [Fill(team_id, tuple(running))] if running else []


def _running_with(conn: Connection, what: str, part_id: str) -> list[str]:
    """The running campaigns that an edit may have made room for."""
    if what == NUMBER:
        return accounts.running_with_number(conn, part_id)
    if what == ACCOUNT:
        return [row.id for row in campaigns.of_account(conn, part_id)]
    return []
