"""While somebody holds an old snapshot, calls that have ended cost the claims after them nothing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from tests.store.rows import furnish, token
from tests.store.test_plans import array, explain, unbounded
from worker.domain.model import Bounds
from worker.store import candidates, claims
from worker.store.claims import Reservation, Want

BATCH, PEOPLE = 25, 1500
PEOPLE_WAIT = f"""
INSERT INTO contacts (id, team_id, phone_e164)
SELECT 'c' || n, 'team_a', '+1303' || 1000000 + n FROM generate_series(1, {PEOPLE}) AS n;
INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at)
SELECT 'team_a', 'camp_a', 'c' || n, dialer_now() - interval '1 minute' FROM generate_series(1, {PEOPLE}) AS n;
"""
END = text("""
UPDATE calls SET state = 'ended', disposition = 'not_sent', ended_at = clock_timestamp()
WHERE ended_at IS NULL AND id <> ALL(:kept)
""")
ALL_LIVE = text("SELECT count(*) FROM calls WHERE team_id = 'team_a' AND ended_at IS NULL")
LIVE_FROM = text("SELECT live_from FROM teams WHERE id = 'team_a'")
PICK = {
    "team": "'team_a'",
    "campaign_id": array("camp_a"),
    "zone": array(""),
    "most": array(BATCH),
    "with_person": array("false"),
    "by_place": array("false"),
    **unbounded(1),
}


@pytest.fixture
def held(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Many wait, and somebody began to look at everything and has not ended."""
    monkeypatch.setattr(claims, "MOVED_AT_ONCE", 50)
    with engine.begin() as conn:
        furnish(conn, "a")
        conn.exec_driver_sql(PEOPLE_WAIT)
        conn.execute(END, {"kept": []})
    with engine.connect() as holder:
        holder.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        holder.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        holder.execute(text("SELECT txid_current(), count(*) FROM teams")).all()
        yield engine


def call_next(conn: Connection, nth: int) -> None:
    """Claim the next who are due, under the locks of a claim."""
    conn.execute(*claims.lock("team_a", ["camp_a"])).all()
    live = sum(row.live for row in conn.execute(*candidates.live("team_a")).all())
    assert live == conn.execute(ALL_LIVE).scalar_one(), "a limit counts every live call"
    reservations = []
    limits = dict.fromkeys(("team_limit", "campaign_limit", "number_limit", "account_limit"), 9)
    limits["credentials_limit"] = None
    for n, row in enumerate(conn.execute(*claims.pick("team_a", [Want("camp_a", "", BATCH)])).all()):
        name = f"k_{nth:03d}_{n:02d}"
        parts = {"run_id": "run_a", "number_id": "pn_a", "account_id": "acct_a", "from_number": "+12025550100"}
        reservations.append(
            Reservation(name, "camp_a", contact_id=row.contact_id, token=token(name), to_number=row.phone_e164,
                        zone="", attempts=0, called=False, max_attempts=9, **parts, **limits)
        )  # fmt: skip
    assert len(reservations) == BATCH
    conn.execute(*claims.reserve("team_a", reservations, Bounds()))


def pages(engine: Engine) -> dict[str, int]:
    """What the two statements of a claim that read the live calls read."""
    with engine.connect() as conn:
        session: Any = conn.connection.driver_connection
        session.rollback()
        session.autocommit, session.prepare_threshold = True, None
        plans = {
            "live": explain(session, candidates.LIVE, team="'team_a'"),
            "pick": explain(session, claims.PICK, **PICK),
        }
        conn.invalidate()
    return {name: plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for name, plan in plans.items()}


def test_a_claim_reads_over_the_calls_that_ended_lately_and_no_others(held: Engine) -> None:
    read = []
    for nth in range(40):
        with held.begin() as conn:
            call_next(conn, nth)
        with held.begin() as conn:
            conn.execute(END, {"kept": []})
        if nth in (7, 39):
            read.append(pages(held))
    first, last = read
    assert last["live"] < 2 * first["live"], read
    assert last["pick"] < 2 * first["pick"] + PEOPLE // 10, read


def test_a_call_that_lasts_is_counted_however_many_have_ended_since(held: Engine) -> None:
    """The mark stays at it; when it has ended, the mark moves past all the others."""
    for nth in range(12):
        with held.begin() as conn:
            call_next(conn, nth)
        with held.begin() as conn:
            conn.execute(END, {"kept": ["k_003_07"]})
    with held.begin() as conn:
        seq = conn.execute(text("SELECT seq FROM calls WHERE id = 'k_003_07'")).scalar_one()
        assert seq - 50 < conn.execute(LIVE_FROM).scalar_one() <= seq
        conn.execute(END, {"kept": []})
    for nth in (12, 13):
        with held.begin() as conn:
            call_next(conn, nth)
    with held.begin() as conn:
        assert conn.execute(LIVE_FROM).scalar_one() > seq + 8 * BATCH
