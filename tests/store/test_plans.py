"""What a claim reads does not grow with what waits: the plans of its statements, at 100 000 rows a campaign.

Asked in all the ways the statements are run: planned for their parameters, and once for all parameters (psycopg
prepares what it runs often, and PostgreSQL then keeps such a plan); just after an import, when nothing is known yet
of the contacts, and when it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, TextClause, text

from tests.store.rows import campaign, furnish
from worker.dev.stack import Stack
from worker.domain.paging import Key
from worker.store import (
    call_history,
    call_outcomes,
    callbacks,
    calls,
    campaign_ends,
    campaigns,
    candidates,
    claims,
    consents,
    credentials,
    events,
    hangups,
    network_blocks,
    past_calls,
    retention,
    wakes,
)
from worker.store.crm import callees, campaign_contacts, contacts, external_ids, selecting
from worker.store.database import open_database
from worker.store.reads import calls as team_calls
from worker.store.reads import evidence, progress, standstill, story, watching
from worker.store.reads.calls import Source

WAITING = "campaign_contacts_waiting"
GROWS = {"campaign_contacts", "contacts", "calls", "call_events", "do_not_call", "callees"}
PEOPLE = 100_000
TEAM = "'team_a'"
OPEN, SHUT = "Asia/Tokyo", "America/New_York"
ALL = ["camp_a", "camp_a_zones", "camp_a_done"]
BY_PLACES = "camp_a_places"
PLACES = [f"US-{n:02}:*" for n in range(20)]

# Four campaigns of one team: one with everybody waiting, one with nearly everybody in a zone whose window is
# shut, due before the few whose window is open, one at twenty places of which five are shut, and one that has called
# everybody.
CROWD = f"""
SET LOCAL session_replication_role = replica;
INSERT INTO contacts (id, team_id, phone_e164)
SELECT 'c' || n, 'team_a', '+1303' || 1000000 + n FROM generate_series(1, {PEOPLE}) AS n;
INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at)
SELECT 'team_a', 'camp_a', 'c' || n, dialer_now() - n * interval '1 second' FROM generate_series(1, {PEOPLE}) AS n;
INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, zone, due_at)
SELECT 'team_a', 'camp_a_zones', 'c' || n, CASE WHEN n <= 100 THEN '{OPEN}' ELSE '{SHUT}' END,
       dialer_now() - n * interval '1 minute' FROM generate_series(1, {PEOPLE}) AS n;
INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, status, called, answered, due_at)
SELECT 'team_a', 'camp_a_done', 'c' || n, 'completed', true, true, dialer_now() FROM generate_series(1, 30000) AS n;
INSERT INTO campaign_zones VALUES ('camp_a_zones', '{OPEN}'), ('camp_a_zones', '{SHUT}');
UPDATE campaigns SET purpose = 'health', status = 'draft' WHERE id = '{BY_PLACES}';
INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, zone, due_at)
SELECT 'team_a', '{BY_PLACES}', 'c' || n, 'US-' || lpad((n % 20)::text, 2, '0') || ':*',
       dialer_now() - n * interval '1 second' FROM generate_series(1, 10000) AS n;
INSERT INTO calls (id, team_id, campaign_id, run_id, contact_id, number_id, account_id, token, from_number, to_number,
                   zone, claim_limits, state, disposition, ended_at)
SELECT 'k' || n, 'team_a', 'camp_a_done', 'run_a_done', 'c' || n, 'pn_a', 'acct_a', md5(n::text), '+12025550100',
       '+1303' || 1000000 + n, '', '{{9,9,9,9}}', 'ended', 'not_sent', clock_timestamp()
