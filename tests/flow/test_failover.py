"""Another server takes the database's place, without the last commits of the one before."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import psycopg
import pytest
from sqlalchemy import text

from tests.patience import PATIENCE_SECONDS
from tests.world import World, make_world, watch_server
from worker.dev.postgres import EmbeddedPostgres
from worker.flow.base import Dial
from worker.flow.failover import lift_hold
from worker.operations.progress import read_progress
from worker.operations.server import read_server
from worker.simulator.lives import Life
from worker.store.database import once, open_database
from worker.store.failovers import IS_NOT_HELD
from worker.store.migrate import migrate

IS_HELD = text(f"SELECT NOT ({IS_NOT_HELD})")


def is_held(world: World) -> bool:
    return bool(once(world.dialer.db, lambda conn: conn.execute(IS_HELD).scalar_one()))


def facts(world: World) -> dict[str, tuple[str, bool]]:
    return {each.name: (each.sentence, each.ok) for each in once(world.dialer.db, read_server)}


def fail_over(world: World, *, was_synchronous: bool) -> None:
    """As if the server had been another one until now, whose commits waited for this one or for none."""
    watch_server(world.dialer)
    world.sql("UPDATE database_server SET timeline = timeline - 1, is_synchronous = :was", was=was_synchronous)


def test_a_server_that_nobody_has_noted_yet_holds_nothing_back(world: World) -> None:
    assert not is_held(world)
    watch_server(world.dialer)
    assert not is_held(world)
    assert facts(world).keys() == {"commits"}


@pytest.mark.parametrize("another", ["timeline = timeline - 1", "system_identifier = system_identifier - 1"])
def test_nothing_is_placed_on_another_server_before_it_was_noted(world: World, another: str) -> None:
    watch_server(world.dialer)
    campaign = world.campaign(world.contacts(2))
    steps = world.reserve(campaign)
    world.sql(f"UPDATE database_server SET {another}, is_synchronous = true")
    assert is_held(world)
    world.carry_out(steps)
    assert not world.stage.requests
    assert not facts(world)["server"][1]
    world.tick()
    world.tick()
    assert len(world.stage.requests) == 2


def test_where_commits_waited_for_the_standby_calls_go_on_at_once(world: World) -> None:
    fail_over(world, was_synchronous=True)
    watch_server(world.dialer)
    assert not is_held(world)
    assert "server" not in facts(world)


def test_where_they_did_not_calls_are_held_for_as_long_as_one_can_last(world: World) -> None:
    campaign = world.campaign(world.contacts(2))
    fail_over(world, was_synchronous=False)
    world.run(campaign)
    world.tick()
    assert not world.stage.requests
    assert read_progress(world.dialer, world.team, campaign).activity.code == "failover"
    assert "dialer doctor --after-failover" in facts(world)["server"][0]
    held = world.sql("SELECT extract(epoch FROM held_until - failed_over_at)::float FROM database_server")[0][0]
    assert not world.all_calls()
    world.sql("UPDATE database_server SET held_until = held_until - :s * interval '1 second'", s=held)
    world.advance(61)
    assert len(world.stage.requests) == 2
    length = world.sql("SELECT extract(epoch FROM provable_end_at - dialing_at)::float FROM calls")[0][0]
    assert held >= length - 0.001


def test_whoever_knows_that_nothing_was_lost_lets_calls_go_on_and_that_is_kept(world: World) -> None:
    fail_over(world, was_synchronous=False)
    watch_server(world.dialer)
    assert [lift_hold(world.dialer, actor="doctor"), lift_hold(world.dialer, actor="doctor")] == [True, False]
    assert not is_held(world)
    assert world.sql("SELECT count(*) FROM audit_log WHERE action = 'lift_failover_hold'")[0][0] == 1


def test_a_second_failover_does_not_shorten_what_the_first_holds(world: World) -> None:
    fail_over(world, was_synchronous=False)
    watch_server(world.dialer)
    (until,) = world.sql("SELECT held_until FROM database_server")[0]
    fail_over(world, was_synchronous=True)
    watch_server(world.dialer)
    assert world.sql("SELECT held_until FROM database_server")[0][0] == until


def test_where_nobody_may_ask_which_server_it_is_calls_go_on_and_doctor_says_so(own_database_url: str) -> None:
    engine = open_database(own_database_url, pool_size=1)
    with engine.begin() as conn:
        conn.execute(text("INSERT INTO database_server VALUES (true, 1, 1, false)"))
        conn.execute(text("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"))
        conn.execute(text("CREATE ROLE nobody_special"))
        conn.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO nobody_special"))
        conn.execute(text("SET LOCAL ROLE nobody_special"))
        assert not conn.execute(IS_HELD).scalar_one()
        assert ["server" in each.name and each.ok for each in read_server(conn)] == [False, True]
        conn.rollback()
    engine.dispose()


# -- two real servers


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path / "primary", durable=True) as server:
        yield server


@pytest.fixture
def standby(primary: EmbeddedPostgres, tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A hot standby that streams from the primary, made of its files."""
    engine = open_database(primary.url, pool_size=1)
    migrate(engine)
    engine.dispose()
    primary.stop()
    data, copy = tmp_path / "primary", tmp_path / "standby"
    shutil.copytree(data, copy, symlinks=True)
    primary.start()
    with (copy / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"primary_conninfo = 'host={primary.socket_directory} port=5432 user=dialer'\n")
    (copy / "standby.signal").touch()
    owner = data.stat()
    for path in (copy, *copy.rglob("*")):
        shutil.chown(path, owner.st_uid, owner.st_gid)
    with EmbeddedPostgres(copy, durable=True) as server:
        yield server


