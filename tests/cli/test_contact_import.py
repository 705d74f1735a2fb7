"""``dialer contacts import`` and ``dialer dnc import`` as operators run them, judged by what they end with and say."""

from __future__ import annotations

import csv
import json
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.cli.running import AWAY, ROOT, Answer, dialer, document, sentence, several, started, words
from tests.patience import PATIENCE_SECONDS
from tests.world import World
from worker.store.database import open_database
from worker.store.sqlstates import AWAY as NO_POSTGRESQL

HEADER = "phone,first_name\n"


def piped(content: bytes, *arguments: str, **settings: str) -> Answer:
    """A command with ``content`` on its standard input."""
    return dialer(*arguments, given=content, **settings)


def sentence_of(answer: Answer) -> str:
    """What it ended with, up to what is to be done."""
    return answer.stderr.removeprefix("dialer: ").partition(";")[0]


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
    part = "dialer: Done in part: 1 of 4 lines was refused; mend them and import the file again.\n"
    assert (foreseen.returncode, foreseen.stderr, names(world)) == (1, part, []), "it ends as the import will"
    assert "Nothing was written; would be: 4 lines: 2 contacts created" in foreseen.stdout
    answer = dialer("contacts", "import", *options, **here)
    assert (answer.returncode, answer.stderr) == (1, part)
    assert answer.stdout.splitlines() == [
        'line 3 refused: timezone: Unknown time zone "=Mars"; use an IANA name, such as America/New_York.',
        "line 5 uncallable: phone: The number is too short; check for missing digits.",
        "4 lines: 2 contacts created, 0 changed, 0 as before; 1 merged into others, 1 refused.",
        "1 without a number that can be called; they are contacts all the same.",
        f"2 added to {campaign}; 0 were in it.",
        "Where 2 lines with a number may be: 2 by the area code of their number.",
        "Columns kept as custom fields: plan.",
    ]
    assert [(row["line"], row["outcome"]) for row in csv.DictReader(report.read_text().splitlines())] == [
        ("3", "refused"), ("5", "uncallable"), ("4", "merged"),
    ]  # fmt: skip
    assert names(world) == ["Ada", "Cy"]


def test_an_import_answers_programs_with_one_document(world: World, here: dict[str, str]) -> None:
    answer = piped(b"phone\tname\tplan\n+12025550101\tZo\xeb\tgold\nx", "contacts", "import", "-", "--json", **here)
    assert (answer.returncode, sentence_of(answer)) == (1, "Done in part: 1 of 2 lines was refused")
    made = json.loads(answer.stdout)
    assert (made["encoding"], made["encoding_source"], made["custom_fields"]) == (
        "windows-1252",
        "assumed",
        ["plan"],
    )
    assert made["import_id"].startswith("imp_")
    assert (made["success"], made["lines"], made["created"], made["refused"], made["added"]) == (
        True,
        2,
        1,
        1,
        None,
    )
    assert [(e["line"], e["outcome"]) for e in made["errors"]] == [(3, "refused")]
    assert any("Windows-1252" in note for note in made["notes"])
    assert any("cut off" in note for note in made["notes"])


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


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., Path]:
    """A file with this text in it."""

    def write(name: str, text: str, encoding: str = "utf-8") -> Path:
        file = tmp_path / name
        file.write_bytes(text.encode(encoding))
        return file

    return write


def test_who_is_not_to_be_called_is_said_line_by_line_and_can_be_taken_back(
    world: World, here: dict[str, str], files: Callable[..., Path], tmp_path: Path
) -> None:
    text = "Phone,Do Not Call?,OK to call,colour\n"
    text += "+12025550101,opt-out,,red\n+12025550102,ask Bob,,\n+12025550103,,No,\n+12025550104,no,yes,\n"
    report = tmp_path / "report.csv"
    as_json, shown = several(
        f"contacts import {files('a.csv', text)} --json --report {report}",
        f"contacts import {files('b.csv', text)}",
        **here,
    )
    answer = json.loads(as_json.stdout)
    assert (as_json.returncode, answer["do_not_call"], answer["unreadable"], answer["refused"]) == (0, 3, 1, 0)
    assert [(e["line"], e["outcome"]) for e in answer["errors"]] == [(3, "unreadable"), (4, "no_consent")]
    assert [row["outcome"] for row in csv.DictReader(report.read_text().splitlines())] == ["unreadable", "no_consent"]
    assert answer["custom_fields"] == ["ok_to_call", "colour"]
    assert "line 3 unreadable: do_not_call: It says 'ask Bob'" in shown.stdout
    assert "3 lines with do-not-call; the import is imp_" in shown.stdout
    second = shown.stdout.partition("undo-do-not-call ")[2].split()[0]
    undo = f"contacts undo-do-not-call {answer['import_id']}"
    kept, both, again, nobody = several(
        undo, f"contacts undo-do-not-call {second} --json", undo, "contacts undo-do-not-call imp_x", **here
    )
    assert words(kept) == "Took do-not-call back from 0 contacts; 3 that it named stay as they are."
    assert document(both) == {"taken_back": 3, "kept": 0}
    assert again.returncode == 0
    assert (nobody.returncode, "imp_x" in sentence(nobody)) == (3, True)
    assert world.sql("SELECT FROM contacts WHERE do_not_call") == []


