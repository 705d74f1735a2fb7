"""What must exist before a campaign can, with ids of the caller's choosing: for demonstrations and tests."""

from __future__ import annotations

from sqlalchemy import Connection

from worker.store import tables
from worker.store.crm import records


def team(conn: Connection, team_id: str, slug: str, name: str, *, limit: int = 100) -> None:
    """A team that may have ``limit`` simultaneous calls."""
    records.add(conn, tables.teams, {"id": team_id, "slug": slug, "name": name, "max_concurrent_calls": limit})


def company(conn: Connection, company_id: str, team_id: str, name: str) -> None:
    """A company of the team's CRM."""
    records.add(conn, tables.companies, {"id": company_id, "team_id": team_id, "name": name})


def assistant(conn: Connection, assistant_id: str, team_id: str, name: str, *, stream_url: str | None = None) -> None:
    """The voice assistant that talks, through the media stream at ``stream_url``."""
    values = {"id": assistant_id, "team_id": team_id, "name": name, "stream_url": stream_url}
    records.add(conn, tables.assistants, values)


def account(
    conn: Connection,
    account_id: str,
    team_id: str,
    carrier: str,
    name: str,
    *,
    limit: int = 100,
    calls_per_second: float | None = None,
) -> None:
    """An account with a carrier: ``limit`` simultaneous calls, ``calls_per_second`` (``None``: no limit)."""
    values = {"id": account_id, "team_id": team_id, "carrier": carrier, "name": name}
    more = {"max_concurrent_calls": limit, "calls_per_second": calls_per_second}
    records.add(conn, tables.carrier_accounts, values | more)


def number(
    conn: Connection,
    number_id: str,
    team_id: str,
    account_id: str,
    e164: str,
    *,
    limit: int = 10,
    calls_per_second: float | None = None,
) -> None:
    """A caller ID of an account."""
    values = {"id": number_id, "team_id": team_id, "account_id": account_id, "number": e164}
    more = {"max_concurrent_calls": limit, "calls_per_second": calls_per_second}
    records.add(conn, tables.phone_numbers, values | more)
