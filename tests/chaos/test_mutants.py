"""A mutant lacks its protection and nothing else; each is made in a process of its own, as the nursery does it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.chaos.harness import REPOSITORY
from tests.chaos.mutants import EMPHASIS, PROTECTIONS
from tests.chaos.nemesis import DECK

LOOK = """
from tests.chaos.mutants import switch_off
from worker.flow import dial, plan, record, settle
from worker.slots import semaphore
from worker.store import calls, events

def shape():
    return [str(x) for x in (dial._sender, plan.Rooms.read.__func__, semaphore.load_script,
                             semaphore.Slots.needs_rebuild, dial._send, settle.weigh, calls.ADVANCE.text,
                             record.is_foreign, settle.is_foreign, events.INSERT.text)]

before = shape()
switch_off({protection!r})
print([n for n, (was, is_) in enumerate(zip(before, shape())) if was != is_])
"""
CHANGES = {
    "send-fence": [0],
    "claim-limit": [1],
    "generation-key": [2, 3],
    "write-ahead": [4],
    "settle-once": [5, 6],
    "news-binding": [7, 8, 9],
}


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_a_mutant_lacks_its_protection_and_nothing_else(protection: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", LOOK.format(protection=protection)],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.strip() == str(CHANGES[protection])


def test_what_is_put_more_of_into_the_deck_is_known() -> None:
    assert EMPHASIS.keys() == set(PROTECTIONS)
    assert all(more.keys() <= DECK.keys() for more in EMPHASIS.values())