FROM generate_series(1, 30000) AS n;
INSERT INTO call_events (carrier, token, event_id, carrier_call_id, kind, disposition, outcome)
SELECT 'simulator', md5(n::text), 'end', 'c', 'ended', 'busy', 'moved' FROM generate_series(1, 30000) AS n;
INSERT INTO callees (team_id, number, recent)
SELECT 'team_a', '+1303' || 1000000 + n, ARRAY[dialer_now()] FROM generate_series(1, {PEOPLE}) AS n;
INSERT INTO do_not_call (team_id, number) SELECT 'team_a', '+1404' || 1000000 + n FROM generate_series(1, 30000) AS n;
"""


@pytest.fixture(scope="module")
def crowded_url(stack: Stack, template: str) -> Iterator[str]:
    """A database in which many wait and many have been called."""
    with psycopg.connect(stack.postgres.url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE store_crowded TEMPLATE {template}")
        url = stack.postgres.url_of("store_crowded")
        engine = open_database(url, pool_size=1, statement_ms=0)
        with engine.begin() as conn:
            _crowd(conn)
        engine.dispose()
        yield url
        server.execute("DROP DATABASE store_crowded WITH (FORCE)")


def _crowd(conn: Connection) -> None:
    furnish(conn, "a")
    campaign(conn, "a", "_zones")
    campaign(conn, "a", "_done")
    campaign(conn, "a", "_places")
    raw = conn.connection.driver_connection
    assert raw is not None
    raw.execute(CROWD)
    raw.execute("ANALYZE calls, call_events, do_not_call, campaigns, runs, teams, phone_numbers, carrier_accounts")


@pytest.fixture(scope="module", params=["just imported", "analyzed"])
def crowd(request: pytest.FixtureRequest, crowded_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(crowded_url, autocommit=True, prepare_threshold=None) as conn:
        if request.param == "analyzed":
            conn.execute("ANALYZE")
        yield conn


@pytest.fixture(params=["force_custom_plan", "force_generic_plan"])
def mode(request: pytest.FixtureRequest, crowd: psycopg.Connection[Any]) -> str:
    crowd.execute(f"SET plan_cache_mode = {request.param}")
    return str(request.param)


def explain(conn: psycopg.Connection[Any], statement: TextClause, **values: str) -> dict[str, Any]:
    """Run the statement with these parameters, written as SQL, undo it, and give back the plan it went by."""
    names = list(dict.fromkeys(re.findall(r"(?<![:\w]):(\w+)", statement.text)))
    numbered = re.sub(r"(?<![:\w]):(\w+)", lambda name: f"${names.index(name[1]) + 1}", statement.text)
    arguments = f"({', '.join(values[name] for name in names)})" if names else ""
    conn.execute("DEALLOCATE ALL")
    with conn.transaction(force_rollback=True):
        conn.execute(f"PREPARE asked AS {numbered}")
        row = conn.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked {arguments}").fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def scans(plan: dict[str, Any], table: str = "campaign_contacts") -> list[dict[str, Any]]:
    found = [node for node in nodes(plan) if node.get("Relation Name") == table]
    assert found, f"the statement does not read {table}"
    return found


def reads_little(plan: dict[str, Any], *, rows: int, pages: int) -> None:
    """No table that grows is read from end to end, and what is read stays within these bounds."""
    assert not [n["Relation Name"] for n in nodes(plan) if n["Node Type"] == "Seq Scan" and n["Relation Name"] in GROWS]
    for node in nodes(plan):
        loops = node["Actual Loops"]
        passed = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * loops
        assert passed <= rows, f"{node['Node Type']} went over {passed} rows"
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] <= pages


def array(*values: object) -> str:
    return "'{" + ",".join(f'"{value}"' for value in values) + "}'"


def unbounded(count: int) -> dict[str, str]:
    """So many wants of which none ends at a contact."""
    return dict.fromkeys(("last_rank", "last_due", "last_id"), "'{" + ",".join(["NULL"] * count) + "}'")


@pytest.mark.usefixtures("mode")
@pytest.mark.parametrize("wants", [[("camp_a", "", 25)], [("camp_a", "", 25), ("camp_a_zones", OPEN, 25)]])
def test_a_claim_reads_the_contacts_it_takes_and_no_others(
    crowd: psycopg.Connection[Any], wants: list[tuple[str, str, int]]
) -> None:
    campaign_ids, zones, counts = zip(*wants, strict=True)
    plan = explain(
        crowd,
        claims.PICK,
        team="'team_a'",
        campaign_id=array(*campaign_ids),
        zone=array(*zones),
        most=array(*counts),
        with_person=array(*["true"] * len(wants)),
        with_history=array(*["true"] * len(wants)),
        by_place=array(*["true"] * len(wants)),
        **unbounded(len(wants)),
    )
    assert plan["Actual Rows"] == sum(counts)
    for scan in scans(plan):
        assert (scan["Node Type"], scan.get("Index Name")) == ("Index Scan", WAITING)
        assert "zone = " in scan["Index Cond"]
        assert "due_at <= " in scan["Index Cond"]
    reads_little(plan, rows=100 * len(wants), pages=800 * len(wants))


@pytest.mark.usefixtures("mode")
def test_a_claim_of_nobody_in_an_open_zone_costs_nothing_for_those_in_a_closed_one(
    crowd: psycopg.Connection[Any],
) -> None:
    wanted = dict(
        team="'team_a'",
        campaign_id=array("camp_a_zones"),
        zone=array("Europe/Paris"),
        most=array(25),
        with_person=array("false"),
        with_history=array("true"),
        by_place=array("false"),
        **unbounded(1),
    )
    explain(crowd, claims.PICK, **wanted)  # what a session looks up in the catalog once is not counted
    plan = explain(crowd, claims.PICK, **wanted)
    assert plan["Actual Rows"] == 0
    reads_little(plan, rows=10, pages=20)


@pytest.fixture
def ranked(crowd: psycopg.Connection[Any]) -> Iterator[None]:
    """The campaign in which everybody waits knows of ranks before and behind theirs, in which nobody does."""
    crowd.execute("UPDATE campaigns SET ranks = '{0,1,5,9}' WHERE id = 'camp_a'")
    yield
    crowd.execute("UPDATE campaigns SET ranks = '{5}' WHERE id = 'camp_a'")


@pytest.mark.usefixtures("mode", "ranked")
def test_a_claim_by_ranks_reads_the_contacts_it_takes_and_looks_at_each_rank_once(
    crowd: psycopg.Connection[Any],
) -> None:
    plan = explain(crowd, claims.PICK, team=TEAM, campaign_id=array("camp_a"), zone=array(""), most=array(25),
        with_person=array("false"), with_history=array("true"), by_place=array("false"), **unbounded(1))  # fmt: skip
    assert plan["Actual Rows"] == 25
    for scan in scans(plan):
        assert (scan["Node Type"], scan.get("Index Name")) == ("Index Scan", WAITING)
        assert "rank = " in scan["Index Cond"]
        assert scan["Actual Loops"] <= 3, "enough of one rank leave the next alone"
    reads_little(plan, rows=100, pages=800)
    values = {"team": TEAM, "ids": array(*ALL), "most": "200", "starved": "true", "recovery": "60", **PAGE}
    reads_little(explain(crowd, candidates.CANDIDATES, **values), rows=100, pages=300)
    reads_little(explain(crowd, wakes.NEXT_DUE, ids=array(*ALL)), rows=100, pages=200)


PLACED = f"""
UPDATE campaigns SET status = 'running' WHERE id = '{BY_PLACES}';
INSERT INTO campaign_zones (campaign_id, zone, shut_until)
SELECT '{BY_PLACES}', 'US-' || lpad(n::text, 2, '0') || ':*', CASE WHEN n < 5 THEN CAST('infinity' AS timestamptz) END
FROM generate_series(0, 19) AS n;
"""


@pytest.mark.usefixtures("mode")
def test_a_claim_by_places_reads_the_first_contact_of_each_that_is_not_shut(crowd: psycopg.Connection[Any]) -> None:
    with crowd.transaction(force_rollback=True):
        crowd.execute(PLACED)
        _claims_by_places(crowd)


def _claims_by_places(crowd: psycopg.Connection[Any]) -> None:
    values = {"team": TEAM, "ids": array(BY_PLACES), "most": "200", "starved": "false", "recovery": "60", **PAGE}
    reads_little(explain(crowd, candidates.CANDIDATES, **values), rows=60, pages=400)
    there = PLACES[5:]
    first = crowd.execute(
        f"SELECT rank, due_at, id FROM campaign_contacts WHERE campaign_id = '{BY_PLACES}' AND zone = '{there[0]}' "
        "ORDER BY due_at, id LIMIT 1"
    ).fetchone()
    assert first is not None
    wanted = len(there)
    bound = dict(zip(("last_rank", "last_due", "last_id"), (array(*[each] * wanted) for each in first), strict=True))
    plan = explain(
        crowd, claims.PICK, team=TEAM, campaign_id=array(*[BY_PLACES] * wanted), zone=array(*there),
        most=array(*range(wanted, 0, -1)), with_person=array(*["false"] * wanted), by_place=array(*["true"] * wanted),
        with_history=array(*["true"] * wanted), **bound,
    )  # fmt: skip
    assert 1 <= plan["Actual Rows"] <= wanted, "nobody is locked who comes behind as many others"
    for scan in scans(plan):
        assert (scan["Node Type"], scan.get("Index Name")) == ("Index Scan", WAITING)
        assert "zone = " in scan["Index Cond"]
        assert "ROW(due_at, id) <= " in scan["Index Cond"]
    reads_little(plan, rows=200, pages=800)


@pytest.mark.usefixtures("mode")
def test_calling_somebody_back_reads_that_contact_and_not_the_campaign(crowd: psycopg.Connection[Any]) -> None:
    which = {"campaign": "'camp_a'", "contact": "'c77'", "at": "now()", "most": "3"}
    for statement in (callbacks.LOCK_CALL, callbacks.LOCK_CONTACT, callbacks.SET, callbacks.UNSET, callbacks.ZONE):
        reads_little(explain(crowd, statement, **which), rows=10, pages=100)


OF_THE_HISTORY = re.compile(r"SELECT k\.dialed_at FROM calls k.*?LIMIT 32", re.DOTALL)


@pytest.mark.usefixtures("mode")
def test_what_is_read_of_the_calls_to_one_number_is_found_by_it(crowd: psycopg.Connection[Any]) -> None:
    """By the trigger that counts them again, in a consent's row and in the evidence: those that ended, and a live
    one."""
    (noted,) = crowd.execute("SELECT prosrc FROM pg_proc WHERE proname = 'note_callee'").fetchone() or ("",)
    (counted,) = OF_THE_HISTORY.findall(noted)
    number = "'+13031000002'"
    for name, value in (("NEW.team_id", TEAM), ("NEW.to_number", number)):
        counted = counted.replace(name, value)
    reads_little(explain(crowd, text(counted)), rows=20, pages=50)
    asked = {"team": TEAM, "number": number, "since": "NULL", "until": "NULL", "limit": "100", "offset": "0"}
    for statement in (evidence.PAGE, evidence.COUNT):
        reads_little(explain(crowd, statement, **asked), rows=50, pages=100)
    with crowd.transaction(force_rollback=True):
        crowd.execute(
            "INSERT INTO consents (team_id, number, kind, given_at, recorded_by) "
            f"VALUES ({TEAM}, {number}, 'express', '2020-01-01', 'somebody')"
        )
        reads_little(explain(crowd, consents.OF_NUMBERS, team=TEAM, numbers=array("+13031000002")), rows=20, pages=50)


@pytest.mark.usefixtures("mode")
def test_a_second_number_is_screened_by_its_number(crowd: psycopg.Connection[Any]) -> None:
    numbers = {"campaign_id": array("camp_a"), "contact_id": array("c1"), "number": array("+13031000002")}
    reads_little(explain(crowd, claims.SCREEN_SECONDARY, team=TEAM, **numbers), rows=20, pages=100)


@pytest.mark.usefixtures("mode")
@pytest.mark.parametrize("statement", [call_history.PARK, call_history.WAITING])
def test_a_crowd_is_looked_through_up_to_a_bound(crowd: psycopg.Connection[Any], statement: TextClause) -> None:
    which = {"campaign": "'camp_a'", "zone": "''", "rules": """'[{"calls": 1, "hours": 24}]'""", "most": "50"}
    reads_little(explain(crowd, statement, **which), rows=200, pages=2500)


@pytest.mark.usefixtures("mode")
def test_planning_a_fill_counts_no_more_than_it_could_take(crowd: psycopg.Connection[Any]) -> None:
    values = {"team": "'team_a'", "ids": array(*ALL), "most": "200", "starved": "true", "recovery": "60", **PAGE}
    plan = explain(crowd, candidates.CANDIDATES, **values)
    assert plan["Actual Rows"] == 3
    for scan in scans(plan):
        assert scan.get("Index Name") == WAITING, scan["Node Type"]
        assert "zone = " in scan["Index Cond"]
        assert "due_at <= " in scan["Index Cond"]
    reads_little(plan, rows=100, pages=300)


@pytest.mark.usefixtures("mode")
def test_setting_an_alarm_reads_one_contact_a_zone(crowd: psycopg.Connection[Any]) -> None:
    plan = explain(crowd, wakes.NEXT_DUE, ids=array(*ALL))
    assert plan["Actual Rows"] == 3
    for scan in scans(plan):
        assert scan.get("Index Name") == WAITING, scan["Node Type"]
        assert "zone = " in scan["Index Cond"]
        assert scan["Actual Rows"] <= 1
    reads_little(plan, rows=100, pages=200)


@pytest.mark.usefixtures("mode")
@pytest.mark.parametrize("statement", [callees.WITHOUT_ZONE, callees.ALL])
def test_looking_at_where_numbers_are_reads_as_many_as_it_may(
    crowd: psycopg.Connection[Any], statement: TextClause
) -> None:
    plan = explain(crowd, statement, campaign="'camp_a'", most="200")
    assert plan["Actual Rows"] == 200
    for scan in scans(plan):
        assert scan.get("Index Name") == WAITING, scan["Node Type"]
    reads_little(plan, rows=200, pages=2000)


@pytest.mark.usefixtures("mode")
def test_completing_does_not_go_over_those_who_were_called(crowd: psycopg.Connection[Any]) -> None:
    plan = explain(crowd, campaign_ends.FINISHED, ids=array(*ALL))
    assert plan["Actual Rows"] == 1
    for scan in scans(plan):
        assert scan.get("Index Name") == WAITING, scan["Node Type"]
    reads_little(plan, rows=10, pages=60)


@pytest.mark.usefixtures("mode")
@pytest.mark.parametrize("campaign_id", ALL)
def test_whether_anybody_waits_is_asked_of_the_index(crowd: psycopg.Connection[Any], campaign_id: str) -> None:
    reads_little(explain(crowd, campaigns.IS_WAITING, id=f"'{campaign_id}'"), rows=10, pages=60)


@pytest.mark.usefixtures("mode")
def test_opening_a_run_reads_the_exceptions_and_not_the_campaign(crowd: psycopg.Connection[Any]) -> None:
    for campaign_id in ALL:
        reads_little(explain(crowd, contacts.OUT_OF_REACH, campaign=f"'{campaign_id}'", most="1000"), rows=10, pages=60)
        reads_little(explain(crowd, contacts.SCREEN_IN, campaign=f"'{campaign_id}'"), rows=10, pages=60)


@pytest.mark.parametrize("crowd", ["analyzed"], indirect=True)
def test_a_cancelled_campaign_is_swept_by_the_batch(crowd: psycopg.Connection[Any]) -> None:
    """A scan from the start of the table would pass over more with every batch, and over everybody else's."""
    crowd.execute("SET plan_cache_mode = auto")
    plan = explain(crowd, campaign_ends.SWEEP, id="'camp_a'", reason="NULL")
    kinds = {scan["Node Type"] for scan in scans(plan)}
    assert kinds == {"ModifyTable", "Index Scan"}
    reads_little(plan, rows=campaign_ends.SWEPT_AT_ONCE + 100, pages=200_000)


