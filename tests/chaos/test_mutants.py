"""A mutant lacks its protection and nothing else; each is made in a process of its own, as the fork server does it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.chaos.aiming import AIMS
from tests.chaos.harness import REPOSITORY
from tests.chaos.mutants import EMPHASIS, MUTANTS, PROTECTIONS
from tests.chaos.nemesis import DECK
from tests.chaos.verdict import BY_NAME

pytestmark = pytest.mark.slow

SHOW = """
import json, sys
from pkgutil import resolve_name
from tests.chaos.mutants import MUTANTS, switch_off

def shape():
    found = {}
    for name in sorted({name for mutant in MUTANTS.values() for name in mutant.replaces}):
        it = resolve_name(name)
        found[name] = str(getattr(it, "text", it))
    return found

before = shape()
switch_off(sys.argv[1])
print(json.dumps([name for name, was in before.items() if was != shape()[name]]))
"""


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_a_mutant_lacks_its_protection_and_nothing_else(protection: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", SHOW, protection], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout) == sorted(MUTANTS[protection].replaces)


def test_what_is_put_more_of_into_the_decks_is_known_and_so_is_who_condemns() -> None:
    assert EMPHASIS.keys() == set(PROTECTIONS)
    for mutant in MUTANTS.values():
        assert mutant.faults.keys() <= DECK.keys()
        assert mutant.aims.keys() <= AIMS
        assert mutant.condemned_by
        assert BY_NAME.keys() >= set(mutant.condemned_by)
