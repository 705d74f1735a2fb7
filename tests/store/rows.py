"""A row for every table, written straight into it: for what the verbs of the store would never write.

Everything of team ``a`` is called ``…_a``; :func:`furnish` gives a team one row of each kind.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Table, insert, update

from worker.store import tables as t

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FAR = datetime(2037, 1, 1, tzinfo=UTC)
DIALED = {
    "attempt": 1,
    "max_attempts": 3,
    "called_before": False,
    "dialing_at": NOON,
    "dialed_at": NOON,
    "valid_until": FAR,
    "provable_end_at": FAR,
}
"""What every call has that may have left."""


def add(conn: Connection, table: Table, **values: Any) -> None:
    conn.execute(insert(table).values(**values))


def furnish(conn: Connection, x: str) -> None:
    """A team ``team_x`` with one row in every table that knows of teams or campaigns."""
    team = f"team_{x}"
    add(conn, t.teams, id=team, slug=f"team-{x}", name=f"Team {x}")
    add(conn, t.api_keys, id=f"key_{x}", team_id=team, name="A key", secret_sha256=bytes(32))
    add(conn, t.companies, id=f"comp_{x}", team_id=team, name="A company")
    add(conn, t.assistants, id=f"asst_{x}", team_id=team, name="An assistant")
    add(conn, t.carrier_accounts, id=f"acct_{x}", team_id=team, carrier="simulator", name="An account")
    add(conn, t.phone_numbers, id=f"pn_{x}", team_id=team, account_id=f"acct_{x}", number="+12025550100")
    add(conn, t.do_not_call, team_id=team, number="+12025559999")
    add(conn, t.consents, team_id=team, number="+12025559998", kind="written", given_at=NOON, recorded_by="test")
    add(conn, t.suppressed, team_id=team, digest=bytes(32))
    gone = {"digests": [], "contact_ids": [], "requested_by": "test", "done_at": NOON}
    add(conn, t.erasures, id=f"erasure_{x}", team_id=team, **gone)
    add(conn, t.do_not_call_imports, team_id=team, import_id=f"imp_{x}", contact_id=f"cont_{x}_0")
    key = {"key": "once", "method": "POST", "path": "/", "body_sha256": bytes(32)}
    add(conn, t.idempotency_keys, team_id=team, **key)
    add(conn, t.audit_log, team_id=team, actor="test", action="make", subject_id=team)
    campaign(conn, x)
    add(conn, t.call_events, carrier="simulator", token="0" * 32, event_id=x, carrier_call_id="c", kind="ringing")
    add(conn, t.call_outcomes, call_id=call(conn, x), campaign_id=f"camp_{x}")


def campaign(conn: Connection, x: str, n: str = "", **values: Any) -> str:
    """A running campaign ``camp_x`` of team ``x`` with its open run, caller ID and totals."""
    name = f"camp_{x}{n}"
    parts = {"assistant_id": f"asst_{x}", "company_id": f"comp_{x}", "name": "A campaign"}
    add(conn, t.campaigns, id=name, team_id=f"team_{x}", **parts)
    add(conn, t.runs, id=f"run_{x}{n}", team_id=f"team_{x}", campaign_id=name, opened_by="api")
    running = {"status": "running", "run_id": f"run_{x}{n}", "next_wake_at": NOON}
    conn.execute(update(t.campaigns).where(t.campaigns.c.id == name).values(running | values))
    add(conn, t.campaign_numbers, team_id=f"team_{x}", campaign_id=name, number_id=f"pn_{x}", position=0)
    add(conn, t.campaign_zones, campaign_id=name, zone="")
    add(conn, t.campaign_totals, campaign_id=name)
    add(conn, t.disposition_totals, campaign_id=name, disposition="busy", calls=0)
    return name


def contact(conn: Connection, x: str, n: int = 0, *, of: str = "", **values: Any) -> str:
    """The contact ``cont_x_n`` waiting in the campaign ``camp_x`` (``of`` names another one)."""
    name, team = f"cont_{x}_{n}", f"team_{x}"
    person = {"id": name, "team_id": team, "company_id": f"comp_{x}", "phone_e164": f"+1202556{n:04d}"}
    add(conn, t.contacts, **person)
    join(conn, x, n, of=of, **values)
    return name


def join(conn: Connection, x: str, n: int = 0, *, of: str = "", **values: Any) -> None:
    """Put an existing contact into a campaign."""
    row = {"team_id": f"team_{x}", "campaign_id": f"camp_{x}{of}", "contact_id": f"cont_{x}_{n}", "due_at": NOON}
    add(conn, t.campaign_contacts, **row | values)


def call(conn: Connection, x: str, n: int = 0, *, of: str = "", again: int = 0, **values: Any) -> str:
    """A call of team ``x`` that somebody has answered, to a contact of its own (``again``: not the first)."""
    if not again:
        contact(conn, x, n, of=of, status="calling", attempts=1, called=True)
    name = f"call_{x}_{n}_{again}"
    row = {
        "id": name,
        "team_id": f"team_{x}",
        "campaign_id": f"camp_{x}{of}",
        "run_id": f"run_{x}{of}",
        "contact_id": f"cont_{x}_{n}",
        "number_id": f"pn_{x}",
        "account_id": f"acct_{x}",
        "token": token(name),
        "from_number": "+12025550100",
        "to_number": f"+1202556{n:04d}",
        "zone": "",
        "state": "in_progress",
        "claim_limits": [100, 3, 10, 100],
        "reserved_at": NOON + timedelta(seconds=n),
    }
    add(conn, t.calls, **row | DIALED | values)
    return name


def token(call_id: str) -> str:
    return sha256(call_id.encode()).hexdigest()[:32]


def ended(disposition: str = "busy") -> dict[str, Any]:
    """What a call has that is over."""
    return {"state": "ended", "disposition": disposition, "ended_at": NOON + timedelta(minutes=1)}


RESERVED = dict.fromkeys(DIALED) | {"state": "reserved"}
"""What a call has that was only reserved."""