@pytest.mark.usefixtures("mode")
@pytest.mark.parametrize("campaign_id", ALL)
def test_a_screen_reads_a_handful_of_each_zone(crowd: psycopg.Connection[Any], campaign_id: str) -> None:
    reads_little(explain(crowd, watching.QUEUE, id=f"'{campaign_id}'", most="12"), rows=120, pages=300)
    reads_little(explain(crowd, watching.LIVE, id=f"'{campaign_id}'", most="100"), rows=20, pages=60)
    reads_little(explain(crowd, progress.FACTS, id=f"'{campaign_id}'", team="'team_a'"), rows=100, pages=200)
    reads_little(explain(crowd, standstill.LIVE_IN, id=f"'{campaign_id}'", recovery="60"), rows=20, pages=60)
    reads_little(explain(crowd, progress.NUMBERS, id=f"'{campaign_id}'"), rows=20, pages=100)


@pytest.mark.usefixtures("mode")
def test_how_calls_ended_lately_is_looked_for_among_the_latest(crowd: psycopg.Connection[Any]) -> None:
    plan = explain(crowd, watching.LATEST_ENDS, id="'camp_a_done'", contacts=array("c29999", "c30000", "c1"))
    reads_little(plan, rows=watching.LOOK_BACK + 10, pages=2 * watching.LOOK_BACK)


