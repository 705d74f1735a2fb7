"""Whatever the server says inside COPY: a sentence of ours comes out, and nothing of a row in any answer or log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from traceback import format_exception

import pytest
from httpx2 import Client

from tests.world import World
from worker.domain.contact_file import read_contacts
from worker.domain.errors import Broken, DialerError, Unavailable
from worker.domain.letters import word_set
from worker.operations.imports import load_contacts
from worker.store.crm import contacts, staging
from worker.store.crm.contacts import NewContact
from worker.store.database import once, open_database

MARKER = "Zebedeus"
FILE = f"phone,first_name\n+12025550101,{MARKER}\n+12025550102,{MARKER}\n"
AWAY = {
    "57P01": "cannot be reached", "08006": "cannot be reached", "53100": "disk is full", "53200": "out of memory",
    "25006": "takes no writes", "40001": "in time", "40P01": "in time",
    "57014": "in time", "55P03": "in time", "42P01": "no schema", "42703": "no schema",
}  # fmt: skip
OURS = word_set(
    "22021 22001 22003 22P02 22P05 22023 23502 23503 23505 23514 23P01 2200G 42501 42804 54000 54001 0A000 2F005 "
    "P0001 DL001 XX000 XX001"
)
FAILS = """
CREATE OR REPLACE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {first}
    RAISE EXCEPTION 'about %', NEW.first_name USING ERRCODE = '{state}', DETAIL = NEW.first_name, HINT = NEW.first_name;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON pg_temp.staged FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse()
"""
REAL = {
    "of another type": "ALTER TABLE staged ALTER first_name TYPE integer USING 0",
    "too long": "ALTER TABLE staged ALTER first_name TYPE varchar(3)",
    "refused by a CHECK": "ALTER TABLE staged ADD CHECK (first_name = '')",
    "there twice": "CREATE UNIQUE INDEX ON staged ((first_name IS NULL))",
    "in a column that is not there": "ALTER TABLE staged DROP first_name",
    "without one that must be there": "ALTER TABLE staged ADD more text NOT NULL",
    "in an index that cannot be computed": "CREATE INDEX ON staged ((1 / (line - line)))",
    "that is no JSON": "ALTER TABLE staged ALTER first_name TYPE jsonb USING '{}'",
    "that is no array": "ALTER TABLE staged ALTER first_name TYPE text[] USING '{}'",
    "for a table that is not there": "DROP TABLE staged",
}


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """All that was logged until it is asked."""
    caplog.set_level(logging.DEBUG)

    def so_far() -> str:
        out, err = capfd.readouterr()
        return f"{out}{err}{caplog.text}"

    return so_far


def fails(monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    monkeypatch.setattr(staging, "CREATE", f"{staging.CREATE};{statement}")


def import_it(world: World) -> DialerError:
    with pytest.raises(DialerError) as error:
        load_contacts(world.dialer, world.team, None, read_contacts(FILE.splitlines(keepends=True)))
    return error.value


@pytest.mark.parametrize("state", [*AWAY, *sorted(OURS)])
def test_an_error_of_the_server_is_one_of_ours_and_repeats_nothing_of_a_row(
    world: World, monkeypatch: pytest.MonkeyPatch, state: str, logged: Callable[[], str]
) -> None:
    fails(monkeypatch, FAILS.format(state=state, first=""))
    error = import_it(world)
    if state in AWAY:
        assert isinstance(error, Unavailable)
        assert AWAY[state] in str(error)
    else:
        assert type(error) is Broken
    assert MARKER not in "".join(format_exception(error)) + logged()
    assert world.sql("SELECT FROM contacts") == []


@pytest.mark.parametrize("what", REAL)
def test_what_copy_itself_refuses_is_not_repeated(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str, logged: Callable[[], str]
) -> None:
    fails(monkeypatch, REAL[what])
    assert MARKER not in "".join(format_exception(import_it(world))) + logged()


def test_the_servers_own_time_out_within_copy_is_a_service_away(
    world: World, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    stands = FAILS.format(state="P0001", first="PERFORM pg_sleep(60);")
    fails(monkeypatch, f"{stands}; SET statement_timeout = '50ms'")
    error = import_it(world)
    assert isinstance(error, Unavailable)
    assert "in time" in str(error)
    assert MARKER not in "".join(format_exception(error)) + logged()


@pytest.mark.parametrize(("state", "status"), [("57014", 503), ("55P03", 503), ("22P02", 500), ("23505", 500)])
@pytest.mark.parametrize("keyed", [False, True])
def test_an_answer_and_the_log_of_the_web_process_say_nothing_of_a_row(
    client: Client, monkeypatch: pytest.MonkeyPatch, state: str, status: int, keyed: bool, logged: Callable[[], str]
) -> None:
    fails(monkeypatch, FAILS.format(state=state, first=""))
    headers = {"Content-Type": "text/csv"} | ({"Idempotency-Key": f"k{state}"} if keyed else {})
    answer = client.post("/api/crm/contacts/import", content=FILE, headers=headers)
    assert answer.status_code == status
    said = answer.text + logged()
    assert MARKER not in said
    assert "5550101" not in said
    if status == 500:
        assert answer.json()["requestId"] in said


def test_contacts_of_the_api_are_written_by_copy_too(world: World) -> None:
    contact = NewContact("cont_x", "1", "no number in E.164", None, first_name=MARKER)
    with pytest.raises(Broken, match="23514") as error:
        once(world.dialer.db, lambda conn: contacts.load(conn, world.team, [contact]))
    assert MARKER not in "".join(format_exception(error.value))


def test_parameters_are_in_no_error(database_url: str) -> None:
    engine = open_database(database_url, pool_size=1)
    with pytest.raises(Broken) as error:
        once(engine, lambda conn: conn.exec_driver_sql("SELECT CAST(%s AS integer)", (MARKER,)))
    assert MARKER not in "".join(format_exception(error.value))
    engine.dispose()
