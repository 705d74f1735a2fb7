"""Why a contact waits or is called no more: the first thing that keeps it, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from worker.domain.activity import Activity
from worker.domain.contact_standing import Place, contact_standing
from worker.domain.model import ContactStatus, Reason

NOON = datetime(2027, 3, 1, 17, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)
DIALING = Activity("dialing", "1 of 3 calls is live.", is_dialing=True)
PAUSED = Activity("paused", "The campaign is paused; resume it to go on.")
DUE = Place(
    "cont_1", ContactStatus.QUEUED, None, NOON, "America/New_York", due_at=NOON, next_call_at=NOON, activity=DIALING
)


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"status": ContactStatus.COMPLETED}, "reached", "It was reached: somebody answered."),
        ({"status": ContactStatus.CANCELLED}, "cancelled", "It is not called any more: the campaign was cancelled."),
        ({"status": ContactStatus.CALLING}, "calling", "It is being called now."),
        (
            {"status": ContactStatus.EXHAUSTED, "why_for_good": "Contact cont_1 has used all 3 attempts"},
            "attempts_used", "It is not called any more: Contact cont_1 has used all 3 attempts.",
        ),
        (
            {"status": ContactStatus.FAILED, "reason": Reason.TECHNICAL},
            "technical",
            "It was given up: Contact cont_1 could not be reached for technical reasons. It can be put back (requeue).",
        ),
        (
            {"is_ruled_out": (ContactStatus.SKIPPED, Reason.DO_NOT_CALL), "activity": PAUSED},
            "do_not_call", "It waits and will not be called: Contact cont_1 is marked do-not-call.",
        ),
        (
            {"is_ruled_out": (ContactStatus.EXHAUSTED, None)},
            "attempts_used", "It waits and will not be called: all its attempts are used.",
        ),
        ({"activity": PAUSED, "due_at": LATER, "next_call_at": LATER}, "paused", PAUSED.message),
        ({"next_call_at": None}, "window_unreadable", "Its call window never opens; set the window or its zone again."),
        (
            {"due_at": LATER, "next_call_at": LATER},
            "not_due", "It waits for its turn: it is due at 14:00 New York, in 2 h.",
        ),
        (
            {"due_at": LATER, "next_call_at": LATER + timedelta(hours=19)},
            "not_due",
            "It waits for its turn: it is due and the call window is open at Tue 09:00 New York, in 21 h.",
        ),
        (
            {"next_call_at": LATER, "activity": Activity("window_shut", "The call window is shut until …")},
            "window_shut", "The call window is shut for it until 14:00 New York, in 2 h.",
        ),
        (
            {"is_on_the_phone": True},
            "on_the_phone", "Its number is on the phone; it is looked at again in half a minute.",
        ),
        ({}, "due", "It is due and may be called. 1 of 3 calls is live."),
    ],
)  # fmt: skip
def test_the_first_thing_that_keeps_it_is_said(changes: dict[str, Any], code: str, message: str) -> None:
    found = contact_standing(replace(DUE, **changes))
    assert (found.code, found.message) == (code, message)
