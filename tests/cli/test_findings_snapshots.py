"""Doctor names who keeps PostgreSQL from clearing away what dialing has replaced, since when, and how to end it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from tests.world import World
from worker.cli import findings_snapshots
from worker.cli.findings_snapshots import held_snapshots
from worker.store.database import once
from worker.store.reads import snapshots


def test_an_open_transaction_is_named_with_what_ends_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [finding.ok for finding in held_snapshots(world.dialer)] == [True]
    with world.engine.connect() as idle:
        idle.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        idle.execute(text("SET LOCAL application_name = 'nightly report'"))
        (pid,) = idle.execute(text("SELECT pg_backend_pid(), txid_current()")).one()[:1]
        world.contacts(3)
        (found,) = held_snapshots(world.dialer)
        assert found.ok, "young snapshots are everyday"
        monkeypatch.setattr(findings_snapshots, "HELD_LONG_SECONDS", 0.0)
        (found,) = held_snapshots(world.dialer)
        assert not found.ok
        assert "by nightly report of" in found.found
        assert f"pid {pid}, idle in transaction" in found.found
        assert f"SELECT pg_terminate_backend({pid})" in found.found
    assert [finding.ok for finding in held_snapshots(world.dialer)] == [True]


def test_a_reader_of_the_same_database_alone_counts(world: World) -> None:
    """Who only sits there, without a transaction, holds nothing."""
    with world.engine.connect() as idle:
        idle.execute(text("SELECT 1"))
        idle.rollback()
        assert once(world.dialer.db, snapshots.held) == []


DAY = 86_400.0
OLD: dict[str, tuple[dict[str, Any], bool, str]] = {
    "a backup": (
        {"kind": "session", "name": "pg_dump", "owner": "backup", "place": "10.0.0.5", "handle": "7", "seconds": DAY},
        False,
        "held for 24 h over 20 transactions by pg_dump of backup from 10.0.0.5, pid 7, active",
    ),
    "a standby, just so": (
        {"kind": "session", "name": "walreceiver", "seconds": None, "transactions": 9},
        True,
        "held over 9",
    ),
    "a standby behind": ({"kind": "session", "seconds": None, "transactions": 10**6}, False, "held over 1000000"),
    "prepared": (
        {"kind": "prepared", "handle": "'two'", "seconds": 1000.0},
        False,
        "held for 16 min over 20 transactions by the prepared transaction 'two' of app; until it ends",
    ),
    "how it ends": (
        {"kind": "prepared", "handle": "'two'", "seconds": 1000.0},
        False,
        "end it with ROLLBACK PREPARED 'two'",
    ),
    "an unused slot": (
        {"kind": "slot", "handle": "'gone'", "seconds": None, "transactions": 10**6, "state": "unused"},
        False,
        "SELECT pg_drop_replication_slot('gone')",
    ),
}
ANY = {"name": "x", "owner": "app", "place": "10.0.0.1", "handle": "1", "state": "active", "transactions": 20}


@pytest.mark.parametrize("who", OLD)
def test_each_kind_of_holder_is_shown_in_a_sentence(world: World, monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    row, ok, said = OLD[who]
    monkeypatch.setattr(snapshots, "held", lambda conn: [SimpleNamespace(**ANY | row)])
    (found,) = held_snapshots(world.dialer)
    assert found.ok is ok
    assert said in found.found
