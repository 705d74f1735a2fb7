"""No row of one team can point at a row of another: every foreign key is walked, with two teams."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, Connection, Table, func, select, update
from sqlalchemy.exc import IntegrityError

from tests.store.rows import add, furnish
from worker.store import tables
from worker.store.tables import metadata

OF_TEAMS = [table for table in metadata.tables.values() if "team_id" in table.columns]
POINTERS = [
    column
    for table in OF_TEAMS
    for column in table.columns
    if column.foreign_keys and column.name not in ("id", "team_id")
]
HOLDERS = [table for table in OF_TEAMS if any(len(key.columns) > 1 for key in table.foreign_key_constraints)]

NOT_HELD = {
    "contacts.external_id",  # of another system
    "calls.carrier_call_id",  # the carrier's
    "call_events.event_id",  # the carrier's
    "call_events.carrier_call_id",
    "unmatched_calls.carrier_call_id",
    "unmatched_calls.account_id",  # of the call whose token it bears, or of nobody's
    "news_cleared.through_id",  # how far it has come, by number
    "do_not_call_imports.import_id",  # of a file, of which there is no row
    "do_not_call_imports.contact_id",  # written by the statement's side that writes the contact, which is never deleted
    "audit_log.subject_id",  # of any kind, and what it names may be gone
    "past_calls.campaign_id",
    "past_call_totals.campaign_id",  # both written beside whoever locks the campaign, which is never deleted
    "latest_past_calls.campaign_contact_id",  # the same, of a contact that cannot be taken out any more
    "callees.team_id",  # written by a trigger of calls, which are held, with each of them
    "counter_deltas.campaign_id",  # written by a trigger of rows that are held, many a second
    "counter_deltas.call_id",
    "call_outcomes.call_id",  # written under the lock of the call, and deleted with it
    "call_outcomes.campaign_id",  # that of the call, by the same statement
    "campaign_contacts.last_number_id",  # a hint, read only to prefer one of the campaign's own numbers
}


@pytest.fixture(autouse=True)
def _two_teams(conn: Connection) -> None:
    furnish(conn, "a")
    furnish(conn, "b")
    spare = {"id": "camp_b_spare", "team_id": "team_b", "assistant_id": "asst_b", "company_id": "comp_b"}
    add(conn, tables.campaigns, **spare, name="One that nothing belongs to, so that no unique key is in the way")


def test_both_teams_have_a_row_in_every_table_of_teams(conn: Connection) -> None:
    for table in OF_TEAMS:
        assert set(conn.scalars(select(table.c.team_id))) == {"team_a", "team_b"}, table.name


@pytest.mark.parametrize("pointer", POINTERS, ids=str)
def test_a_row_cannot_point_at_a_row_of_another_team(conn: Connection, pointer: Column[str]) -> None:
    table = pointer.table
    assert isinstance(table, Table)
    target = min((key.column for key in pointer.foreign_keys), key=str)
    theirs = conn.execute(select(func.max(target)).where(target.table.c.team_id == "team_b")).scalar_one()
    assert theirs is not None, "nothing to point at, so the test would prove nothing"
    with pytest.raises(IntegrityError, match="violates foreign key constraint"):
        conn.execute(update(table).where(table.c.team_id == "team_a").values({pointer: theirs}))


@pytest.mark.parametrize("table", HOLDERS, ids=lambda table: table.name)
def test_a_row_cannot_be_moved_to_another_team_alone(conn: Connection, table: Table) -> None:
    with pytest.raises(IntegrityError, match=r"violates (foreign key|unique) constraint"):
        conn.execute(update(table).where(table.c.team_id == "team_a").values(team_id="team_b"))


def test_every_id_is_held_by_a_foreign_key_or_is_named_here() -> None:
    loose = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if column.name.endswith("_id") and not column.foreign_keys
    }
    assert loose == NOT_HELD