def ask(server: EmbeddedPostgres, question: str) -> object:
    with psycopg.connect(server.url, autocommit=True) as session:
        row = session.execute(question.encode()).fetchone()
        return None if row is None else row[0]


def await_that(question: Callable[[], object]) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    while not question():
        assert monotonic() < deadline


@pytest.mark.slow
def test_nobody_is_rung_twice_though_the_standby_lacks_that_they_were_called(
    primary: EmbeddedPostgres, standby: EmbeddedPostgres, redis_url: str
) -> None:
    worlds = make_world(primary.url, redis_url)
    world = next(worlds)
    world.script({"*": Life(2, 30)})
    world.tick()  # it is noted which server this is
    campaign = world.campaign(world.contacts(2), maxConcurrentCalls=2, retryDelayMinutes=0)
    steps = world.reserve(campaign)
    here = ask(primary, "SELECT pg_current_wal_lsn()")
    await_that(lambda: ask(standby, f"SELECT pg_last_wal_replay_lsn() >= '{here}'"))
    _cut(standby)
    world.carry_out(steps)
    assert len(world.stage.requests) == 2
    assert {call.state for call in world.calls(campaign)} == {"placed"}

    world.engine.dispose()
    primary.stop()
    assert ask(standby, "SELECT pg_promote()")
    world.engine = open_database(standby.url, pool_size=6)
    world.dialer = replace(world.dialer, db=world.engine)
    assert {call.state for call in world.calls(campaign)} == {"reserved"}, "the standby lacks that they were dialed"

    world.do(Dial("acct_team_a", tuple(call.id for call in world.calls(campaign))))
    world.tick()
    assert not facts(world)["server"][1]
    world.advance(20)
    world.advance(60)
    assert len(world.stage.requests) == 2, "who talks was rung again"
    assert all(played.ended_at is not None for played in world.stage.calls.values())
    assert lift_hold(world.dialer, actor="test")
    world.until(campaign, "completed")
    assert len(world.stage.requests) == 4
    next(worlds, None)


def _cut(standby: EmbeddedPostgres) -> None:
    """Nothing that is committed from now on reaches the standby."""
    with psycopg.connect(standby.url, autocommit=True) as session:
        session.execute("ALTER SYSTEM SET primary_conninfo = ''")
        session.execute("SELECT pg_reload_conf()")
    await_that(lambda: ask(standby, "SELECT count(*) = 0 FROM pg_stat_wal_receiver"))
