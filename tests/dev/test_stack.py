from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import kombu
import psycopg
import pytest
import redis
import sqlalchemy

from tests.dev.observing import (
    MYSELF,
    commands_of,
    descendants,
    running,
    still_alive,
    users,
    wait_until,
)
from tests.patience import PATIENCE_SECONDS
from worker.dev.processtable import Process
from worker.dev.stack import Stack
from worker.dev.workspace import LASTING_NAME, LONGEST, Workspace, _make_own
from worker.domain.errors import Unavailable

OWNER = """
import sys
from worker.dev.stack import Stack
with Stack() as stack:
    script = "trap 'echo asked to end >>$0; exit' TERM; sleep 1000 & wait"
    stack.spawn("family", ["sh", "-c", script, sys.argv[1]])
    print(stack.workspace.directory, stack.postgres.url, flush=True)
    stack.wait()
"""
STARTING_OWNER = """
from worker.dev.postgres import EmbeddedPostgres
from worker.dev.workspace import LASTING_NAME, LONGEST, Workspace, _make_own
with Workspace() as workspace:
    print(workspace.directory, flush=True)
    EmbeddedPostgres(durable=False, workspace=workspace).start()
"""
FORKING_OWNER = """
import os, signal
from worker.dev.valkey import EmbeddedValkey
with EmbeddedValkey(durable=False) as server:
    copy = os.fork()
    if copy:
        print(server.workspace.directory, copy, flush=True)
    signal.pause()
"""


def test_both_servers_answer_the_clients_the_dialer_uses(stack: Stack) -> None:
    address = stack.postgres.url.replace("postgresql:", "postgresql+psycopg:", 1)
    engine = sqlalchemy.create_engine(address)
    with engine.connect() as connection:
        assert connection.scalar(sqlalchemy.text("SELECT 1")) == 1
    engine.dispose()
    with redis.Redis.from_url(stack.valkey.url, socket_timeout=PATIENCE_SECONDS) as client:
        assert client.ping() is True
    with kombu.Connection(stack.valkey.broker_url) as broker:
        queue = broker.SimpleQueue("hello")
        queue.put({"call": "call_1"})
        assert queue.get(timeout=PATIENCE_SECONDS).payload == {"call": "call_1"}
        queue.close()


def test_a_spawned_process_finds_the_servers_and_writes_to_its_log(tmp_path: Path) -> None:
    script = "import os; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL'])"
    with Stack(tmp_path / "kept") as stack:
        child = stack.spawn("finder", [sys.executable, "-c", script], stack.environment)
        assert stack.wait(PATIENCE_SECONDS) is child
        assert child.exit_code == 0
        found = f"{stack.postgres.url} {stack.valkey.url}\n"
    assert (tmp_path / "kept" / "finder.log").read_text() == found


def test_children_are_ended_side_by_side_then_the_one_they_need_and_nothing_is_left(tmp_path: Path) -> None:
    before = descendants(os.getpid())
    messages, ends = tmp_path / "messages", tmp_path / "ends"
    messages.touch()
    with Stack() as stack:
        directory = stack.workspace.directory
        for name, other in (("simulator", "simulator"), ("web", "worker"), ("worker", "web")):
            waits = f"echo {name} >>{messages}; until grep -q {other} {messages}; do sleep 0.01; done"  # until both end
            script = f"trap '{waits}; echo {name} >>{ends}; exit' TERM; echo ready; while :; do sleep 0.01; done"
            child = stack.spawn(name, ["sh", "-c", script], ends_last=name == "simulator")
            wait_until(lambda child=child: "ready" in child.log_path.read_text(), f"{name} has begun")
        begun = [it for it in descendants(os.getpid()) if it not in before]
        commands = " ".join(commands_of(begun))
        assert all(name in commands for name in ("postgres", "valkey-server", "janitor", "simulator"))
        assert [child.name for child in stack.children] == ["simulator", "web", "worker"]
        assert stack.wait(0) is None
    *first, last = ends.read_text().split()
    assert (sorted(first), last) == (["web", "worker"], "simulator")
    assert still_alive(begun) == []
    assert not directory.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("end", "user"), [*((signal.SIGKILL, user) for user in users()), (signal.SIGTERM, MYSELF)])
def test_an_owner_that_is_killed_leaves_no_process_and_no_file(end: signal.Signals, user: str, tmp_path: Path) -> None:
    with running(OWNER, str(tmp_path / "messages"), user=user) as owner:
        assert owner.stdout is not None
        place, url = owner.stdout.readline().split()
        busy = psycopg.connect(url, autocommit=True)
        busy.pgconn.send_query(b"DO 'BEGIN LOOP END LOOP; END'")  # a backend that never looks up
        everybody = everybody_of(owner.pid)
        owner.send_signal(end)
    wait_until(lambda: not still_alive(everybody), "no process is left")
    wait_until(lambda: not Path(place).exists(), "no file is left")
    busy.close()