@pytest.mark.usefixtures("mode")
def test_putting_contacts_back_reads_those_and_not_the_campaign(crowd: psycopg.Connection[Any]) -> None:
    ids = array("c1", "c500", "c29999", "c99999")
    for statement in (campaign_contacts.LOCK, campaign_contacts.OF_CAMPAIGN, campaign_contacts.REQUEUE):
        reads_little(explain(crowd, statement, campaign="'camp_a_done'", ids=ids), rows=20, pages=100)


PAGE = {"after_at": "NULL", "after_id": "''", "full": "'{}'", "sharing": "'{}'"}
PERIODIC = {
    "credentials.READ": credentials.READ,
    "candidates.LIVE": candidates.LIVE,
    "calls.OVERDUE": calls.OVERDUE,
    "calls.UNDISPATCHED": calls.UNDISPATCHED,
    "calls.STALE_RESERVED": calls.STALE_RESERVED,
    "hangups.REQUEST_END": hangups.REQUEST_END,
    "hangups.TAKE": hangups.TAKE,
    "calls.ALL_LIVE": calls.ALL_LIVE,
    "events.TAKE": events.TAKE,
    "events.OVERDUE": events.OVERDUE,
    "retention.DROP": retention.DROP,
    "retention.CLEAR": retention.CLEAR,
    "retention.DELETE_EVENTS": retention.DELETE_EVENTS,
    "retention.DELETE_AUDIT": retention.DELETE_AUDIT,
    "past_calls.RETIRE": past_calls.RETIRE,
    "campaigns.DUE": campaigns.DUE,
    "standstill.WAITING_EVENTS": standstill.WAITING_EVENTS,
    "standstill.LIVE": standstill.LIVE,
    "standstill.TO_BE_ENDED": standstill.TO_BE_ENDED,
    "wakes.TAKE": wakes.TAKE,
    "call_outcomes.ARE_OVER": call_outcomes.ARE_OVER,
}
NEWS = {
    "carrier": "'simulator'",
    "token": "ARRAY[md5('1'), md5('2')]",
    "event_id": array("ringing", "ringing"),
    "carrier_call_id": array("c", "c"),
    "kind": array("ringing", "ringing"),
    **dict.fromkeys(("disposition", "sip_code", "verdict", "occurred_at", "outcome"), "'{NULL,NULL}'"),
    "raw": "ARRAY['{}', '{}']",
    **dict.fromkeys(("is_of_another", "in_doubt", "network_block"), array("false", "false")),
    "most_per_call": "1000",
}
"""Two events of calls there are."""
GIVEN = {
    "team": "'team_a'",
    "campaign": "NULL",
    "most": "200",
    "most_cancelled": "10",
    "most_teams": "20",
    "after_team": "''",
    "taken_for": "10",
    "overdue": "15",
    "carriers": "'{simulator}'",
    "recovery": "60",
    "again": "30",
    "after": "10",
    "release_after": "120",
    "margin": "20",
    "kept": "10000",
    "days": "30",
    "account_id": "ARRAY['acct_a']",
    "hang_ups": "ARRAY[8]",
    "room": "8",
    "tries": "10",
    "lease": "48",
    "sharing": "'{twilio}'",
}


