"""A dialer without processes: a database and a prefix of its own, and campaigns loaded by the million.

Loading goes past the product's verbs, because a million contacts take minutes through them: foreign keys and
counting are left out, and what they would have made sure of is written here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from worker.dev.stack import Stack
from worker.domain.model import Disposition
from worker.domain.window import RULES_END
from worker.flow.base import Dialer, slot_of
from worker.flow.ending import end
from worker.flow.reconcile import reconcile
from worker.operations.examine import examine
from worker.process import wiring
from worker.process.settings import Settings, read_settings
from worker.store import calls, counters, dialing, gate, moves
from worker.store.crm import setup
from worker.store.database import transact
from worker.store.dialing import Departure
from worker.store.migrate import migrate

TEAM = "team_bare"
NUMBERS = 5
MOST_CALLS = 1000

# Country code 999 belongs to nobody.
LOAD = (
    """INSERT INTO contacts (id, team_id, phone, phone_e164)
       SELECT format('cont_%%s_%%s', %(campaign)s::text, n), %(team)s::text, number, number
       FROM (SELECT n, format('+999%%s%%s', %(digit)s::int, lpad(n::text, 8, '0')) AS number
             FROM generate_series(1, %(count)s::int) AS n) AS made""",
    """INSERT INTO campaigns (id, team_id, assistant_id, company_id, name, max_concurrent_calls)
       VALUES (%(campaign)s, %(team)s, 'asst_bare', 'comp_bare', %(campaign)s, %(limit)s)""",
    """INSERT INTO campaign_numbers (team_id, campaign_id, number_id, position)
       SELECT team_id, %(campaign)s, id, row_number() OVER (ORDER BY id) - 1
       FROM phone_numbers WHERE team_id = %(team)s""",
    """INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at)
       SELECT %(team)s, %(campaign)s, format('cont_%%s_%%s', %(campaign)s::text, n), dialer_now()
       FROM generate_series(1, %(count)s::int) AS n""",
    "INSERT INTO campaign_zones (campaign_id, zone) VALUES (%(campaign)s, '')",
    "INSERT INTO campaign_totals (campaign_id, total, pending) VALUES (%(campaign)s, %(count)s, %(count)s)",
)


@dataclass(frozen=True, slots=True)
class Bare:
    """The dialer, and how to reach what it works on."""

    name: str
    stack: Stack
    environment: dict[str, str]
    settings: Settings
    dialer: Dialer

    def sql(self, statement: str, **values: Any) -> Sequence[Any]:
        with self.dialer.db.begin() as conn:
            result = conn.execute(text(statement), values)
            return result.all() if result.returns_rows else []

    def furnish(self) -> None:
        """A team that may have :data:`MOST_CALLS` calls, and what its campaigns need."""
        with self.dialer.db.begin() as conn:
            setup.team(conn, TEAM, "bare", "Bare", limit=MOST_CALLS)
            setup.company(conn, "comp_bare", TEAM, "A company")
            setup.assistant(conn, "asst_bare", TEAM, "An assistant")
            setup.account(conn, "acct_bare", TEAM, "simulator", "An account", limit=MOST_CALLS)
            for n in range(NUMBERS):
                setup.number(conn, f"pn_bare{n}", TEAM, "acct_bare", f"+9991{n:06d}", limit=MOST_CALLS // NUMBERS)
        reconcile(self.dialer)

    def load(self, campaign: str, count: int, *, digit: int, limit: int) -> str:
        """A draft with so many contacts, whose numbers begin with 999 and ``digit``; returns its id."""
        values = {"team": TEAM, "campaign": campaign, "count": count, "digit": digit, "limit": limit}
        with self.past_the_verbs() as conn:
            for statement in LOAD:
                conn.execute(statement, values)
        self.vacuum()
        return campaign

    def vacuum(self) -> None:
        """What autovacuum would do a minute later."""
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as conn:
            conn.execute("VACUUM ANALYZE")

    @contextmanager
    def past_the_verbs(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.environment["DATABASE_URL"]) as conn:
            conn.execute("SET session_replication_role = replica")
            yield conn

    def answer(self, call_ids: Sequence[str]) -> None:
        """Write that these calls may leave, end them as answered, and add up what was counted: as dialing, settling and
        the tick do it, without a carrier."""
        bounds = self.dialer.bounds

        def dial(conn: Connection) -> Sequence[str]:
            rows = dialing.reserved_calls(conn, call_ids, recovery_seconds=bounds.rate_recovery_seconds)
            gate.pass_gate(conn, TEAM)
            return dialing.commit_dialing(
                conn, bounds, [Departure(row.id, RULES_END, row.policy_version) for row in rows]
            )

        def settle(conn: Connection) -> Sequence[Any]:
            rows = calls.live_by_id(conn, call_ids)
            return moves.advance(conn, [end(row, Disposition.ANSWERED, outcome_wait_seconds=0)[0] for row in rows])

        assert len(transact(self.dialer.db, dial)) == len(call_ids), "not every call may leave"
        ended = transact(self.dialer.db, settle)
        assert len(ended) == len(call_ids), f"{len(ended)} of {len(call_ids)} calls ended"
        self.dialer.slots.release([slot_of(row) for row in ended])
        transact(self.dialer.db, counters.roll_up)

    def check(self) -> None:
        """A run that breaks an invariant is void; but who is due is dialed by ticks, which do not come here."""
        found = examine(self.dialer)
        broken = {name: rows for name, rows in found.items() if rows and name != "due_contacts_are_called"}
        assert not broken, f"invariants are broken: {broken}"


@contextmanager
def bare(stack: Stack, name: str, *, template: str | None = None, **settings: str) -> Iterator[Bare]:
    """A dialer called ``name`` on the servers of ``stack``; ``settings`` in the names of the environment. Its database
    is a copy of ``template``, in which nobody is, if there is one."""
    with psycopg.connect(stack.postgres.url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}{f' TEMPLATE {template} STRATEGY file_copy' if template else ''}")
    environment = {
        **stack.environment,
        "DATABASE_URL": stack.postgres.url_of(name),
        "REDIS_PREFIX": name,
        **settings,
    }
    chosen = read_settings(environment)
    dialer = wiring.build(chosen, carriers={})
    migrate(dialer.db)
    try:
        yield Bare(name, stack, environment, chosen, dialer)
    finally:
        dialer.db.dispose()
