"""Several verbs in one transaction, and a statement that goes with each."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from worker.store.database import CommitHook, Joined, once, transact

COUNT = text("UPDATE slot_generation SET generation = generation + 1 RETURNING generation")
TICK = text("INSERT INTO ticks (name, last_at) VALUES (:name, clock_timestamp())")


def count(conn: Connection) -> int:
    return int(conn.execute(COUNT).scalar_one())


def generation(engine: Engine) -> int:
    return once(engine, lambda conn: int(conn.execute(text("SELECT generation FROM slot_generation")).scalar_one()))


def ticks(engine: Engine) -> list[str]:
    return once(engine, lambda conn: list(conn.execute(text("SELECT name FROM ticks ORDER BY name")).scalars()))


def test_joined_verbs_commit_together(engine: Engine) -> None:
    def whole(conn: Connection) -> int:
        joined = Joined(conn)
        once(joined, count)
        assert generation(engine) == 1, "a joined verb committed by itself"
        return transact(joined, count)

    assert transact(engine, whole) == 3
    assert generation(engine) == 3


def test_joined_verbs_fail_together(engine: Engine) -> None:
    def whole(conn: Connection) -> None:
        once(Joined(conn), count)
        raise ValueError("after the work")

    with pytest.raises(ValueError, match="after the work"):
        transact(engine, whole)
    assert generation(engine) == 1


def test_a_joined_transaction_whose_moment_was_bad_is_run_again_as_a_whole(engine: Engine) -> None:
    runs: list[int] = []

    def whole(conn: Connection) -> int:
        once(Joined(conn), count)
        runs.append(1)
        if len(runs) == 1:
            transact(Joined(conn), lambda c: c.execute(text("SELECT pg_terminate_backend(pg_backend_pid())")))
        return transact(Joined(conn), count)

    assert transact(engine, whole) == 3
    assert (len(runs), generation(engine)) == (2, 3)


@pytest.mark.parametrize("run", [once, transact])
def test_a_commit_hook_goes_with_every_transaction_as_its_last_statement(engine: Engine, run: Any) -> None:
    def before_commit(conn: Connection) -> None:
        seen = conn.execute(text("SELECT generation FROM slot_generation")).scalar_one()
        conn.execute(TICK, {"name": f"after {seen}"})

    hooked = CommitHook(engine, before_commit)
    assert run(hooked, count) == 2
    assert run(hooked, count) == 3
    assert ticks(engine) == ["after 2", "after 3"]


def test_a_commit_hook_that_refuses_takes_the_work_back(engine: Engine) -> None:
    def refuse(_: Connection) -> None:
        raise ValueError("no longer yours")

    with pytest.raises(ValueError, match="no longer yours"):
        transact(CommitHook(engine, refuse), count)
    assert generation(engine) == 1


def test_work_that_was_rolled_back_needs_no_commit_hook(engine: Engine) -> None:
    def preview(conn: Connection) -> int:
        found = count(conn)
        conn.rollback()
        return found

    assert once(CommitHook(engine, lambda conn: conn.execute(TICK, {"name": "before_commit"})), preview) == 2
    assert ticks(engine) == []
    assert generation(engine) == 1
