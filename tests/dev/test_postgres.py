from __future__ import annotations

import os
import stat
from pathlib import Path

import psycopg
import pytest

from tests.dev.observing import descendants, still_alive
from worker.dev.postgres import EmbeddedPostgres
from worker.dev.stack import Stack
from worker.dev.workspace import Workspace
from worker.domain.errors import Unavailable


def query(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def test_the_server_knows_letters_beyond_ascii_and_keeps_utc(stack: Stack) -> None:
    assert query(stack.postgres.url, "SELECT lower('ÉCOLE') || current_setting('timezone')") == "écoleUTC"


def test_it_listens_nowhere_but_on_its_socket(stack: Stack) -> None:
    assert query(stack.postgres.url, "SHOW listen_addresses") == ""


def test_nobody_but_the_owner_can_come_near_the_socket(stack: Stack) -> None:
    above = stat.S_IMODE(stack.workspace.directory.stat().st_mode)
    around = stat.S_IMODE(stack.postgres.socket_directory.stat().st_mode)
    assert (above & 0o007, around & 0o077) == (0, 0)


def test_the_url_is_right_whatever_the_environment_says(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "1", "PGHOST": "nowhere.invalid", "PGUSER": "x", "PGDATABASE": "y"}.items():
        monkeypatch.setenv(name, value)
    assert query(stack.postgres.url, "SELECT current_user") == "dialer"


def test_another_database_of_the_server_has_an_address_too(stack: Stack) -> None:
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute('CREATE DATABASE "a b/c"')
        assert query(stack.postgres.url_of("a b/c"), "SELECT current_database()") == "a b/c"
        connection.execute('DROP DATABASE "a b/c"')


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data initialised once, for the tests that start a server of their own on it."""
    data_dir = tmp_path_factory.mktemp("cluster") / "pg"
    with EmbeddedPostgres(data_dir, durable=False):
        return data_dir


@pytest.mark.parametrize("durable", [True, False])
def test_what_was_committed_survives_a_kill_in_the_midst_of_work(durable: bool, cluster: Path) -> None:
    with EmbeddedPostgres(cluster, durable=durable) as server:
        url = server.url
        busy = psycopg.connect(url, autocommit=True)
        busy.execute("DROP TABLE IF EXISTS kept")
        busy.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        busy.pgconn.send_query(b"DO 'BEGIN LOOP END LOOP; END'")  # a backend that never looks up
        everybody = descendants(os.getpid())
        server.kill()
        assert not server.is_running
        assert [it for it in still_alive(everybody) if "postgres" in it and str(server.data_dir) in it] == []

        server.restart()

        assert server.url == url
        assert query(url, "SELECT answer FROM kept") == 42
        busy.close()


def test_data_below_a_directory_that_only_root_may_enter_is_served(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "pg", durable=False) as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1")
            connection.execute("CHECKPOINT")
        server.restart()
        assert query(server.url, "SELECT count(*) FROM kept") == 1
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert sorted(it.name for it in closed.iterdir()) == ["pg"]


def test_a_server_killed_and_never_restarted_leaves_no_shared_memory(cluster: Path) -> None:
    with EmbeddedPostgres(cluster, durable=False) as server:
        segment = (server.data_dir / "postmaster.pid").read_text().splitlines()[6].split()[1]
        assert segment in segments()
        server.kill()
        assert segment in segments()
    assert segment not in segments()


def segments() -> list[str]:
    """The ids of the System V shared memory segments there are (proc(5); key and id come first)."""
    return [line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]


def test_a_server_that_cannot_start_says_so_with_its_own_words_and_leaves_nothing(cluster: Path) -> None:
    before = descendants(os.getpid())
    with Workspace() as workspace:
        broken = EmbeddedPostgres(cluster, durable=False, max_connections=0, workspace=workspace)
        with pytest.raises(Unavailable, match=r"did not start: .*FATAL: .* outside the valid range"):
            broken.start()
        assert not broken.is_running
    assert not workspace.directory.exists()
    assert [it for it in descendants(os.getpid()) if it not in before] == []


def test_a_directory_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "letter.txt").write_text("dear all")
    with pytest.raises(Unavailable, match="holds something else"):
        EmbeddedPostgres(tmp_path / "pg", durable=False).start()
    assert (tmp_path / "pg" / "letter.txt").read_text() == "dear all"


def test_a_server_that_is_not_running_has_no_address() -> None:
    with pytest.raises(Unavailable, match="start it first"):
        _ = EmbeddedPostgres(durable=False).url
