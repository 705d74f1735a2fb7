"""The history of numbers: the same answer in SQL as in Python, and nothing committed by another than was read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Connection, text

from tests.store.dialing import committing, reserve, running
from tests.store.rows import campaign, contact, furnish
from tests.world import World
from worker.domain.frequency import Cap, Frequency, History, Quiet, allowed_at
from worker.domain.window import RULES_END
from worker.flow.frequency import as_json
from worker.store import call_history, dialing, gate
from worker.store.database import once
from worker.store.dialing import Departure

HISTORY = "INSERT INTO callees VALUES ('team_a', :number, :recent, :conversed, :refused)"


def test_a_crowd_is_put_off_to_the_instants_that_the_rules_say(conn: Connection) -> None:
    furnish(conn, "a")
    campaign(conn, "a", "_crowd")
    dice, now = Random(7), conn.execute(text("SELECT dialer_now()")).scalar_one()
    rules = Frequency((Cap(2, 24), Cap(5, 100)), (Quiet("conversation", 30), Quiet("refusal", 49)))

    def ago(hours: float) -> datetime | None:
        return now - timedelta(hours=hours) if dice.random() < 0.7 else None

    expected = {}
    for n in range(200):
        name = contact(conn, "a", n + 10, of="_crowd")
        recent = sorted((now - timedelta(hours=dice.uniform(0, 200)) for _ in range(dice.randrange(9))), reverse=True)
        history = History(recent, ago(dice.uniform(0, 60)), ago(dice.uniform(0, 90)))
        values = {"recent": recent, "conversed": history.conversed_at, "refused": history.refused_at}
        conn.execute(text(HISTORY), {"number": f"+1202556{n + 10:04d}", **values})
        expected[name] = allowed_at(history, rules.caps, rules.quiet, now)
    parked = call_history.park(conn, "camp_a_crowd", "", as_json(rules), most=1000)
    rows = conn.execute(
        text("SELECT contact_id, reason, due_at FROM campaign_contacts WHERE campaign_id = 'camp_a_crowd'")
    )
    found = {row.contact_id: row.due_at if row.reason == "frequency" else now for row in rows}
    assert found == expected
    assert (parked.looked_at, parked.parked) == (200, sum(at > now for at in expected.values() if at is not None))
    counted = call_history.parked(conn, "camp_a_crowd")
    assert (counted.contacts, counted.next_at) == (
        parked.parked,
        min(at for at in expected.values() if at and at > now),
    )


@pytest.mark.parametrize("change", ["recent = recent || recent", "refused_at = now()", "conversed_at = now()"])
def test_nothing_is_committed_by_another_history_than_was_read(world: World, change: str) -> None:
    people = world.contacts(2)
    running_campaign = running(world, people, maxConcurrentCalls=2)
    world.sql("INSERT INTO callees SELECT team_id, phone_e164, ARRAY[now()] FROM contacts")
    calls = reserve(world, running_campaign)
    rows = once(world.dialer.db, lambda conn: dialing.reserved_calls(conn, calls, recovery_seconds=60))
    world.sql(f"UPDATE callees SET {change} WHERE number = :number", number=rows[0].to_number)

    def commit(conn: Connection) -> list[str]:
        gate.pass_gate(conn, world.team)
        rules = json.dumps([{"calls": 3, "hours": 24}])
        departures = [Departure(row.id, RULES_END, 1, None, rules, row.history) for row in rows]
        return dialing.commit_dialing(conn, world.dialer.bounds, departures)

    assert once(world.dialer.db, commit) == [rows[1].id]
    assert once(world.dialer.db, committing(world, rows[0].id)) == [rows[0].id], "where nothing is to be kept"
    world.sql("UPDATE callees SET recent = ARRAY(SELECT dialed_at FROM calls WHERE to_number = number)")


def test_a_rule_in_days_is_an_hour_longer_and_none_is_of_nothing() -> None:
    assert str(Frequency((Cap(3, 24), Cap(7, 169)), (Quiet("refusal", None),))) == (
        "3 in 24 h, 7 in 7 days, none after a refusal"
    )
    now = datetime(2027, 3, 1, tzinfo=UTC)
    assert allowed_at(History([now]), (), (), now) == now
