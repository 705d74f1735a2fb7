"""Words that this code has given up do not come back: each has a plain one, or one of the field's."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

WORKER = Path(__file__).resolve().parents[1] / "worker"

GIVEN_UP = {
    "belongings": "first_setup",
    "births": "campaign_factory",
    "desk": "at_database",
    "desks": "at_database",
    "doorbell": "dispatch",
    "doorbells": "dispatch",
    "doorway": "middleware",
    "escort": "before_commit",
    "hungry": "starved",
    "knock": "authenticate",
    "leisure": "without_timeouts",
    "mend": "repair, remedy or RebuildSlots",
    "nobodys": "unmatched",
    "nursery": "fork_server",
    "onlooker": "import_progress",
    "rebuff": "HttpError",
    "strayed": "stale_zone",
    "unheard": "undispatched",
    "untold": "unprinted",
    "weigh": "transition",
}
"""A word in no identifier of the product any more → what is written instead."""

PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words_of(identifier: str) -> set[str]:
    """``HangUpDesk`` and ``hang_up_desk`` are made of ``hang``, ``up`` and ``desk``."""
    return {part.lower() for part in PART.findall(identifier)}


def identifiers(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the name of every identifier of a module, and its own name."""
    yield 0, path.stem
    with path.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.NAME:
                yield token.start[0], token.string


def test_no_identifier_has_a_word_that_was_given_up() -> None:
    found = [
        f"{path.relative_to(WORKER.parent)}:{line}: {name}: say {GIVEN_UP[word]}"
        for path in sorted(WORKER.rglob("*.py"))
        for line, name in identifiers(path)
        for word in words_of(name) & GIVEN_UP.keys()
    ]
    assert not found, "\n".join(found)


def test_an_identifier_is_made_of_its_words() -> None:
    assert words_of("HTTPDesk") == words_of("http_desk") == words_of("HTTP_DESK") == {"http", "desk"}
    assert words_of("_given_up2") == {"given", "up"}
    assert words_of("gatherings") == {"gatherings"}, "a word is a whole one"