def everybody_of(pid: int) -> list[Process]:
    """The descendants, once the last of them has begun."""
    wait_until(lambda: "sleep 1000" in commands_of(descendants(pid)), "all have begun")
    everybody = descendants(pid)
    commands = " ".join(commands_of(everybody))
    assert all(name in commands for name in ("postgres", "valkey-server", "janitor"))
    return everybody


def test_ctrl_c_reaches_the_owner_alone_who_then_ends_everything_in_order(tmp_path: Path) -> None:
    messages = tmp_path / "messages"
    with running(OWNER, str(messages)) as owner:
        assert owner.stdout is not None
        place = Path(owner.stdout.readline().split()[0])
        everybody = everybody_of(owner.pid)
        os.killpg(owner.pid, signal.SIGINT)
    assert owner.returncode == -signal.SIGINT
    assert still_alive(everybody) == []
    assert not place.exists()
    assert messages.read_text() == "asked to end\n"


def test_an_owner_killed_while_the_data_is_initialised_leaves_nothing() -> None:
    with running(STARTING_OWNER) as owner:
        assert owner.stdout is not None
        place = Path(owner.stdout.readline().strip())
        wait_until((place / "postgresql-data.initdb" / "PG_VERSION").exists, "initdb has begun")
        everybody = descendants(owner.pid)
        assert any("initdb" in it for it in commands_of(everybody))
        owner.kill()
    wait_until(lambda: not still_alive(everybody), "no process is left")
    wait_until(lambda: not place.exists(), "no file is left")


def test_a_forked_copy_of_a_killed_owner_does_not_keep_the_servers_alive() -> None:
    with running(FORKING_OWNER) as owner:
        assert owner.stdout is not None
        place, copy = owner.stdout.readline().split()
        everybody = [it for it in descendants(owner.pid) if it.pid != int(copy)]
        assert len(everybody) == 2, "a server and a janitor"
        owner.kill()
        try:
            wait_until(lambda: not still_alive(everybody), "no process is left")
            wait_until(lambda: not Path(place).exists(), "no file is left")
        finally:
            os.kill(int(copy), signal.SIGKILL)


def test_a_killed_janitor_is_not_missed_by_an_owner_that_stops_in_order(tmp_path: Path) -> None:
    before = descendants(os.getpid())
    workspace = Workspace()
    (janitor,) = [it for it in descendants(os.getpid()) if it not in before]
    os.kill(janitor.pid, signal.SIGKILL)
    wait_until(lambda: not still_alive([janitor]), "the janitor is dead")
    child = workspace.start("child", ["sleep", "1000"], env=os.environ)
    workspace.close()
    assert child.exit_code is not None
    assert not workspace.directory.exists()


def test_a_named_directory_keeps_its_data_and_address_and_serves_one_stack_at_a_time(tmp_path: Path) -> None:
    with Stack(tmp_path / "kept", durable=True) as stack:
        addresses = stack.environment
        with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        with redis.Redis.from_url(stack.valkey.url, socket_timeout=PATIENCE_SECONDS) as client:
            client.set("answer", 42)
        with pytest.raises(Unavailable, match=r"Another dialer works in .*/kept"):
            Stack(tmp_path / "kept", durable=True).start()
    assert not stack.workspace.directory.exists()
    with Stack(tmp_path / "kept", durable=True) as stack:
        assert stack.environment == addresses
        with psycopg.connect(stack.postgres.url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        with redis.Redis.from_url(stack.valkey.url, socket_timeout=PATIENCE_SECONDS) as client:
            assert client.get("answer") == b"42"


KEEPING_OWNER = """
import sys
from pathlib import Path
from worker.dev.stack import Stack
with Stack(Path(sys.argv[1])) as stack:
    print(stack.workspace.directory, flush=True)
    stack.wait()
"""


@pytest.mark.slow
@pytest.mark.parametrize("depth", [0, 4], ids=["in the directory", "a directory too deep for sockets"])
def test_an_owner_killed_and_started_again_has_its_sockets_where_they_were(tmp_path: Path, depth: int) -> None:
    base = Path(tempfile.mkdtemp(prefix="d", dir="/tmp"))
    base.chmod(0o755)
    data = base.joinpath(*["a-name-of-twenty-five-sig"] * depth, "data")
    try:
        places = []
        for _ in range(2):
            with running(KEEPING_OWNER, str(data)) as owner:
                assert owner.stdout is not None
                places.append(Path(owner.stdout.readline().strip()))
                assert places[-1].stat().st_uid == os.geteuid()
                assert not places[-1].stat().st_mode & 0o007, "nobody else may enter"
                owner.kill()
            wait_until(lambda: not places[-1].exists(), "no socket is left")
            wait_until(lambda: _is_free(data / "lock"), "the directory is free")
        assert places[0] == places[1]
        assert (places[0].parent == data) == (depth == 0)
        assert len(os.fsencode(places[0])) <= LONGEST
    finally:
        shutil.rmtree(base)


def _is_free(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_a_directory_somebody_else_made_in_our_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / LASTING_NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable, match="is not a directory of ours"):
        _make_own(tmp_path / LASTING_NAME)
