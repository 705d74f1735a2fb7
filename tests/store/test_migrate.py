"""A database is brought to the current schema: from nothing, from an older release, twice, by many at once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from time import monotonic

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text

import worker
from tests.patience import PATIENCE_SECONDS
from tests.store.racing import Race, result
from worker.domain.errors import Refused
from worker.store.database import once, open_database
from worker.store.migrate import migrate, newest, version

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
ADDS_A_COLUMN = "ALTER TABLE teams ADD COLUMN motto text; CREATE INDEX teams_by_motto ON teams (motto);"
FAILS_HALFWAY = "ALTER TABLE teams ADD COLUMN nickname text; SELECT 1 / 0;"


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """Migrations change the schema, so each test has a database of its own."""
    return own_database_url


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    opened = open_database(empty_database_url, pool_size=2)
    yield opened
    opened.dispose()


@dataclass(frozen=True)
class Release:
    """The program as it might be one day: a copy of it with other migrations, run as a process of its own."""

    folder: Path

    def add(self, name: str, sql: str) -> None:
        (self.folder / "worker" / "store" / "migrations" / name).write_text(sql)

    def migrate(self, url: str) -> str:
        """What it applied, or the sentence of its refusal."""
        run = subprocess.run(
            [sys.executable, "-c", _MIGRATE, url],
            cwd=self.folder,  # where -c looks first
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert run.returncode == 0, run.stderr
        return run.stdout.strip()


_MIGRATE = """
import sys
from worker.domain.errors import Refused
from worker.store.database import open_database
from worker.store.migrate import migrate
try:
    print(*migrate(open_database(sys.argv[1])))
except Refused as refused:
    print(refused)
