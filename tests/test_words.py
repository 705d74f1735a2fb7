"""Words that this code has given up do not come back: each has a plain one, or one of the field's."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
MIGRATIONS = REPOSITORY / "worker" / "store" / "migrations"

GIVEN_UP = {
    "aside": "snooze or rule_out",
    "asides": "snoozed or ruled_out",
    "belongings": "first_setup",
    "births": "campaign_factory",
    "desk": "at_database",
    "desks": "at_database",
    "doorbell": "dispatch",
    "doorbells": "dispatch",
    "doorway": "middleware",
    "escort": "before_commit",
    "escorted": "before_commit",
    "escorts": "before_commit",
    "face": "protocol",
    "faces": "protocols",
    "gathering": "collecting",
    "hear": "receive",
    "heard": "event, evidence or known",
    "hears": "receives",
    "hungry": "starved",
    "knock": "authenticate",
    "leisure": "without_timeouts",
    "mend": "repair, remedy or RebuildSlots",
    "mended": "repaired",
    "mending": "repair",
    "nobodys": "unmatched",
    "nursery": "fork_server",
    "onlooker": "import_progress",
    "rebuff": "HttpError",
    "strayed": "stale_zone",
    "tells": "reports",
    "told": "reported, answered, logged or shown",
    "unheard": "undispatched",
    "untold": "unprinted",
    "weigh": "transition",
    "weighed": "transition",
}
"""A word in no identifier any more, the project's and the tests' → what is written instead. The sentences that name
tests are free."""

JUDGES = REPOSITORY / "tests" / "chaos"
ONLY_THERE = {"judge": "check or assess", "judged": "checked", "judges": "checks"}
"""Words that are right where a whole run is judged, and in no identifier anywhere else."""

ANYWHERE_ELSE = GIVEN_UP | ONLY_THERE

NOT_IN_PROSE = {
    word: GIVEN_UP[word]
    for word in ("asides", "doorbell", "doorbells", "doorway", "escort", "escorted", "escorts", "heard", "hungry",
                 "nobodys", "nursery", "onlooker", "strayed", "told", "unheard", "untold")
}  # fmt: skip
"""Those with no honest use in a sentence: they stand in no comment, docstring, text, statement or page either."""

COLUMNS = {"rung_at", "end_told_at"}
"""Columns that workers of the version before read and write keep their names; ``schema.sql`` says what they mean."""

PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
WORD = re.compile(r"[a-z0-9_]+")


@cache
def words_of(identifier: str) -> frozenset[str]:
    """``HangUpDesk`` and ``hang_up_desk`` are made of ``hang``, ``up`` and ``desk``."""
    return frozenset(part.lower() for part in PART.findall(identifier))


def identifiers(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the name of every identifier of a module, and its own name."""
    yield 0, path.stem
    with path.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.NAME:
                yield token.start[0], token.string


def given_up(identifier: str, path: Path | None = None) -> list[str]:
    """What to write for the words of an identifier, of the module at this path, that have been given up."""
    if not words_of(identifier) & ANYWHERE_ELSE.keys() or identifier in COLUMNS or identifier.startswith("test_"):
        return []
    words = GIVEN_UP if path is not None and JUDGES in path.parents else ANYWHERE_ELSE
    return [words[word] for word in sorted(words_of(identifier) & words.keys())]


def files(folder: str, *suffixes: str) -> list[Path]:
    """The project's own files of these kinds, but for migrations: what has been applied stays as it was."""
    found = [path for path in (REPOSITORY / folder).rglob("*") if path.suffix in suffixes]
    return sorted(path for path in found if MIGRATIONS not in path.parents and path != Path(__file__).resolve())


@pytest.mark.parametrize("folder", ["worker", "tests"])
def test_no_identifier_has_a_word_that_was_given_up(folder: str) -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {name}: say {' or '.join(instead)}"
        for path in files(folder, ".py")
        for line, name in identifiers(path)
        if (instead := given_up(name, path))
    ]
    assert not found, "\n".join(found)


def test_no_sentence_has_a_word_that_was_given_up_and_means_nothing_else() -> None:
    texts = [*files("worker", ".py", ".md", ".sql", ".lua"), *files("tests", ".py", ".md")]
    texts += [REPOSITORY / name for name in ("README.md", "schema.sql", "pyproject.toml")]
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {word}: say {NOT_IN_PROSE[word]}"
        for path in texts
        for line, text in enumerate(path.read_text().splitlines(), start=1)
        for word in WORD.findall(text.lower())
        if word in NOT_IN_PROSE
    ]
    assert not found, "\n".join(found)


def test_an_identifier_is_made_of_its_words() -> None:
    assert words_of("HTTPDesk") == words_of("http_desk") == words_of("HTTP_DESK") == {"http", "desk"}
    assert words_of("_given_up2") == {"given", "up"}
    assert words_of("gatherings") == {"gatherings"}, "a word is a whole one"


def test_columns_and_the_sentences_that_name_tests_are_free() -> None:
    assert given_up("end_told_at") == given_up("test_who_is_told") == []
    assert given_up("told_at") == [GIVEN_UP["told"]]


def test_only_where_a_run_is_judged_is_there_a_judge() -> None:
    assert given_up("judge", JUDGES / "judge.py") == []
    assert given_up("judge", JUDGES.parent / "world.py") == [ONLY_THERE["judge"]]
