"""``dialer contacts import`` and ``dialer dnc import`` as operators run them, judged by what they end with and say."""

from __future__ import annotations

import csv
import json
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.cli.running import AWAY, ROOT, Answer, dialer, sentence, several, started
from tests.patience import PATIENCE_SECONDS
from tests.world import World
from worker.store.database import open_database

HEADER = "phone,first_name\n"


def piped(content: bytes, *arguments: str, **settings: str) -> Answer:
    """A command with ``content`` on its standard input."""
    return dialer(*arguments, given=content, **settings)


def names(world: World) -> list[str]:
    return [row.first_name for row in world.sql("SELECT first_name FROM contacts ORDER BY id")]


def test_an_import_says_what_became_of_every_line_and_puts_it_in_the_report(
    world: World, here: dict[str, str], tmp_path: Path
) -> None:
    campaign, report = world.campaign(), tmp_path / "report.csv"
    file = tmp_path / "people.csv"
    file.write_text(
        "Number;First Name;timezone;plan\n"
        "(202) 555-0101;Ada;;=cmd()\n202 555 0102;Bob;=Mars;\n+12025550101;;;\n12;Cy;;\n"
    )
    options = (str(file), "--campaign-id", campaign, "--country", "us", "--report", str(report))
    foreseen = dialer("contacts", "import", *options, "--dry-run", **here)
    assert (foreseen.returncode, foreseen.stderr, names(world)) == (0, "", [])
    assert "Nothing was written; would be: 4 lines: 2 contacts created" in foreseen.stdout
    answer = dialer("contacts", "import", *options, **here)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.splitlines() == [
        "line 3 refused: timezone: Unknown time zone '=Mars'; use an IANA name, such as America/New_York.",
        "line 5 uncallable: phone: The number is too short; check for missing digits.",
        "4 lines: 2 contacts created, 0 changed, 0 as before; 1 merged into others, 1 refused.",
        "1 without a number that can be called; they are contacts all the same.",
        f"2 added to {campaign}; 0 were in it.",
        "Columns kept as custom fields: plan.",
    ]
    assert [(row["line"], row["outcome"]) for row in csv.DictReader(report.open())] == [
        ("3", "refused"), ("5", "uncallable"), ("4", "merged"),
    ]  # fmt: skip
    assert names(world) == ["Ada", "Cy"]


def test_an_import_answers_programs_with_one_document(world: World, here: dict[str, str]) -> None:
    answer = piped(b"phone\tname\n+12025550101\tZo\xeb\nx", "contacts", "import", "-", "--json", **here)
    assert (answer.returncode, answer.stderr) == (0, "")
    told = json.loads(answer.stdout)
    assert (told["success"], told["lines"], told["created"], told["refused"], told["added"]) == (True, 2, 1, 1, None)
    assert [(e["line"], e["outcome"]) for e in told["errors"]] == [(3, "refused")]
    assert any("Windows-1252" in note for note in told["notes"])
    assert any("cut off" in note for note in told["notes"])


def test_strict_imports_nothing_says_why_and_fails(world: World, here: dict[str, str]) -> None:
    content = (HEADER + "+12025550101,Ada\n12,Bob\n").encode()
    answer = piped(content, "contacts", "import", "-", "--strict", "--json", **here)
    assert (answer.returncode, names(world)) == (1, [])
    assert answer.stderr == "dialer: Nothing was imported; lines of - that cannot be called or read: 1.\n"
    assert json.loads(answer.stdout)["success"] is False


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: The file is empty"),
        (b"PK\x03\x04", "FILE: This is a workbook or a ZIP archive"),
        (b"phone," + b"x" * 10_000_000, "line 1: This record has more than 131072 characters"),
    ],
    ids=["empty", "workbook", "10 MB"],
)
def test_a_file_that_is_no_table_of_contacts_is_refused_in_one_sentence(
    world: World, here: dict[str, str], content: bytes, said: str
) -> None:
    answer = piped(content, "contacts", "import", "-", **here)
    assert answer.returncode == 2
    assert sentence(answer).startswith(said)
    assert names(world) == []


