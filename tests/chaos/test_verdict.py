"""A trial passes only by what it has proved."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.chaos.evidence import Evidence, InvariantCheck
from tests.chaos.invariant_checks import OCCASIONS
from tests.chaos.verdict import BY_NAME, JUDGEMENTS, PASSED, UNPROVEN, VIOLATED, Verdict, judge, together
from worker.simulator.ledger import Ledger
from worker.store import invariants

NOTHING = Ledger((), (), (), ())
ALL = Counter(dict.fromkeys(BY_NAME, 1))
FOUND = {"stops_hold": ["call_1"]}


def without(*names: str) -> Counter[str]:
    return Counter({name: 1 for name in BY_NAME if name not in names})


@pytest.mark.parametrize(
    ("verdict", "seconds", "status"),
    [
        (Verdict({}, ALL), 600, PASSED),
        (Verdict({}, without("calls_end_in_time")), 600, PASSED),
        (Verdict({}, without("retries_wait")), 20, PASSED),
        (Verdict({}, without("retries_wait")), 60, UNPROVEN),
        (Verdict({}, without("stops_bind_commits")), 20, UNPROVEN),
        (Verdict({}, without("stops_bind_commits")), 10, PASSED),
        (Verdict(FOUND, ALL), 20, VIOLATED),
        (Verdict(FOUND, Counter()), 20, VIOLATED),
    ],
    ids=["all proved", "owed to no trial", "not owed yet", "owed", "owed at once", "too short", "found", "both"],
)
def test_what_was_violated_comes_before_what_is_unproven_and_that_before_passing(
    verdict: Verdict, seconds: float, status: int
) -> None:
    assert verdict.status(seconds) == status


def test_a_trial_in_which_nothing_happened_has_proved_nothing() -> None:
    verdict = judge(Evidence(ledger=NOTHING))
    assert verdict.unproven == list(BY_NAME)
    assert verdict.status(20) == UNPROVEN


def test_trials_together_prove_what_one_of_them_did_and_violate_what_any_did() -> None:
    one, other = Verdict({}, without("retries_wait")), Verdict(FOUND, without("stops_hold"))
    both = together([one, other])
    assert both.unproven == []
    assert both.occasions["limit_held"] == 2
    assert both.violations["stops_hold"] == ["call_1"]


def test_every_judgement_has_a_name_and_a_sentence_of_its_own() -> None:
    assert len(BY_NAME) == len({it.holds for it in JUDGEMENTS}) == len(JUDGEMENTS)


def test_the_products_own_invariants_are_all_checked_and_their_occasions_counted() -> None:
    assert OCCASIONS.keys() == invariants.BY_NAME.keys()
    invariant_checks = [
        InvariantCheck("limit_held", 3),
        InvariantCheck("limit_held", 2, ("team one",)),
        InvariantCheck("limit_held", 1, ("team one",)),
    ]
    verdict = judge(Evidence(ledger=NOTHING, invariant_checks=invariant_checks))
    assert verdict.violations["limit_held"] == ["team one"], "one offender, however often it was seen"
    assert verdict.occasions["limit_held"] == 5


def test_a_process_that_ended_and_a_mistake_in_a_log_are_found_among_those_that_were_there() -> None:
    verdict = judge(Evidence(ledger=NOTHING, processes=3, ended_by_themselves=["a worker"], mistakes=["Traceback"]))
    assert verdict.violations["processes_live"] == ["a worker"]
    assert verdict.violations["logs_hold_no_mistake"] == ["Traceback"]
    assert (verdict.occasions["processes_live"], verdict.occasions["logs_hold_no_mistake"]) == (3, 3)
