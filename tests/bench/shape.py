"""Campaigns of the benchmarks: how many, of how many slots; and their making, by the product's verbs or past them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from tests.bench.deployment import Deployment
from worker.operations import campaigns as campaign_operations
from worker.store.crm import contacts, setup
from worker.store.crm.contacts import NewContact

TEAM = "team_bench"
WINDOW = {"callWindowStart": "00:00", "callWindowEnd": "24:00", "callWindowTimezone": "America/New_York"}

# What the verbs write, for many campaigns at once: each has its own caller IDs and contacts, in a row.
MAKE = (
    """INSERT INTO campaigns (id, team_id, assistant_id, company_id, name, max_concurrent_calls, call_window_start,
                              call_window_end, call_window_timezone)
       SELECT :prefix || n, :team, 'asst_bench', 'comp_bench', 'Campaign', :slots, '00:00', '24:00', 'America/New_York'
       FROM generate_series(0, :campaigns - 1) AS n""",
    """INSERT INTO campaign_numbers (team_id, campaign_id, number_id, position)
       SELECT :team, :prefix || (n / :numbers), format('pn_bench%s', lpad(n::text, 3, '0')), n % :numbers
       FROM generate_series(0, CAST(:campaigns AS int) * :numbers - 1) AS n""",
    """INSERT INTO campaign_zones (campaign_id, zone)
       SELECT :prefix || n, '' FROM generate_series(0, :campaigns - 1) AS n""",
    """INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at)
       SELECT :team, :prefix || (n / :each), format('cont_%s', lpad((:first + n)::text, 7, '0')), dialer_now()
       FROM generate_series(0, CAST(:campaigns AS int) * :each - 1) AS n""",
)
# Their runs are open, and they are due to be looked at: the next tick begins.
BEGIN = (
    """INSERT INTO runs (id, team_id, campaign_id, opened_by)
       SELECT 'run_' || id, team_id, id, 'cli' FROM campaigns WHERE id = ANY(:ids)""",
    """UPDATE campaigns SET status = 'running', run_id = 'run_' || id, next_wake_at = dialer_now()
       WHERE id = ANY(:ids)""",
)


@dataclass(frozen=True, slots=True)
class Shape:
    """So many campaigns of so many slots, each with so many caller IDs of its own, which have room for all of them."""

    campaigns: int = 20
    slots: int = 50
    numbers: int = 5

    @property
    def all_slots(self) -> int:
        return self.campaigns * self.slots


STANDARD = Shape()


def furnish(conn: Connection, contact_ids: Sequence[str], shape: Shape = STANDARD) -> list[str]:
    """A team with room for all campaigns, its contacts and its caller IDs; the ids of those. Country code 999
    belongs to nobody."""
    setup.team(conn, TEAM, "bench", "Bench", limit=shape.all_slots)
    setup.company(conn, "comp_bench", TEAM, "A company")
    setup.assistant(conn, "asst_bench", TEAM, "An assistant")
    setup.account(conn, "acct_bench", TEAM, "simulator", "An account", limit=shape.all_slots)
    numbers = [f"pn_bench{n:03d}" for n in range(shape.campaigns * shape.numbers)]
    for n, number in enumerate(numbers):
        setup.number(conn, number, TEAM, "acct_bench", f"+9991{n:06d}", limit=shape.slots // shape.numbers)
    load_contacts(conn, contact_ids)
    return numbers


def load_contacts(conn: Connection, contact_ids: Sequence[str], first: int = 0) -> None:
    """Contacts with numbers in a row from the ``first``."""
    made = (
        NewContact(contact, phone, phone, None)
        for contact, phone in ((c, f"+9992{n:08d}") for n, c in enumerate(contact_ids, first))
    )
    contacts.load(conn, TEAM, made)


def opened(there: Deployment, numbers: Sequence[str], *, limit: int) -> str:
    """A new campaign with these caller IDs, and a call window that is open."""
    body = {
        "name": "Campaign",
        "assistantId": "asst_bench",
        "companyId": "comp_bench",
        "fromNumberIds": numbers,
        "maxConcurrentCalls": limit,
        **WINDOW,
    }
    return campaign_operations.create_campaign(there.dialer, TEAM, body, actor="bench")


def made(there: Deployment, prefix: str, shape: Shape, *, each: int, first: int = 0) -> list[str]:
    """New campaigns of this shape, past the verbs, which take a second for forty: each with its own ``each`` contacts,
    in a row from the ``first`` of those that were furnished. Their ids begin with ``prefix``."""
    values = {
        "prefix": prefix,
        "team": TEAM,
        "slots": shape.slots,
        "campaigns": shape.campaigns,
        "numbers": shape.numbers,
        "each": each,
        "first": first,
    }
    for statement in MAKE:
        there.sql(statement, **values)
    return [f"{prefix}{n}" for n in range(shape.campaigns)]


def begin(there: Deployment, campaigns: Sequence[str]) -> None:
    """Have these campaigns run, all at once and without a message."""
    for statement in BEGIN:
        there.sql(statement, ids=list(campaigns))