@pytest.mark.usefixtures("mode")
def test_keeping_news_reads_the_call_that_its_token_names(crowd: psycopg.Connection[Any]) -> None:
    reads_little(explain(crowd, events.INSERT, **NEWS), rows=20, pages=200)


@pytest.mark.usefixtures("mode")
def test_whether_a_network_blocks_a_number_is_asked_of_the_newest_calls(crowd: psycopg.Connection[Any]) -> None:
    declined = {"call_id": array("k1", "k2"), "team_id": array("team_a", "team_a"), "number_id": array("pn_a", "pn_a")}
    reads_little(explain(crowd, network_blocks.NEWEST_ENDS, **declined), rows=network_blocks.MOST_READ, pages=4000)
    by = {"team": TEAM, "number": "'pn_a'", "campaigns": array("camp_a_done")}
    for statement in (network_blocks.DECLINED_BY, network_blocks.FORGIVE):
        reads_little(explain(crowd, statement, **by), rows=20, pages=100)


@pytest.mark.usefixtures("mode")
@pytest.mark.parametrize("name", PERIODIC)
def test_what_is_asked_every_second_reads_what_is_live_and_no_more(crowd: psycopg.Connection[Any], name: str) -> None:
    """There is one live call, one event that waits, and nothing else to do but to take the campaigns that are due, each
    of which is written with its indexes."""
    pages = 200 if name == "wakes.TAKE" else 100
    reads_little(explain(crowd, PERIODIC[name], **GIVEN), rows=20, pages=pages)


