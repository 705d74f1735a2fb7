"""A disposition is declared once, with its traits, and whatever decides by one, shows or explains one knows all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import worker
from tests.architecture.sources import MODULES, Module
from worker.api.app import make_app
from worker.domain.lifecycle import CallView, EventOutcome, Ignored, transition
from worker.domain.model import TRAITS, Attempt, CallState, ContactStatus, Disposition, EventKind
from worker.domain.retry import RETRYABLE, Ended, RetryPolicy, counts_attempt, decide
from worker.store import dispositions

ROOT = Path(worker.__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "worker" / "manual").glob("*.md"))]
TRANSLATIONS = ("worker.domain.model", "worker.carriers", "worker.simulator")
"""Where the declaration is, and where a carrier's words become ours: nowhere else may a disposition be compared."""
LOOK_UPS_LOST = ("worker.flow.reap", "LOST")
"""``lost`` is what an adapter returns for a call that is over, it does not know how."""


def test_each_has_traits() -> None:
    assert list(TRAITS) == list(Disposition)
    assert len({traits.colour for traits in TRAITS.values()}) == len(TRAITS)
    assert len({traits.sentence for traits in TRAITS.values()}) == len(TRAITS)


def test_the_schema_knows_the_same_ones() -> None:
    body = re.search(r"CREATE TYPE disposition AS ENUM \((.*?)\n\);", (ROOT / "schema.sql").read_text(), re.DOTALL)
    assert body is not None
    assert re.findall(r"'(\w+)'", re.sub(r"--.*", "", body[1])) == [each.value for each in Disposition]


def test_the_api_knows_the_same_ones() -> None:
    schemas = make_app().openapi()["components"]["schemas"]
    assert schemas["Disposition"]["enum"] == [each.value for each in Disposition]
    description = schemas["Call"]["properties"]["disposition"]["description"]
    assert [each for each in Disposition if f"{each}: {each.traits.sentence}" not in description] == []


def test_the_manual_says_of_each_what_it_means() -> None:
    manual = "\n".join(page.read_text() for page in PAGES)
    assert [each for each in Disposition if f"| `{each}` | {each.traits.sentence} |" not in manual] == []


@pytest.mark.parametrize("disposition", Disposition)
def test_the_engine_decides_on_each(disposition: Disposition) -> None:
    traits = disposition.traits
    after = decide(RetryPolicy(), Ended(disposition, 1))
    assert (after.status is ContactStatus.COMPLETED) is traits.answered
    assert after.counts_attempt is counts_attempt(disposition) is (traits.attempt is not Attempt.NEVER)
    assert disposition not in RETRYABLE or after.status is ContactStatus.QUEUED
    ended = CallView(CallState.ENDED, "id", disposition)
    rings = transition(ended, EventKind.RINGING, "id")
    if traits.closed_by_us:
        assert rings is Ignored.LATE_EVIDENCE
    else:
        assert rings is (EventOutcome.RANG if traits.attempt is Attempt.IF_RANG else Ignored.CALL_ENDED)


def test_what_never_left_is_no_attempt_and_nobody_picked_up_who_was_not_called() -> None:
    for each, traits in TRAITS.items():
        assert traits.sent or traits.attempt is Attempt.NEVER, each
        assert traits.picked_up or not traits.answered, each
        assert traits.sent or not traits.picked_up, each


def test_statements_list_them_by_their_traits() -> None:
    assert dispositions.UNSENT == "('not_sent')"
    assert dispositions.ANSWERED == "('answered')"
    assert dispositions.PICKED_UP == "('answered', 'machine')"
    assert dispositions.COUNTS_IF_IT_RANG == "('canceled')"
    assert dispositions.NEVER_COUNTS == "('not_sent')"


def _compared(module: Module) -> Iterator[tuple[str, str]]:
    """Dispositions this module compares something with, or looks something up by."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Compare():
                within = [node.left, *node.comparators]
            case ast.Dict():
                within = [key for key in node.keys if key is not None]
            case ast.MatchValue():
                within = [node.value]
            case ast.Tuple() | ast.Set() | ast.List():
                within = list(node.elts)
            case _:
                continue
        for each in within:
            for part in ast.walk(each):
                match part:
                    case ast.Attribute(ast.Name("Disposition"), attr) if attr in Disposition.__members__:
                        yield module.name, attr


def test_nothing_else_decides_by_a_disposition_of_its_own() -> None:
    found = {
        compared for module in MODULES if not module.name.startswith(TRANSLATIONS) for compared in _compared(module)
    }
    assert found <= {LOOK_UPS_LOST}


def test_no_statement_spells_one_out() -> None:
    spelled = re.compile(rf"disposition\b[^,;\n]{{0,30}}'({'|'.join(Disposition)})'")
    assert [module.name for module in MODULES if spelled.search(module.text)] == []
