"""What words may mean, what a report may say, and the token it is said by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from worker.domain.call_token import call_token, is_call_token, proves
from worker.domain.errors import Invalid
from worker.domain.ids import new_token
from worker.domain.outcomes import Meaning, Outcomes, Then, digest_of, meaning_of, parse_report

NOW = datetime(2027, 3, 1, 17, 0, tzinfo=UTC)
KNOWN = {"interested": "done", "busy_now": {"retryAfterMinutes": 120}, "wrong_person": "never"}


def test_each_word_means_what_the_campaign_says() -> None:
    assert Outcomes()(KNOWN, "outcomes") == KNOWN
    assert meaning_of(KNOWN, "interested") == Meaning(Then.DONE)
    assert meaning_of(KNOWN, "busy_now") == Meaning(Then.RETRY, 120)
    assert meaning_of(KNOWN, "wrong_person") == Meaning(Then.NEVER)
    with pytest.raises(Invalid, match=r"did you mean interested.* interested, busy_now, wrong_person"):
        meaning_of(KNOWN, "intrested")


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({}, "outcomes"),
        ("done", "outcomes"),
        ({f"w{n}": "done" for n in range(51)}, "outcomes"),
        ({"Interested": "done"}, "outcomes.Interested"),
        ({"": "done"}, "outcomes."),
        ({"w": "retry"}, "outcomes.w"),
        ({"w": None}, "outcomes.w"),
        ({"w": {}}, "outcomes.w"),
        ({"w": {"retryAfterMinutes": 1, "x": 1}}, "outcomes.w"),
        ({"w": {"retryAfterMinutes": -1}}, "outcomes.w.retryAfterMinutes"),
        ({"w": {"retryAfterMinutes": 43_201}}, "outcomes.w.retryAfterMinutes"),
        ({"w": {"retryAfterMinutes": True}}, "outcomes.w.retryAfterMinutes"),
    ],
)
def test_what_means_nothing_is_refused(sent: Any, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        Outcomes()(sent, "outcomes")
    assert [fault.path for fault in refused.value.faults] == [path]


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": None},
        {"outcome": ""},
        {"outcome": "w" * 51},
        {"summary": "s" * 4001},
        {"callbackAt": "tomorrow"},
        {"callbackAt": "2027-03-02T09:00:00"},
        {"callbackAt": (NOW - timedelta(seconds=1)).isoformat()},
        {"callbackAt": NOW.isoformat()},
        {"callbackAt": (NOW + timedelta(days=60, seconds=1)).isoformat()},
        {"callbackAt": "0001-01-01T00:00:00+14:00"},
        {"doNotCall": "yes"},
        {"doNotCall": None},
        {"data": []},
        {"data": {"x": "y" * 16_384}},
        {"transcriptUrl": "javascript:alert(1)"},
        {"recordingUrl": "ftp://example.com/r"},
        {"spokeAt": 5},
        {"mood": "good"},
    ],
    ids=str,
)
def test_a_report_out_of_bounds_is_refused_by_the_field(wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        parse_report({"outcome": "interested", **wrong}, NOW)
    assert [fault.path for fault in refused.value.faults] == list(wrong)


def test_a_report_is_read_whole_and_the_same_one_is_known_again() -> None:
    at = NOW + timedelta(days=60)
    body = {"outcome": "busy_now", "callbackAt": at.isoformat(), "doNotCall": True, "data": {"b": 1, "a": 2}}
    report = parse_report(body, NOW)
    assert (report.outcome, report.callback_at, report.do_not_call, report.data) == ("busy_now", at, True, body["data"])
    assert report.digest == digest_of({"data": {"a": 2, "b": 1}, **body})
    assert report.digest != digest_of({**body, "outcome": "interested"})


def test_a_token_is_good_for_one_call_and_is_made_of_nothing_that_others_know() -> None:
    secret, other = b"s" * 32, b"o" * 32
    token = call_token(secret, "call_1")
    assert is_call_token(token)
    assert proves(secret, "call_1", token)
    callback_token = new_token()
    for wrong in ("", token[:-1], f"{token}x", call_token(secret, "call_2"), call_token(other, "call_1"),
                  callback_token, f"dct_{callback_token}", "dct_", "dct_\udc80é"):  # fmt: skip
        assert not proves(secret, "call_1", wrong)
    assert len(token) == len("dct_") + 43
