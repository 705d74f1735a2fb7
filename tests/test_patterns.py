"""No regular expression of the product takes longer than in proportion to what it reads, whoever sent it.

Those that pydantic reads are not looked at: its engine knows no backtracking.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import worker
from tests.backtracking import TooManySteps, attacks, steps

SIZES = (60, 120)
"""Signs, give or take what is repeated."""
GROWTH = 2.5
"""How much longer twice the text may take: it is 2 where time is in proportion, 4 where it grows by the square."""
STEEPEST = 300
"""Steps a sign at the most, whatever the proportion: every bound of a repetition counts."""
ANCHORED = {"match", "fullmatch"}
FUNCTIONS = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
SOURCE = Path(worker.__file__).parent


def too_slow(pattern: re.Pattern[str], *, anchored: bool) -> str | None:
    """A text over which the pattern takes more than in proportion."""
    for before, repeated, end in attacks(pattern):
        short, long = (before + repeated * max(1, size // len(repeated)) + end for size in SIZES)
        try:
            taken = steps(pattern, short, anchored=anchored, most=STEEPEST * len(short))
            steps(pattern, long, anchored=anchored, most=GROWTH * taken + 200)
        except TooManySteps:
            return f"{before!r} + {repeated!r} * n + {end!r}"
    return None


LIBRARIES_OWN = {
    "worker.domain.screening": "what a country dials abroad with, asked of 00 and 011 alone",
    "worker.law.build_places": "how numbers of a country begin, asked of area codes when the tables are made",
}
"""Where patterns of a library are asked about what is no foreign text."""


def modules() -> list[str]:
    """Every module of the product that can be imported without running it."""
    found = pkgutil.walk_packages([str(SOURCE)], "worker.")
    return [module.name for module in found if not module.name.endswith("__main__")]


def uses() -> tuple[dict[tuple[str, str], set[str]], list[tuple[str, str, str]]]:
    """What is done with each pattern that has a name, by module and name; and those that have none."""
    named: dict[tuple[str, str], set[str]] = defaultdict(set)
    nameless = []
    for name in modules():
        path = Path(importlib.import_module(name).__file__ or "")
        source = path.read_text("utf-8")
        if not any(f".{what}(" in source for what in FUNCTIONS):
            continue
        tree = ast.parse(source)
        imported = {
            alias.asname or alias.name: (node.module or "", alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            of, what = node.func.value, node.func.attr
            if isinstance(of, ast.Name) and of.id == "re" and what in FUNCTIONS - {"compile"}:
                if name in LIBRARIES_OWN and not isinstance(node.args[0], ast.Constant):
                    continue
                pattern = ast.literal_eval(node.args[0])  # fails where it is put together: give such a one a name
                nameless.append((f"{name}:{node.lineno}", pattern, what))
            elif isinstance(of, ast.Name) and what in FUNCTIONS:
                named[imported.get(of.id, (name, of.id))].add(what)
    return named, nameless


def patterns() -> Iterator[tuple[str, re.Pattern[str], bool]]:
    """Every pattern of the product, where it stands, and whether it is tried at one place only."""
    named, nameless = uses()
    for module in modules():
        loaded = importlib.import_module(module)
        spaces = [("", vars(loaded))]
        spaces += [
            (f"{n}.", vars(v)) for n, v in vars(loaded).items() if isinstance(v, type) and v.__module__ == module
        ]
        for prefix, space in spaces:
            for name, value in space.items():
                if isinstance(value, re.Pattern):
                    done = named.get((module, name), set())
                    yield f"{module}.{prefix}{name}", value, bool(done) and done <= ANCHORED
    for where, text, done in nameless:
        yield where, re.compile(text), done in ANCHORED
    schema = (SOURCE.parent / "schema.sql").read_text("utf-8")
    for text in re.findall(r"~ '([^']+)'", schema):
        yield f"schema.sql {text}", re.compile(text), False


@pytest.mark.parametrize(
    ("text", "anchored"),
    [
        (r"(://[^\s/@:]*:)\S+(@)", False),
        (r"(a+)+b", True),
        (r"(a|a)*b", True),
        (r"(\S+?)\s*-\s*(\S+)\s+(\S+)", True),
        (r"\s*x", False),
        (r"x.*y", False),
        (r"(?:x|y.*)z", False),
        (r"[a-z]+@", False),
        (r"(?:ab?c?)+d", False),
    ],
)
def test_a_pattern_that_is_slow_is_found_out(text: str, anchored: bool) -> None:
    assert too_slow(re.compile(text), anchored=anchored)


@pytest.mark.slow  # as many steps as a hostile text can bring about, counted one by one
def test_no_pattern_takes_longer_than_in_proportion_to_what_it_reads() -> None:
    places: dict[tuple[str, bool], list[str]] = defaultdict(list)  # many modules have imported one of another's
    for where, pattern, anchored in patterns():
        places[pattern.pattern, anchored].append(where)
    assert len(places) > 30
    slow = {where[0]: too_slow(re.compile(text), anchored=anchored) for (text, anchored), where in places.items()}
    assert {where: text for where, text in slow.items() if text} == {}
