"""Caps and quiet times, instant by instant, and what is refused of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from worker.domain.errors import Invalid
from worker.domain.frequency import MARGIN, Cap, FrequencyRules, History, Quiet, allowed_at, frequency_of

NOW = datetime(2027, 3, 14, 12, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def ago(*hours: float) -> list[datetime]:
    return [NOW - each * HOUR for each in hours]


@pytest.mark.parametrize(
    ("history", "rules", "expected"),
    [
        (History(), [Cap(1, 1)], NOW),
        (History(ago(1, 2)), [Cap(3, 24)], NOW),
        (History(ago(1, 2, 3)), [Cap(3, 24)], NOW + 21 * HOUR + MARGIN),
        (History(ago(3, 1, 2)), [Cap(3, 24)], NOW + 21 * HOUR + MARGIN),
        (History(ago(1, 2, 3, 4)), [Cap(3, 24)], NOW + 21 * HOUR + MARGIN),
        (History(ago(1, 2, 3)), [Cap(3, 24), Cap(1, 8)], NOW + 21 * HOUR + MARGIN),
        (History(ago(1, 2, 3)), [Cap(3, 4), Cap(1, 8)], NOW + 7 * HOUR + MARGIN),
        (History([NOW - 24 * HOUR - MARGIN]), [Cap(1, 24)], NOW),
        (History([NOW - 24 * HOUR - MARGIN + SECOND]), [Cap(1, 24)], NOW + SECOND),
        (History([NOW + HOUR]), [Cap(1, 1)], NOW + 2 * HOUR + MARGIN),
        (History(conversed_at=NOW - HOUR), [Quiet("conversation", 169)], NOW + 168 * HOUR + MARGIN),
        (History(conversed_at=NOW - HOUR), [Quiet("refusal", 169)], NOW),
        (History(refused_at=NOW - HOUR), [Quiet("refusal", None), Cap(1, 1)], None),
        (History(refused_at=NOW - 500 * HOUR), [Quiet("refusal", 24)], NOW),
    ],
)
def test_a_number_is_called_from_the_instant_that_all_rules_allow(
    history: History, rules: list[Cap | Quiet], expected: datetime | None
) -> None:
    caps = [rule for rule in rules if isinstance(rule, Cap)]
    quiet = [rule for rule in rules if isinstance(rule, Quiet)]
    assert allowed_at(history, caps, quiet, NOW) == expected
    if expected is not None and expected > NOW:
        before = expected - SECOND
        assert allowed_at(history, caps, quiet, before) == expected
        assert allowed_at(history, caps, quiet, expected) == expected


def test_rules_are_kept_with_their_hours_and_a_day_more_than_one_has() -> None:
    given = [{"calls": 32, "days": 31}, {"after": "conversation", "days": 7}, {"after": "refusal", "hours": None}]
    stored = FrequencyRules()(given, "frequency")
    assert [rule["hours"] for rule in stored] == [745, 169, None]
    assert str(frequency_of(stored, None, stored)) == (
        "32 in 31 days, none for 7 days after a conversation, none after a refusal"
    )
    assert FrequencyRules()(stored[1:], "frequency") == stored[1:]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ([], "frequency"), ({}, "frequency"), ("3 a day", "frequency"), ([{"calls": 3, "hours": 24}] * 11, "frequency"),
        ([3], "frequency[0]"), ([{}], "frequency[0]"), ([{"calls": 3}], "frequency[0]"),
        ([{"calls": 3, "after": "refusal", "hours": 1}], "frequency[0]"),
        ([{"calls": 3, "hours": 1, "days": 1}], "frequency[0]"),
        ([{"calls": 0, "hours": 24}], "frequency[0].calls"), ([{"calls": 33, "hours": 24}], "frequency[0].calls"),
        ([{"calls": True, "hours": 24}], "frequency[0].calls"), ([{"calls": 1.5, "hours": 24}], "frequency[0].calls"),
        ([{"calls": 3, "hours": 0}], "frequency[0].hours"), ([{"calls": 3, "hours": 745}], "frequency[0].hours"),
        ([{"calls": 3, "days": 32}], "frequency[0].days"), ([{"calls": 3, "hours": None}], "frequency[0].hours"),
        ([{"calls": 3, "hours": 24, "per": "day"}], "frequency[0].per"),
        ([{"after": "dinner", "hours": 1}], "frequency[0].after"),
        ([{"after": "conversation", "hours": None}], "frequency[0].hours"),
        ([{"after": "refusal", "days": 367}], "frequency[0].days"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_where_it_stands(given: Any, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        FrequencyRules()(given, "frequency")
    assert [fault.path for fault in refused.value.faults] == [path]
    assert all(fault.message.endswith(".") for fault in refused.value.faults)
