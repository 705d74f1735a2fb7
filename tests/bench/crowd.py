"""A database with very much in it, and a web process in front: loaded by the million, past the product's verbs.

The foreign keys and the counting of the rows that are loaded are left out (they take longer than the loading) and
what they would have made sure of is written here: the totals of every campaign.
"""

from __future__ import annotations

import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg

from tests.bench.bare import bare
from tests.bench.deployment import started
from worker.dev.process import Child
from worker.dev.stack import Stack
from worker.flow.base import Dialer
from worker.flow.reconcile import reconcile
from worker.flow.stop import pause_campaign, stop_calls
from worker.operations.keys import create_key
from worker.store.crm import setup

TEAM = "team_crowd"
CAMPAIGN, COMPANION = "camp_crowd", "camp_small"
SLOTS = 50
READY_SECONDS = 60

# A contact of its own for everybody: of the large campaign (c), of all the others (o), of none yet (s). Country
# code 999 belongs to nobody.
LOAD = (
    """INSERT INTO contacts (id, team_id, phone, phone_e164)
       SELECT format('cont_%%s%%s', %(kind)s::text, n), %(team)s::text, number, number
       FROM (SELECT n, format('+999%%s%%s', %(digit)s::int, lpad(n::text, 8, '0')) AS number
             FROM generate_series(1, %(count)s::int) AS n) AS made""",
    """INSERT INTO campaigns (id, team_id, assistant_id, company_id, name, max_concurrent_calls, created_at)
       SELECT id, %(team)s, 'asst_crowd', 'comp_crowd', id, %(slots)s, clock_timestamp() - n * interval '1 minute'
       FROM (SELECT n, CASE n WHEN 1 THEN 'camp_crowd' WHEN 2 THEN 'camp_small' ELSE format('camp_%%s', n) END AS id
             FROM generate_series(1, %(campaigns)s::int) AS n) AS made""",
    """INSERT INTO campaign_numbers (team_id, campaign_id, number_id, position)
       SELECT %(team)s, c.id, k.id, row_number() OVER (PARTITION BY c.id ORDER BY k.id) - 1
       FROM campaigns c, phone_numbers k""",
    """INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at)
       SELECT %(team)s, 'camp_crowd', id, dialer_now() FROM contacts WHERE id LIKE 'cont_c%%'""",
    """INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at)
       SELECT %(team)s, c.id, k.id, dialer_now()
       FROM campaigns c, contacts k WHERE k.id LIKE 'cont_o%%' AND c.id <> 'camp_crowd'
       AND (c.id = 'camp_small' OR k.id = 'cont_o1')""",
    "INSERT INTO campaign_zones (campaign_id, zone) SELECT id, '' FROM campaigns",
    """INSERT INTO campaign_totals (campaign_id, total, pending)
       SELECT campaign_id, count(*), count(*) FROM campaign_contacts GROUP BY campaign_id""",
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """What was loaded, and how to ask for it. ``slots`` is what a campaign may call at once."""

    contacts: int
    seconds: float
    dialer: Dialer
    client: httpx2.Client
    web: Child
    team: str = TEAM
    slots: int = SLOTS

    def spare(self, first: int, count: int) -> list[str]:
        """Contacts that are in no campaign yet."""
        return [f"cont_s{first + n + 1}" for n in range(count)]

    def contacts_in(self, campaign: str) -> int:
        """How many contacts the API says it has."""
        return int(self.client.get(f"/api/crm/campaigns/{campaign}").json()["campaign"]["total_contacts"])

    def put_back(self, campaign: str) -> None:
        """Pause it, and release what it has reserved."""
        pause_campaign(self.dialer, campaign, actor="bench")
        stop_calls(self.dialer)
        assert not self.dialer.slots.members(), "a slot was not given back"

    def web_bytes(self) -> int:
        """The most the web process has ever held in memory; 0 where the system does not say."""
        try:
            status = (Path("/proc") / str(self.web.pid) / "status").read_text()
        except OSError:
            return 0
        found = re.search(r"^VmHWM:\s+([0-9]+) kB", status, re.MULTILINE)
        return 1024 * int(found[1]) if found else 0


@contextmanager
def crowd(stack: Stack, contacts: int, campaigns: int, spare: int) -> Iterator[Crowd]:
    """A database with so many contacts in one campaign, so many campaigns, and so many contacts to spare."""
    with bare(stack, "crowd", API_REQUESTS_PER_SECOND="10000", API_BURST="10000") as made:
        dialer, environment = made.dialer, made.environment
        began_at = time.monotonic()
        loaded = _load(dialer, environment["DATABASE_URL"], contacts, campaigns, spare)
        reconcile(dialer)
        seconds = time.monotonic() - began_at
        _, key = create_key(dialer, TEAM, "bench", actor="bench")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        argv = [sys.executable, "-m", "worker", "web", "--host", "127.0.0.1", "--port", str(port)]
        url, headers = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {key}"}
        with (
            started(stack, "crowd-web", argv, {"LOG_LEVEL": "error", **environment}) as web,
            httpx2.Client(base_url=url, headers=headers, timeout=60) as client,
        ):
            _wait(client, web)
            yield Crowd(loaded, seconds, dialer, client, web)


def _load(dialer: Dialer, url: str, contacts: int, campaigns: int, spare: int) -> int:
    with dialer.db.begin() as conn:
        setup.team(conn, TEAM, "crowd", "Crowd", limit=SLOTS)
        setup.company(conn, "comp_crowd", TEAM, "A company")
        setup.assistant(conn, "asst_crowd", TEAM, "An assistant")
        setup.account(conn, "acct_crowd", TEAM, "simulator", "An account", limit=SLOTS)
        for n in range(5):
            setup.number(conn, f"pn_crowd{n}", TEAM, "acct_crowd", f"+9991{n:06d}", limit=SLOTS // 5)
    kinds = {"c": contacts, "o": SLOTS, "s": spare}
    of_contacts, *others = LOAD
    with psycopg.connect(url) as conn:
        conn.execute("SET session_replication_role = replica")
        for digit, (kind, count) in enumerate(kinds.items(), 2):
            conn.execute(of_contacts, {"team": TEAM, "kind": kind, "digit": digit, "count": count})
        for statement in others:
            conn.execute(statement, {"team": TEAM, "slots": SLOTS, "campaigns": campaigns})
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")
    return sum(kinds.values())


def _wait(client: httpx2.Client, web: Child) -> None:
    """Until the web process answers."""
    deadline, pause = time.monotonic() + READY_SECONDS, threading.Event()
    while web.exit_code is None and time.monotonic() < deadline:
        try:
            if client.get("/healthz").status_code == 200:
                return
        except httpx2.TransportError:
            pause.wait(0.1)
    raise AssertionError(f"the web process does not answer: {web.last_words()}")
