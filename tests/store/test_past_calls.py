"""Old calls go, batch after batch, and nothing that is counted, shown of a contact or promised changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, text

from tests.store.racing import Race, result
from tests.world import World
from worker.carriers.simulated.protocol import AnsweredBy, Status
from worker.domain.errors import Conflict
from worker.operations.export import export_calls, export_contacts
from worker.operations.progress import read_progress
from worker.operations.removal import remove_contacts
from worker.operations.report import read_report
from worker.simulator.lives import Life
from worker.store import counters, past_calls, retention
from worker.store.crm import campaign_contacts
from worker.store.database import once
from worker.store.reads import campaign_calls
from worker.store.reads.exports import ExportedCall

ANSWERED, BUSY = Life(1, 5), Life(1, ending=Status.BUSY)
LIVES: tuple[Sequence[Life], ...] = (
    (ANSWERED,),
    (BUSY, ANSWERED),
    (BUSY, BUSY, BUSY),
    (Life(30, ending=Status.NO_ANSWER), Life(3, 20, answered_by=AnsweredBy.MACHINE), ANSWERED),
    (Life(2, ending=Status.DECLINED), ANSWERED),
    (Life(0, ending=Status.FAILED, sip_code=404),) * 2,
    (Life(1, ending=Status.FAILED),) * 3,
)
REFERS_TO_A_CALL = {
    "calls.token": "the call",
    "call_events.token": "goes with the call, if it is settled",
    "unmatched_calls.token": "of a call that none of ours stands for; forgotten after a day",
    "call_outcomes.call_id": "goes with the call",
    "counter_deltas.call_id": "rolled up within seconds; the counter stays",
    "carrier_accounts.breaker_probe": "a call that has ended, or is gone, tries nothing",
}
"""Every column that names a call, or news of it, and what becomes of it when the call is no longer kept."""


def called_out(world: World) -> tuple[str, list[str]]:
    """A campaign that has called contacts of all these lives in two zones, and what waits for its next run."""
    world.script({f"+1202555010{n}": lives for n, lives in enumerate(LIVES)})
    zones = (None, "America/Chicago")
    contacts = [world.contact(f"+1202555010{n}", timezone=zones[n % 2]) for n in range(len(LIVES))]
    campaign = world.campaign(contacts)
    world.run(campaign)
    world.until(campaign, "completed", hours=24 * 3)
    never = world.contact("+12025550199")
    return campaign, [*contacts, never]


def everything(world: World, campaign: str, contacts: Sequence[str]) -> dict[str, Any]:
    """What anybody can see of the campaign that was counted from its calls."""
    report = read_report(world.dialer, world.team, campaign)
    progress = read_progress(world.dialer, world.team, campaign)

    def read(conn: Connection) -> dict[str, Any]:
        return {
            "counters": counters.read(conn, [campaign]),
            "dispositions": counters.dispositions(conn, campaign),
            "attempts": [tuple(row) for row in campaign_contacts.page(conn, campaign, None, limit=500, offset=0)],
            "called": campaign_contacts.called(conn, campaign, contacts),
            "last_called": campaign_contacts.last_called(conn, campaign, contacts),
        }

    return once(world.engine, read) | {
        "report": (report.counts, report.hours, report.use, report.attempts, report.week),
        "contacts": [dict(row) for row in export_contacts(world.dialer, world.team, campaign)],
        "counts": progress.counts,
    }


def retire(world: World, days: int = 0) -> int:
    return once(world.engine, lambda conn: past_calls.retire(conn, days=days))


def listed(world: World, campaign: str) -> tuple[int, Sequence[ExportedCall]]:
    return once(world.engine, lambda conn: campaign_calls.page(conn, campaign, limit=500, offset=0))


def test_nothing_that_is_counted_changes_when_calls_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_calls, "RETIRED_AT_ONCE", 4)
    campaign, contacts = called_out(world)
    calls = len(world.calls(campaign))
    before = everything(world, campaign, contacts)
    assert len(before["dispositions"]) >= 6, "calls of all sorts"
    gone = 0
    while some := retire(world):
        gone += some
        assert everything(world, campaign, contacts) == before
        count, rows = listed(world, campaign)
        assert count == len(rows) == calls - gone == len(list(export_calls(world.dialer, world.team, campaign)))
        world.check()
    assert gone == calls > 8
    assert not world.sql("SELECT 1 FROM calls")
    assert not world.sql("SELECT 1 FROM call_events")


def test_a_campaign_goes_on_when_its_calls_have_gone(world: World) -> None:
    world.script({"*": (BUSY, BUSY, ANSWERED)})
    contacts = world.contacts(2)
    campaign = world.campaign(contacts)
    world.run(campaign)
    world.advance(90)
    assert retire(world) == 2
    world.check()
    world.until(campaign, "completed")
    assert [world.entry(campaign, contact).attempts for contact in contacts] == [3, 3]
    assert read_report(world.dialer, world.team, campaign).attempts == {1: (2, 0), 2: (2, 0), 3: (2, 2)}
    assert {row["last_disposition"] for row in export_contacts(world.dialer, world.team, campaign)} == {"answered"}
    retire(world)
    assert {row["last_disposition"] for row in export_contacts(world.dialer, world.team, campaign)} == {"answered"}


def test_who_was_called_cannot_be_taken_out_when_the_calls_have_gone(world: World) -> None:
    contacts = world.contacts(2)
    campaign = world.campaign(contacts[:1])
    world.run(campaign)
    world.advance(60)
    retire(world)
    with pytest.raises(Conflict, match=contacts[0]):
        remove_contacts(world.dialer, world.team, campaign, contacts[:1], actor="test")


def test_a_live_call_and_what_was_made_after_it_stay_and_go_when_it_has_ended(world: World) -> None:
    world.script({"*": Life(1, 600)})
    campaign = world.campaign(world.contacts(2))
    world.run(campaign)
    world.advance(10)
    assert retire(world) == 0
    world.advance(900)
    assert retire(world) == 2


def test_every_column_that_names_a_call_is_known_and_none_is_a_foreign_key(world: World) -> None:
    named = world.sql("""
        SELECT table_name || '.' || column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND (column_name IN ('token', 'call_id') OR column_name LIKE '%probe%')""")
    assert {row[0] for row in named} == REFERS_TO_A_CALL.keys()
    held = world.sql("""
        SELECT conname FROM pg_constraint
        WHERE contype = 'f' AND confrelid IN ('calls'::regclass, 'call_events'::regclass, 'audit_log'::regclass)""")
    assert not held


# -- beside others


def test_claims_dialing_and_settling_wait_for_no_batch(world: World, race: Race) -> None:
    """A batch of everything is open while another campaign of the team, with the same numbers, runs to its end."""
    _, contacts = called_out(world)
    batch = race.session()
    assert batch.do(lambda conn: past_calls.retire(conn, days=0)) > 8
    batch.do(lambda conn: retention.delete_events(conn, days=0))
    batch.do(lambda conn: retention.delete_audit(conn, days=0))
    other = world.campaign(contacts[:3])
    world.run(other)
    world.until(other, "completed", hours=24 * 3)
    assert len(world.calls(other)) > 3
    batch.commit()
    world.check()


def test_a_batch_waits_for_nobody_and_comes_back_for_what_somebody_had(world: World, race: Race) -> None:
    campaign = world.campaign(world.contacts(3))
    world.run(campaign)
    world.advance(60)
    held = world.calls(campaign)[1].id
    settling = race.session()
    settling.do(lambda conn: conn.execute(text("SELECT 1 FROM calls WHERE id = :id FOR UPDATE"), {"id": held}))
    assert result(race.start(lambda: retire(world))) == 2
    settling.rollback()
    assert retire(world) == 0
    once(world.engine, retention.begin_anew)
    assert retire(world) == 1


def test_two_batches_at_once_count_no_call_twice(world: World, race: Race) -> None:
    campaign, contacts = called_out(world)
    before = everything(world, campaign, contacts)
    first = race.session()
    assert first.do(lambda conn: past_calls.retire(conn, days=0)) > 8
    second = race.start(lambda: retire(world))
    race.until_waiting_or_done(second)
    first.commit()
    assert result(second) == 0
    assert everything(world, campaign, contacts) == before