@pytest.mark.usefixtures("mode")
def test_whether_somebody_could_be_called_is_asked_of_one_contact_a_zone(crowd: psycopg.Connection[Any]) -> None:
    for statement, found in ((standstill.DUE, 3), (standstill.DUE_IN, 1)):
        plan = explain(crowd, statement, after="25", recovery="60", id="'camp_a_zones'")
        assert plan["Actual Rows"] == found
        for scan in scans(plan):
            assert scan.get("Index Name") == WAITING, scan["Node Type"]
            assert scan["Actual Rows"] <= 1
        reads_little(plan, rows=100, pages=400)


@pytest.mark.usefixtures("mode")
@pytest.mark.parametrize("name", ["retention.DELETE_EVENTS", "past_calls.RETIRE"])
def test_a_batch_of_what_is_old_reads_no_more_than_the_batch(crowd: psycopg.Connection[Any], name: str) -> None:
    given = GIVEN | {"days": "0", "most": "50"}
    reads_little(explain(crowd, PERIODIC[name], **given), rows=210, pages=4000)


NOW, LONG_AGO = "clock_timestamp()", "'2000-01-01'"
DEEP = Key(datetime(2100, 1, 1, tzinfo=UTC), "k2")
LISTED = {
    "team": TEAM, "limit": "50", "offset": "0", "campaign_id": "'camp_a_done'", "number": "'+13031000500'",
    "disposition": "'not_sent'", "contact_id": "'c500'", "ids": array("k500"), "since": LONG_AGO,
    "after_at": "clock_timestamp() + interval '1 day'", "after_id": "'k2'",
}  # fmt: skip
SOURCES = {
    "of the team": (Source(team_calls.OF_TEAM), {"calls_of_team", "calls_live_of_team"}),
    "of a campaign": (Source(team_calls.OF_CAMPAIGN), {"calls_of_campaign_in_time"}),
    "to a number": (Source(team_calls.TO_NUMBER), {"calls_to_number", "calls_live_of_team"}),
    "that ended so": (Source(team_calls.BY_DISPOSITION), {"calls_by_disposition"}),
    "to a contact": (Source("team_id = :team", team_calls.OF_ONE_CONTACT), {"calls_of_contact"}),
    "by their ids": (Source("team_id = :team", team_calls.OF_IDS), {"calls_pkey"}),
}