"""


def copy_of_the_program(folder: Path) -> Release:
    home = Path(worker.__file__).parent
    shutil.copytree(home, folder / "worker", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(home.parent / "schema.sql", folder)
    return Release(folder)


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return copy_of_the_program(tmp_path)


def count(engine: Engine, statement: str) -> int:
    return once(engine, lambda conn: int(conn.execute(text(statement)).scalar_one()))


def test_an_empty_database_gets_the_whole_schema_in_one_step(empty: Engine) -> None:
    assert once(empty, version) is None
    assert migrate(empty) == ["schema"]
    assert once(empty, version) == newest()
    assert count(empty, "SELECT count(*) FROM slot_generation") == 1


def test_migrating_twice_does_nothing_the_second_time(empty: Engine) -> None:
    migrate(empty)
    newest_object = "SELECT max(oid)::bigint FROM pg_class"
    before = count(empty, newest_object)
    assert migrate(empty) == []
    assert count(empty, newest_object) == before
    assert count(empty, "SELECT count(*) FROM schema_migrations WHERE version = 0") == 1


def test_eight_at_once_make_the_schema_once(empty_database_url: str) -> None:
    engines = [open_database(empty_database_url, pool_size=1) for _ in range(8)]
    together = Barrier(8)

    def arrive(engine: Engine) -> list[str]:
        engine.connect().close()
        together.wait(PATIENCE_SECONDS)
        return migrate(engine)

    with ThreadPoolExecutor(8) as threads:
        applied = sorted(threads.map(arrive, engines))
    for engine in engines:
        engine.dispose()
    assert applied == [[]] * 7 + [["schema"]]


def test_whoever_migrates_waits_for_another_migration_however_long_it_takes(race: Race, database_url: str) -> None:
    """A migration may run for minutes, longer than any statement or lock of a worker may take."""
    impatient = create_engine(
        make_url(database_url).set(drivername="postgresql+psycopg"),
        connect_args={"options": "-c lock_timeout=100 -c statement_timeout=200"},
    )
    other = race.session()
    other.do(lambda conn: conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('migrate dialer', 0))")))
    migrating = race.start(lambda: migrate(impatient))
    waited = text("""
        SELECT EXISTS (SELECT FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0
                       AND clock_timestamp() - query_start > interval '400 milliseconds')""")

    def has_waited(conn: Connection) -> bool:
        conn.execute(text("SELECT pg_stat_clear_snapshot()"))  # or this transaction sees its first look for ever
        return bool(conn.execute(waited).scalar_one())

    deadline = monotonic() + PATIENCE_SECONDS
    while not migrating.done() and not other.do(has_waited):
        assert monotonic() < deadline, "nobody waits for the migration"
    other.commit()
    assert result(migrating) == []
    impatient.dispose()


def test_a_newer_release_adds_what_an_older_database_lacks(database_url: str, engine: Engine, release: Release) -> None:
    release.add("9001_adds_a_motto.sql", ADDS_A_COLUMN)
    release.add("9002_fills_it.sql", "UPDATE teams SET motto = 'call' WHERE motto IS NULL")
    once(engine, lambda conn: conn.execute(text("INSERT INTO teams (id, slug, name) VALUES ('t', 't', 'T')")))
    assert release.migrate(database_url) == "adds_a_motto fills_it"
    assert count(engine, "SELECT count(*) FROM teams WHERE motto = 'call'") == 1
    assert once(engine, version) == 9002
    assert release.migrate(database_url) == ""


def test_an_older_release_leaves_a_newer_database_alone(database_url: str, engine: Engine, release: Release) -> None:
    release.add("9001_adds_a_motto.sql", ADDS_A_COLUMN)
    release.migrate(database_url)
    assert migrate(engine) == []
    assert once(engine, version) == 9001


def test_a_fresh_database_of_a_newer_release_has_its_migrations_behind_it(
    empty_database_url: str, empty: Engine, release: Release
) -> None:
    """``schema.sql`` has what they add already: to run them again would fail."""
    release.add("9001_adds_a_motto.sql", ADDS_A_COLUMN)
    with (release.folder / "schema.sql").open("a") as schema:
        schema.write(ADDS_A_COLUMN)
    assert release.migrate(empty_database_url) == "schema"
    assert once(empty, version) == 9001
    assert release.migrate(empty_database_url) == ""


UNDONE = {
    1: "ALTER TABLE assistants DROP COLUMN telnyx_assistant_id; ALTER TABLE call_events DROP COLUMN held_until;"
    " DROP TABLE callback_refusals",
    9: "DROP TABLE clock_jumps, database_server; DROP FUNCTION dialer_server, dialer_due_now;"
    " ALTER TABLE carrier_accounts DROP COLUMN rested_at, DROP COLUMN breaker_opened_at;"
    " ALTER TABLE phone_numbers DROP COLUMN rested_at; ALTER TABLE calls DROP COLUMN checked_at,"
    " DROP COLUMN clock_jump",
    4: "DROP TABLE news_dropped, news_cleared; DROP INDEX call_events_ignored",
    11: "DROP INDEX contacts_of_team, campaigns_of_team, campaign_contacts_in_order, runs_of_campaign,"
    " calls_of_contact, contacts_by_words;"
    " CREATE INDEX contacts_of_team ON contacts (team_id, created_at DESC, id DESC);"
    " CREATE INDEX campaigns_of_team ON campaigns (team_id, created_at DESC, id DESC);"
    " CREATE UNIQUE INDEX campaign_contacts_in_order ON campaign_contacts (campaign_id, id);"
    " CREATE INDEX runs_of_campaign ON runs (campaign_id, opened_at DESC, id DESC);"
    " CREATE INDEX calls_of_campaign ON calls (campaign_id, id DESC);"
    " ALTER TABLE phone_numbers ADD UNIQUE (team_id, number), DROP CONSTRAINT phone_numbers_number_team_id_key;"
    " ALTER TABLE idempotency_keys DROP COLUMN progress, DROP COLUMN heard_at;"
    " ALTER TABLE calls DROP COLUMN seq; DROP SEQUENCE calls_seq; ALTER TABLE teams DROP COLUMN live_from",
    13: "DROP TRIGGER assistants_same_id ON assistants; DROP FUNCTION assistants_same_id;"
    " ALTER TABLE assistants DROP COLUMN carrier_ids",
    14: "DROP TABLE past_calls, past_call_totals, latest_past_calls, retention_marks",
    22: "DROP INDEX calls_of_team, calls_to_number;"
    " CREATE INDEX calls_of_campaign ON calls (campaign_id, id DESC) WHERE id <> '';"
    " CREATE INDEX calls_of_team ON calls (team_id, reserved_at DESC, id DESC) WHERE id <> '';"
    " CREATE INDEX calls_to_number ON calls (team_id, to_number, reserved_at DESC, id DESC) WHERE id <> ''",
}
"""What takes each migration back, by its number."""
TAKEN_BACK = {11: [22]}
"""What later ones took back of a migration, so that they come after it again."""
SHAPE = """
SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable FROM information_schema.columns
WHERE table_schema = 'public'
UNION ALL
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE contype IN ('c', 'p', 'u')
ORDER BY 1
"""


@pytest.mark.parametrize("number", UNDONE)
def test_a_database_from_before_a_migration_comes_to_what_a_fresh_one_is(engine: Engine, number: int) -> None:
    def shape(conn: Connection) -> list[str]:
        return list(conn.execute(text(SHAPE)).scalars())

    fresh = once(engine, shape)
    once(engine, lambda conn: conn.exec_driver_sql(UNDONE[number]))
    again = [number, *TAKEN_BACK.get(number, ())]
    forget = text("DELETE FROM schema_migrations WHERE version = ANY(:again)")
    once(engine, lambda conn: conn.execute(forget, {"again": again}))
    assert once(engine, shape) != fresh
    assert len(migrate(engine)) == len(again)
    assert once(engine, shape) == fresh


WITH_AN_ID = """
INSERT INTO teams (id, slug, name) VALUES ('t', 't', 'T');
INSERT INTO assistants (id, team_id, name, telnyx_assistant_id) VALUES ('old', 't', 'Old', 'one');
"""


def test_ids_at_carriers_are_read_and_written_by_workers_of_before_and_after(engine: Engine) -> None:
    """Either side sees what the other wrote last, and what neither names stays."""
    once(engine, lambda conn: conn.exec_driver_sql(f"{UNDONE[13]}; {WITH_AN_ID}"))
    once(engine, lambda conn: conn.execute(text("DELETE FROM schema_migrations WHERE version = 13")))
    assert migrate(engine) == ["ids_at_carriers"]

    def both(statement: str) -> tuple[str | None, dict[str, str]]:
        once(engine, lambda conn: conn.execute(text(statement)))
        row = once(engine, lambda conn: conn.execute(text("SELECT * FROM assistants ORDER BY created_at DESC")).first())
        assert row is not None
        return row.telnyx_assistant_id, row.carrier_ids

    key = "telnyx_assistant_id"
    assert both("SELECT 1") == ("one", {key: "one"})
    assert both("UPDATE assistants SET telnyx_assistant_id = 'two'") == ("two", {key: "two"})
    new = "UPDATE assistants SET carrier_ids = jsonb_build_object('acme_id', 'a', 'telnyx_assistant_id', 'three')"
    assert both(new) == ("three", {key: "three", "acme_id": "a"})
    assert both("UPDATE assistants SET telnyx_assistant_id = NULL") == (None, {"acme_id": "a"})
    assert both("UPDATE assistants SET telnyx_assistant_id = 'four'") == ("four", {key: "four", "acme_id": "a"})
    assert both("UPDATE assistants SET name = 'Ann'") == ("four", {key: "four", "acme_id": "a"})
    assert both("UPDATE assistants SET carrier_ids = carrier_ids - 'telnyx_assistant_id'") == (None, {"acme_id": "a"})
    inserted = "INSERT INTO assistants (id, team_id, name, {}) VALUES ('{}', 't', 'New', '{}')"
    assert both(inserted.format("telnyx_assistant_id", "a1", "five")) == ("five", {key: "five"})
    assert both(inserted.format("carrier_ids", "a2", '{"telnyx_assistant_id": "six"}')) == ("six", {key: "six"})


def test_a_carrier_that_is_new_is_made_known_and_what_was_prepared_before_goes_on(engine: Engine) -> None:
    """Older workers have statements prepared that read and compare the column, in sessions that go on."""
    make = "INSERT INTO carrier_accounts (id, team_id, carrier, name) VALUES ('{0}', 't', '{1}', 'A')"
    read = text("SELECT carrier FROM carrier_accounts WHERE carrier = ANY(CAST(:names AS carrier[])) ORDER BY 1")
    once(engine, lambda conn: conn.execute(text("INSERT INTO teams (id, slug, name) VALUES ('t', 't', 'T')")))
    once(engine, lambda conn: conn.execute(text(make.format("a", "simulator"))))
    with engine.connect() as older:
        for _ in range(3):
            assert older.execute(read, {"names": ["simulator", "twilio"]}).scalars().all() == ["simulator"]
            older.commit()
        assert migrate(engine, ["simulator", "acme"]) == ["carrier acme"]
        assert migrate(engine, ["simulator", "acme"]) == []
        once(engine, lambda conn: conn.execute(text(make.format("b", "acme"))))
        assert older.execute(read, {"names": ["simulator", "twilio"]}).scalars().all() == ["simulator"]


def test_a_name_that_is_none_is_not_made_known(engine: Engine) -> None:
    with pytest.raises(ValueError, match="is no name of a carrier"):
        migrate(engine, ["x'; DROP TABLE teams; --"])


def test_a_migration_changed_after_it_was_applied_is_refused(
    database_url: str, engine: Engine, release: Release
) -> None:
    release.add("9001_adds_a_motto.sql", ADDS_A_COLUMN)
    release.migrate(database_url)
    release.add("9001_adds_a_motto.sql", ADDS_A_COLUMN + " -- and a word")
    release.add("9002_never_reached.sql", "DROP TABLE ticks")
    expected = "Migration 9001 was changed after it was applied; add a new one instead."
    assert release.migrate(database_url) == expected
    assert count(engine, "SELECT count(*) FROM ticks") == 0


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str, engine: Engine, release: Release) -> None:
    release.add("9001_adds_a_motto.sql", ADDS_A_COLUMN)
    release.add("9002_fails.sql", FAILS_HALFWAY)
    with pytest.raises(AssertionError, match="division by zero"):
        release.migrate(database_url)
    assert once(engine, version) == newest()
    columns = "SELECT count(*) FROM information_schema.columns WHERE column_name IN ('motto', 'nickname')"
    assert count(engine, columns) == 0


@pytest.mark.parametrize(
    "theirs",
    [
        "CREATE TABLE campaigns (id serial)",
        "CREATE TABLE contacts (id serial)",
        "CREATE TYPE carrier AS ENUM ('dhl', 'ups')",
        "CREATE TABLE schema_migrations (version varchar PRIMARY KEY)",
        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean)",
    ],
)
def test_a_database_of_another_origin_is_refused_and_left_alone(empty: Engine, theirs: str) -> None:
    """A CRM has contacts; Rails and other tools of migration have a ``schema_migrations`` of their own."""
    once(empty, lambda conn: conn.execute(text(theirs)))
    before = count(empty, TABLES)
    with pytest.raises(Refused, match="give the dialer a database of its own"):
        migrate(empty)
    assert count(empty, TABLES) == before


def test_a_server_that_is_too_old_is_refused_by_its_version(empty: Engine) -> None:
    @event.listens_for(empty, "before_cursor_execute", retval=True)
    def answer(conn: Connection, cursor: object, sql: str, parameters: object, *more: object) -> tuple[str, object]:
        """Let the server say that it is 13.15."""
        return ("SELECT '130015'" if "server_version_num" in sql else sql), parameters

    with pytest.raises(Refused, match="PostgreSQL 13 is too old; use version 14 or later"):
        migrate(empty)
    assert count(empty, TABLES) == 0