def test_what_cannot_be_is_one_sentence_and_the_right_exit_code(
    world: World, here: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(HEADER)
    wrong = {
        f"{tmp_path}": (2, "is a directory"),
        f"{file}.gone": (2, "does not exist"),
        f"{file} --country Utopia": (2, "--country: No country 'UTOPIA'"),
        f"{file} --delimiter ab": (2, "--delimiter: Give one sign"),
        f"{file} --encoding klingon": (2, "--encoding: No encoding 'klingon'"),
        f"{file} --campaign-id camp_x": (3, "No campaign with id camp_x; check the id and the team."),
        f"{file} --company-id comp_x": (3, "No company with id comp_x; check the id and the team."),
    }
    answers = several(*(f"contacts import {options}" for options in wrong), **here)
    for answer, (code, said) in zip(answers, wrong.values(), strict=True):
        assert answer.returncode == code
        assert said in sentence(answer)
    assert names(world) == []


def test_an_import_without_postgresql_is_one_sentence(redis_url: str, tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    answer = dialer(
        "contacts", "import", str(ROOT / "README.md"), "--report", str(report), **{**AWAY, "REDIS_URL": redis_url}
    )
    assert answer.returncode == 4
    assert sentence(answer).startswith("PostgreSQL cannot be reached")
    assert not report.exists()


class Held:
    """An import under way, its batches let through one by one: they take turns, and the test is one of those."""

    def __init__(self, world: World, settings: dict[str, str], file: Path, *options: str) -> None:
        self.world, self.team = world, world.team
        self.engine: Engine = open_database(settings["DATABASE_URL"], pool_size=3, statement_ms=0)
        self.turn = self.engine.connect()
        self.take_turn(self.turn)
        self.resources = ExitStack()
        self.command = self.resources.enter_context(started("contacts", "import", str(file), *options, **settings))
        self.await_blocked(1)

    def take_turn(self, conn: Any) -> None:
        conn.execute(text("SET LOCAL lock_timeout = 0"))
        conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))  # it waits for others, however slow
        conn.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended('import contacts of ' || :t, 0))"), {"t": self.team}
        )

    def await_blocked(self, count: int) -> None:
        pause = threading.Event()
        for _ in range(int(PATIENCE_SECONDS / 0.01)):
            if (
                len(self.world.sql("SELECT FROM pg_locks WHERE NOT granted")) == count
                or self.command.process.poll() is not None
            ):
                return
            pause.wait(0.01)
        raise AssertionError("it does not come to its next batch")

    def let_one_batch_through(self) -> None:
        following = self.engine.connect()
        queued = threading.Thread(target=self.take_turn, args=(following,))
        queued.start()
        self.await_blocked(2)
        self.turn.rollback()
        queued.join()
        self.turn = following
        self.await_blocked(1)

    def end(self) -> tuple[int, str, str]:
        with self.resources:
            answer = self.command.answer()
        self.turn.rollback()
        self.engine.dispose()
        return answer.returncode, answer.stdout, answer.stderr


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    """Three batches of contacts."""
    file = tmp_path / "long.csv"
    numbers = (f"+1{212 + n // 10_000}555{n % 10_000:04d}" for n in range(25_000))
    file.write_text("phone\n" + "".join(f"{number}\n" for number in numbers))
    return file


@pytest.mark.parametrize(
    ("options", "stayed", "said"),
    [
        ((), 10_000, "10000 contacts were imported before; the same command again does the rest."),
        (("--strict",), 0, "Nothing was imported."),
    ],
    ids=["batches", "strict"],
)
def test_a_database_that_goes_away_in_the_middle_is_one_sentence_that_says_what_is_there(
    world: World, here: dict[str, str], long_file: Path, options: tuple[str, ...], stayed: int, said: str
) -> None:
    held = Held(world, here, long_file, *options)
    if not options:
        held.let_one_batch_through()
    world.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
    assert held.end() == (
        4,
        "",
        f"dialer: PostgreSQL cannot be reached; start it or check DATABASE_URL, then try again. {said}\n",
    )
    assert len(names(world)) == stayed
    again = dialer("contacts", "import", str(long_file), "--json", **here)
    assert json.loads(again.stdout)["created"] == 25_000 - stayed


def test_an_operator_who_stops_an_import_is_told_what_is_there(
    world: World, here: dict[str, str], long_file: Path
) -> None:
    held = Held(world, here, long_file)
    held.let_one_batch_through()
    held.command.process.send_signal(signal.SIGINT)
    held.turn.rollback()
    code, stdout, stderr = held.end()
    assert (code, stdout) == (1, "")
    assert stderr.startswith("dialer: Stopped. ")
    assert f"{len(names(world))} contacts were imported before" in stderr


def test_a_list_of_numbers_is_banned(world: World, here: dict[str, str]) -> None:
    answer = piped(b"(202) 555-0101\n+12025550102\nnobody\n", "dnc", "import", "-", "--country", "US", **here)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.splitlines() == [
        "line 3 refused: This is not a phone number; write it like +12025550123.",
        "3 lines: 2 added to the list, 1 refused.",
    ]
    again = piped(b"phone;reason\n+12025550102;asked\n", "dnc", "import", "-", "--strict", "--json", **here)
    assert json.loads(again.stdout) == {
        "success": True, "dryRun": False, "lines": 1, "refused": 0, "added": 0, "errors": [],
    }  # fmt: skip
    assert sentence(piped(b"nobody\n", "dnc", "import", "-", **here)).startswith("line 1: The first line must")
