"""What is listed without being imported is what there is, and nothing is imported that was not given."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module

import click
import pytest

import worker.cli
from tests.cli.running import AWAY, ROOT, environment
from worker.cli import dialer
from worker.cli.commands import GROUPS
from worker.cli.lazy import LazyGroup, Stub

CLICK_ONLY = {
    "celery", "kombu", "redis", "sqlalchemy", "psycopg", "fastapi", "uvicorn", "httpx2", "nacl", "pydantic",
    "structlog", "rich", "phonenumbers", "matplotlib", "asyncio",
}  # fmt: skip
OTHERS = {"celery", "fastapi", "uvicorn", "httpx2", "nacl", "matplotlib"}
IMPORTED = """
import atexit, sys
atexit.register(lambda: print("imported", *sorted({name.partition(".")[0] for name in sys.modules})))
sys.argv = ["dialer", *sys.argv[1:]]
from worker.cli import main
main()
"""


def stubs(group: LazyGroup = dialer, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Stub]]:
    for name, command in group.commands.items():
        if isinstance(command, LazyGroup):
            yield from stubs(command, (*path, name))
        else:
            assert isinstance(command, Stub)
            yield (*path, name), command


def declared() -> Iterator[click.Command]:
    """Every command of the modules of commands, whether it is listed or not."""
    for module in pkgutil.iter_modules(worker.cli.__path__, "worker.cli."):
        for found in vars(import_module(module.name)).values():
            if isinstance(found, click.Group) and not isinstance(found, LazyGroup):
                yield from found.commands.values()
            elif isinstance(found, click.Command) and not isinstance(found, click.Group):
                yield found


def imported(*arguments: str, **settings: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments],
        cwd=ROOT, env={**environment(), **settings}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return set(done.stdout.splitlines()[-1].removeprefix("imported").split())


@pytest.mark.parametrize(("path", "stub"), list(stubs()), ids=lambda it: " ".join(it) if isinstance(it, tuple) else "")
def test_a_command_is_listed_with_the_first_sentence_of_its_help(path: tuple[str, ...], stub: Stub) -> None:
    command = stub.load()
    assert command.name == path[-1]
    assert not command.hidden
    for width in (30, 60, 1000):
        assert stub.get_short_help_str(width) == command.get_short_help_str(width)
    assert stub.help == command.get_short_help_str(1000)


def test_every_command_that_is_declared_is_listed() -> None:
    listed = {id(stub.load()) for _, stub in stubs()}
    assert [command.name for command in declared() if id(command) not in listed] == []


@pytest.mark.parametrize("name", list(GROUPS))
def test_a_group_is_listed_with_its_help_and_has_nothing_to_set(name: str) -> None:
    for place in GROUPS[name][1]:
        module, _, group = place.partition(":")
        if group:
            found = getattr(import_module(module), group)
            assert (found.name, found.help, found.params) == (name, GROUPS[name][0], [])


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",), ("--help",), ("campaigns",), ("campaigns", "--help"), ("campaigns", "pause", "--help"),
        ("campaigns", "paws"), ("completion", "bash"), ("manual",), ("manual", "settings"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_who_only_asks_what_there_is_imports_nothing_but_click(arguments: tuple[str, ...]) -> None:
    assert imported(*arguments) & CLICK_ONLY == set()


@pytest.mark.parametrize("line", ["dialer ", "dialer cam", "dialer numbers ", "dialer campaigns pause --"])
def test_completion_imports_nothing_but_click(line: str) -> None:
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    assert imported(_DIALER_COMPLETE="bash_complete", **words) & CLICK_ONLY == set()


def test_completion_offers_commands_and_their_options() -> None:
    def offered(line: str) -> set[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_DIALER_COMPLETE": "bash_complete"}
        done = subprocess.run(
            [sys.executable, "-c", IMPORTED],
            cwd=ROOT, env={**environment(), **words}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return {entry.partition(",")[2] for entry in done.stdout.splitlines()[:-1]}

    assert offered("dialer cam") == {"campaigns"}
    assert offered("dialer campaigns pa") == {"pause"}
    assert offered("dialer campaigns pause --") == {"--team", "--json", "--help"}


def test_a_command_that_writes_rows_imports_celery_only_once_they_are_written() -> None:
    assert imported("campaigns", "pause", "camp_1", **AWAY) & OTHERS == set()
