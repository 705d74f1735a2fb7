"""Whom an operator may put back, and whom not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from worker.domain.model import WAITING, ContactStatus, Reason
from worker.domain.requeue import GivenUp, is_settled, why_not

EXHAUSTED = GivenUp("cont_1", ContactStatus.EXHAUSTED, attempts=3)
FAILED = GivenUp("cont_1", ContactStatus.FAILED, Reason.TECHNICAL, attempts=3)


def test_who_has_attempts_left_may_wait_again() -> None:
    assert why_not(EXHAUSTED, 4) is None
    assert why_not(FAILED, 4) is None


@pytest.mark.parametrize("contact", [EXHAUSTED, FAILED])
def test_attempts_that_are_used_stay_used(contact: GivenUp) -> None:
    assert why_not(contact, 3) == "Contact cont_1 has used all 3 attempts a contact may have in this campaign"
    assert why_not(replace(contact, attempts=1), 1) == (
        "Contact cont_1 has used the one attempt a contact may have in this campaign"
    )


@pytest.mark.parametrize(
    ("contact", "said"),
    [
        (replace(EXHAUSTED, status=ContactStatus.COMPLETED), "has been reached"),
        (replace(EXHAUSTED, do_not_call=True), "is marked do-not-call"),
        (replace(FAILED, do_not_call=True), "is marked do-not-call"),
        (replace(EXHAUSTED, number_fault=Reason.NO_PHONE_NUMBER), "has no phone number; correct it first"),
        (replace(FAILED, number_fault=Reason.INVALID_NUMBER), "has an invalid phone number; correct it first"),
        (replace(EXHAUSTED, is_taken=True), "has the same phone number as another contact of this campaign"),
        (replace(FAILED, reason=Reason.REJECTED), "declined the calls and is left in peace"),
        (
            replace(FAILED, reason=Reason.FAX, was_called_by_it=True),
            "has a fax machine for a phone number; correct it first",
        ),
        (
            replace(EXHAUSTED, status=ContactStatus.SKIPPED, reason=Reason.DO_NOT_CALL),
            "is marked do-not-call; when that is mended, the next run calls it",
        ),
    ],
)
def test_what_was_promised_to_callees_outlives_the_operators_word(contact: GivenUp, said: str) -> None:
    assert why_not(contact, 20) == f"Contact cont_1 {said}"


@pytest.mark.parametrize("reason", [Reason.INVALID_NUMBER, Reason.FAX])
def test_what_was_found_out_about_a_number_is_untrue_of_another(reason: Reason) -> None:
    assert why_not(replace(FAILED, reason=reason), 4) is None


def test_a_carrier_that_allows_it_now_is_tried_again() -> None:
    assert why_not(replace(FAILED, reason=Reason.BLOCKED, attempts=0), 3) is None


def test_who_waits_or_is_called_needs_nothing() -> None:
    assert {status for status in ContactStatus if is_settled(status)} == WAITING | {ContactStatus.CALLING}
