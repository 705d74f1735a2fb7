"""What must exist before a campaign can: a team, a company, an assistant, a carrier account, a number."""

from __future__ import annotations

from sqlalchemy import Connection, text

TEAM = text("INSERT INTO teams (id, slug, name, max_concurrent_calls) VALUES (:id, :slug, :name, :limit)")
COMPANY = text("INSERT INTO companies (id, team_id, name) VALUES (:id, :team, :name)")
ASSISTANT = text("INSERT INTO assistants (id, team_id, name) VALUES (:id, :team, :name)")
ACCOUNT = text("""
INSERT INTO carrier_accounts (id, team_id, carrier, name, max_concurrent_calls, calls_per_second)
VALUES (:id, :team, CAST(:carrier AS carrier), :name, :limit, :rate)
""")
NUMBER = text("""
INSERT INTO phone_numbers (id, team_id, account_id, number, max_concurrent_calls, calls_per_second)
VALUES (:id, :team, :account, :number, :limit, :rate)
""")


def team(conn: Connection, team_id: str, slug: str, name: str, *, limit: int = 100) -> None:
    """A team that may have ``limit`` simultaneous calls."""
    conn.execute(TEAM, {"id": team_id, "slug": slug, "name": name, "limit": limit})


def company(conn: Connection, company_id: str, team_id: str, name: str) -> None:
    """A company of the team's CRM."""
    conn.execute(COMPANY, {"id": company_id, "team": team_id, "name": name})


def assistant(conn: Connection, assistant_id: str, team_id: str, name: str) -> None:
    """The voice assistant that talks."""
    conn.execute(ASSISTANT, {"id": assistant_id, "team": team_id, "name": name})


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
    values = {"id": account_id, "team": team_id, "carrier": carrier, "name": name}
    conn.execute(ACCOUNT, values | {"limit": limit, "rate": calls_per_second})


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
    values = {"id": number_id, "team": team_id, "account": account_id, "number": e164}
    conn.execute(NUMBER, values | {"limit": limit, "rate": calls_per_second})