def test_a_file_that_may_ban_somebody_in_another_way_is_refused_in_a_sentence(
    world: World, here: dict[str, str], files: Callable[..., Path]
) -> None:
    unknown = files("a.csv", "phone,Nicht anrufen\n+12025550101,ja\n")
    another = files("b.csv", "phone,dnc\n+12025550101,red\n+12025550102,green\n+12025550103,\n")
    answers = several(f"contacts import {unknown}", f"contacts import {another} --report {another}.out", **here)
    assert [answer.returncode for answer in answers] == [2, 2]
    assert "'Nicht anrufen' looks as if it said who must not be called; rename it" in sentence(answers[0])
    assert "Of the 2 cells that say something in the column 'dnc', 2 are neither yes nor no" in sentence(answers[1])
    assert names(world) == []
    assert not Path(f"{another}.out").exists()


def test_the_encoding_that_is_said_counts_and_is_shown(
    world: World, here: dict[str, str], files: Callable[..., Path]
) -> None:
    file = files("a.csv", "phone,first_name\n+12025550101,Łukasz\n", "cp1250")
    marked = files("b.csv", "phone,first_name\n+12025550102,Łucja\n", "utf-8-sig")
    answers = several(
        f"contacts import {file} --encoding Windows-1250 --json",
        f"contacts import {marked} --encoding cp1250 --json",
        f"contacts import {file} --encoding base64", **here,
    )  # fmt: skip
    documents = [json.loads(answer.stdout) for answer in answers[:2]]
    assert [(each["encoding"], each["encoding_source"]) for each in documents] == [
        ("windows-1250", "declared"), ("utf-8", "byte_order_mark"),
    ]  # fmt: skip
    assert "Declared as windows-1250, but its byte order mark is that of utf-8" in documents[1]["notes"][0]
    assert sentence(answers[2]).startswith("--encoding: No encoding 'base64'")
    assert names(world) == ["Łukasz", "Łucja"]


def test_all_numbers_of_a_line_are_banned(world: World, here: dict[str, str], files: Callable[..., Path]) -> None:
    text = "phone,mobile,home phone,DNC\n+12025550101,+12025550102,+12025550103,x\n,,+12025550104,y\n"
    (answer,) = several(f"dnc import {files('never.csv', text)}", **here)
    assert words(answer) == "2 lines: 4 added to the list, 0 refused."
    assert len(world.sql("SELECT FROM do_not_call")) == 4


def test_the_samples_are_written_once_and_imported_whole(world: World, here: dict[str, str], tmp_path: Path) -> None:
    place = tmp_path / "new"
    first, again, forced, people, numbers = several(
        f"samples {place}", f"samples {place}", f"samples {place} --force --json",
        f"contacts import {place}/people.csv --country US", f"dnc import {place}/never-call.txt", **here,
    )  # fmt: skip
    assert words(first).splitlines() == [f"{place}/{name}" for name in ("people.csv", "never-call.txt", "columns.md")]
    assert again.returncode == 2
    assert "people.csv and never-call.txt and columns.md would be overwritten" in sentence(again)
    assert document(forced) == {"files": words(first).splitlines()}
    assert "10 lines: 10 contacts created" in words(people)
    assert words(numbers) == "3 lines: 3 added to the list, 0 refused."
    assert len(names(world)) == 10


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
        conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))  # however slow the machine is
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
    numbers = (f"+1{212 + n // 10_000}555{n % 10_000:04d}" for n in range(1_250))
    file.write_text("phone\n" + "".join(f"{number}\n" for number in numbers))
    return file


@pytest.mark.parametrize(
    ("options", "stayed", "said"),
    [
        ((), 500, "500 contacts were imported before; the same command again does the rest."),
        (("--strict",), 500, "500 contacts were imported before; the same command again does the rest."),
    ],
    ids=["batches", "strict"],
)
def test_a_database_that_goes_away_in_the_middle_is_one_sentence_that_says_what_is_there(
    world: World, here: dict[str, str], long_file: Path, options: tuple[str, ...], stayed: int, said: str
) -> None:
    held = Held(world, here, long_file, *options)
    held.let_one_batch_through()
    world.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
    assert held.end() == (
        4,
        "",
        f"dialer: {NO_POSTGRESQL} {said}\n",
    )
    assert len(names(world)) == stayed
    again = dialer("contacts", "import", str(long_file), "--json", **here)
    assert json.loads(again.stdout)["created"] == 1_250 - stayed


def test_an_operator_who_stops_an_import_reads_what_is_there(
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
    assert (answer.returncode, sentence_of(answer)) == (1, "Done in part: 1 of 3 lines was refused")
    assert answer.stdout.splitlines() == [
        "line 3 refused: This is not a phone number; write it like +12025550123.",
        "3 lines: 2 added to the list, 1 refused.",
    ]
    again = piped(b"phone;reason\n+12025550102;asked\n", "dnc", "import", "-", "--strict", "--json", **here)
    assert json.loads(again.stdout) == {
        "success": True, "dryRun": False, "lines": 1, "refused": 0, "added": 0, "errors": [],
        "encoding": "utf-8", "encoding_source": "assumed", "notes": [],
    }  # fmt: skip
    assert again.returncode == 0
    assert sentence(piped(b"nobody\n", "dnc", "import", "-", **here)).startswith("line 1: The first line must")