@pytest.fixture
def as_in_a_session(crowd: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """With what every session of the dialer's sets (:func:`worker.store.database.open_database`)."""
    names = ("enable_seqscan", "enable_mergejoin", "enable_hashjoin", "join_collapse_limit", "plan_cache_mode")
    for name, value in zip(names, ("off", "off", "off", "1", "force_generic_plan"), strict=True):
        crowd.execute(f"SET {name} = {value}")
    yield crowd
    for name in names:
        crowd.execute(f"RESET {name}")


@pytest.mark.parametrize("after", [None, DEEP], ids=["first page", "behind another"])
@pytest.mark.parametrize("name", SOURCES)
def test_a_page_of_calls_reads_that_page_by_the_index_in_its_order(
    as_in_a_session: psycopg.Connection[Any], name: str, after: Key | None
) -> None:
    source, indexes = SOURCES[name]
    listed, _ = team_calls.newest_statements(source, after)
    plan = explain(as_in_a_session, text(listed), **LISTED)
    assert {node["Index Name"] for node in nodes(plan) if "calls" in node.get("Index Name", "")} == indexes
    reads_little(plan, rows=60, pages=400)


@pytest.mark.parametrize("after", [None, DEEP, Key(None, "k2")], ids=["first page", "behind another", "among the live"])
def test_what_has_changed_is_read_in_the_order_in_which_it_ended(
    as_in_a_session: psycopg.Connection[Any], after: Key | None
) -> None:
    listed, _ = team_calls.changed_statements(Source(team_calls.OF_TEAM), after)
    plan = explain(as_in_a_session, text(listed), **LISTED)
    used = {scan.get("Index Name") for scan in scans(plan, "calls")}
    assert used <= {"calls_ended", "calls_live_of_team"}
    reads_little(plan, rows=60, pages=400)


@pytest.mark.parametrize("name", SOURCES)
def test_calls_are_counted_up_to_a_bound(as_in_a_session: psycopg.Connection[Any], name: str) -> None:
    _, counted = team_calls.newest_statements(SOURCES[name][0])
    reads_little(explain(as_in_a_session, text(counted), **LISTED), rows=10_000, pages=12_000)


def test_who_somebody_is_and_what_became_of_them_is_found_by_keys(as_in_a_session: psycopg.Connection[Any]) -> None:
    one = {"team": TEAM, "contact": "'c500'", "most": "50", "subjects": array("c500", "+13031000500")}
    many = {"tokens": "ARRAY[md5('1'), md5('2')]", "carrier_call": "'nobody'", "ids": array("crm-1"), "but": "''"}
    for statement in (
        story.CAMPAIGNS, story.DO_NOT_CALL, story.EDITS, team_calls.OF_CONTACT, team_calls.EVENTS,
        team_calls.BY_CARRIER_ID, external_ids.TAKEN,
    ):  # fmt: skip
        reads_little(explain(as_in_a_session, statement, **one, **many), rows=20, pages=100)


def test_a_slice_of_contacts_and_a_page_behind_another_read_so_many(as_in_a_session: psycopg.Connection[Any]) -> None:
    given = {"team": TEAM, "campaign": "'camp_a_done'", "after_id": "'c1'", "after": "1", "until": NOW, "most": "50"}
    given |= {"after_at": LONG_AGO, "statuses": "NULL", "limit": "50", "offset": "0", "before": "25000"}
    for statement in (selecting.OF_TEAM, selecting.OF_CAMPAIGN, campaign_contacts.PAGE):
        reads_little(explain(as_in_a_session, statement, **given), rows=60, pages=600)
