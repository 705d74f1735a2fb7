"""Instants in sentences: on somebody's clock, and how far away."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import worker
from worker.domain.on_the_clock import clock, duration, when

NOW = datetime(2027, 3, 1, 6, 0, tzinfo=UTC)  # 01:00 in New York
ROOT = Path(worker.__file__).parent


@pytest.mark.parametrize(
    ("after", "zone", "said"),
    [
        (timedelta(hours=8), "America/New_York", "09:00 New York, in 8 h"),
        (timedelta(hours=8, minutes=5), "America/New_York", "09:05 New York, in 8 h 05 min"),
        (timedelta(hours=32), "America/New_York", "Tue 09:00 New York, in 1 day"),
        (timedelta(days=14, hours=7), "America/New_York", "2027-03-15 09:00 New York, in 14 days"),  # the clock moved
        (timedelta(seconds=45), "Asia/Kolkata", "11:30 Kolkata, in 45 s"),
        (timedelta(minutes=-12), "Europe/Berlin", "06:48 Berlin, 12 min ago"),
        (timedelta(hours=8), None, "14:00 UTC, in 8 h"),
        (timedelta(hours=8), "Mars/Olympus", "14:00 UTC, in 8 h"),
        (timedelta(hours=8), "UTC", "14:00 UTC, in 8 h"),
        (timedelta(days=36_500), "America/New_York", "2127-02-05 06:00 UTC, in 36500 days"),
    ],
)
def test_an_instant_is_said_on_its_clock_and_how_far_away_it_is(after: timedelta, zone: str | None, said: str) -> None:
    assert when(NOW + after, NOW, zone) == said


def test_an_instant_nobody_knows() -> None:
    assert when(None, NOW, "America/New_York") == "an unknown time"


def test_the_day_is_that_of_the_clock_not_of_utc() -> None:
    late = datetime(2027, 3, 2, 3, 0, tzinfo=UTC)  # 22:00 of the day before in New York
    assert clock(late, NOW + timedelta(hours=12), "America/New_York") == "22:00 New York"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (61, "2 min"), (3599, "1 h"), (86_399, "1 day"), (200_000, "2 days")],
)
def test_a_length_of_time_is_said_as_exactly_as_one_needs_to_know(seconds: int, said: str) -> None:
    assert duration(timedelta(seconds=seconds)) == said


HOW_IT_IS_SAID = {"domain/on_the_clock.py", "operations/instants.py"}
"""Where an instant becomes a text: for people, and for programs."""
FOR_THE_SCREEN = {"cli/screen_tables.py", "cli/demo.py", "domain/callee_hours.py"}
"""Where one stands beside its zone in a table, or is a time of day."""
_FORMAT = re.compile(r"%[HMSY]")


def _texts(path: Path) -> list[str]:
    """Every text of a module but its docstrings."""
    tree = ast.parse(path.read_text())
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
    ]


def test_no_sentence_makes_its_own_text_of_an_instant() -> None:
    """Every module of the layers that speak to people: none formats an instant by itself, and none says UTC of one."""
    walked = 0
    for layer in ("domain", "flow", "operations", "cli", "api"):
        for path in sorted((ROOT / layer).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name in HOW_IT_IS_SAID | FOR_THE_SCREEN:
                continue
            assert not [text for text in _texts(path) if _FORMAT.search(text)], name
            assert not [text for text in _texts(path) if text.endswith(" UTC") or " UTC," in text], name
            walked += 1
    assert walked > 100
