"""The law at its edges: each bound a second before, and on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import pytz

from worker.domain.frequency import Cap, Frequency, History, Quiet, allowed_at
from worker.domain.law import (
    Calling,
    Consent,
    Prohibited,
    Purpose,
    caps_for,
    consent_needed,
    lawful_hours,
    rules_that_bind,
    rules_that_warn,
)
from worker.domain.places import Place, place_of
from worker.domain.verdict import decide

SECOND = timedelta(seconds=1)
LIVE, AUTOMATED = Calling(Purpose.TELEMARKETING, "live"), Calling(Purpose.TELEMARKETING)
DEBT = Calling(Purpose.DEBT, "live")

SPANS = [
    # place, zone, the call, a day: what is open on it by the clock there
    ("US-NY", "America/New_York", LIVE, "2026-12-01", ["08:00-21:00"]),
    ("US-CA", "America/Los_Angeles", LIVE, "2026-12-01", ["08:00-21:00"]),
    ("US-CA", "America/Los_Angeles", AUTOMATED, "2026-12-01", ["09:00-21:00"]),
    ("US-ME", "America/New_York", AUTOMATED, "2026-12-01", ["09:00-17:00"]),
    ("US-ME", "America/New_York", AUTOMATED, "2026-12-05", []),
    ("US-RI", "America/New_York", LIVE, "2026-12-01", ["09:00-18:00"]),
    ("US-RI", "America/New_York", LIVE, "2026-12-05", ["10:00-17:00"]),
    ("US-RI", "America/New_York", LIVE, "2026-12-06", []),
    ("US-RI", "America/New_York", LIVE, "2027-08-09", []),  # Victory Day
    ("US-TX", "America/Chicago", LIVE, "2026-12-06", ["12:00-21:00"]),  # a Sunday
    ("US-TX", "America/Chicago", LIVE, "2026-12-05", ["09:00-21:00"]),
    ("US-KY", "America/Chicago", LIVE, "2026-12-01", ["10:00-21:00"]),
    ("US-UT", "America/Denver", LIVE, "2027-07-24", []),  # Pioneer Day, a Saturday
    ("US-UT", "America/Denver", LIVE, "2027-07-23", []),  # on which it is observed
    ("US-UT", "America/Denver", LIVE, "2027-07-22", ["08:00-21:00"]),
    ("US-UT", "America/Denver", LIVE, "2027-12-31", []),  # New Year of 2028 is observed
    ("US-AL", "America/Chicago", LIVE, "2027-12-31", []),
    ("US-LA", "America/Chicago", LIVE, "2027-02-09", []),  # Mardi Gras
    ("US-LA", "America/Chicago", LIVE, "2027-02-10", ["08:00-20:00"]),
    ("US-PA", "America/New_York", LIVE, "2026-10-16", ["08:00-21:00"]),  # a Friday
    ("US-PA", "America/New_York", LIVE, "2026-10-17", ["08:00-21:00"]),  # a Saturday, before the change
    ("US-PA", "America/New_York", LIVE, "2026-10-18", []),  # a Sunday, after it
    ("US-PA", "America/New_York", LIVE, "2026-10-19", ["09:00-19:00"]),
    ("US-OR", "America/Los_Angeles", LIVE, "2025-12-31", ["08:00-21:00"]),
    ("US-OR", "America/Los_Angeles", LIVE, "2026-01-01", ["08:00-20:00"]),
    ("US-MS", "America/Chicago", LIVE, "2026-12-01", ["08:00-20:00"]),
    ("US-MS", "America/Chicago", LIVE, "2026-07-01", ["09:00-20:00"]),  # Central Standard Time is an hour behind
    ("US-NY", "America/New_York", LIVE, "2028-02-29", ["08:00-21:00"]),
    ("US-RI", "America/New_York", LIVE, "2028-02-29", ["09:00-18:00"]),
    ("US-NY", "America/New_York", LIVE, "2027-03-14", ["08:00-21:00"]),  # the clocks move
    ("US-NY", "America/New_York", LIVE, "2027-11-07", ["08:00-21:00"]),
    ("FR", "Europe/Paris", LIVE, "2026-12-01", ["10:00-13:00", "14:00-20:00"]),
    ("FR", "Europe/Paris", LIVE, "2027-03-29", []),  # Easter Monday
    ("FR", "Europe/Paris", LIVE, "2027-03-30", ["10:00-13:00", "14:00-20:00"]),
    ("FR", "Europe/Paris", LIVE, "2026-12-05", []),
    ("ES", "Europe/Madrid", LIVE, "2026-12-01", ["09:00-21:00"]),
    ("ES", "Europe/Madrid", LIVE, "2026-12-08", []),
    ("CA-ON", "America/Toronto", LIVE, "2026-12-01", ["09:00-21:30"]),
    ("CA-ON", "America/Toronto", LIVE, "2026-12-05", ["10:00-18:00"]),
    ("AU", "Australia/Lord_Howe", LIVE, "2027-04-05", ["09:00-20:00"]),
    ("AU", "Australia/Lord_Howe", LIVE, "2026-10-04", []),  # half an hour is skipped, on a Sunday
    ("AU", "Australia/Perth", Calling(Purpose.RESEARCH), "2026-11-29", ["09:00-17:00"]),
    ("ZA", "Africa/Johannesburg", LIVE, "2026-12-05", ["09:00-13:00"]),
    ("IN", "Asia/Kolkata", DEBT, "2026-12-01", ["08:00-19:00"]),
    ("US-NY", "America/New_York", DEBT, "2026-12-06", ["08:00-21:00"]),
    ("RE", "Indian/Reunion", LIVE, "2026-12-01", ["10:00-13:00", "14:00-20:00"]),  # French law
    ("US-PR", "America/Puerto_Rico", LIVE, "2026-12-01", ["08:00-21:00"]),
]


def at(zone: str, day: str, hour: str) -> datetime:
    return pytz.timezone(zone).localize(datetime.fromisoformat(f"{day}T{hour}:00")).astimezone(UTC)


@pytest.mark.parametrize(("area", "zone", "calling", "day", "spans"), SPANS)
def test_on_a_day_exactly_these_hours_are_open(
    area: str, zone: str, calling: Calling, day: str, spans: list[str]
) -> None:
    hours = lawful_hours(Place("", (zone,), (area,)), calling)
    edges = [(at(zone, day, start), at(zone, day, end)) for start, end in (span.split("-") for span in spans)]
    for opens, closes in edges:
        assert not hours.is_open(opens - SECOND)
        assert hours.is_open(opens)
        assert hours.next_open(opens - SECOND) == opens
        assert hours.is_open(closes - SECOND)
        assert not hours.is_open(closes)
        assert hours.next_close(opens) == closes
        assert hours.open_until(opens) == closes - 20 * SECOND
        assert hours.open_until(closes - 20 * SECOND) is None
    midnight, now = at(zone, day, "00:00"), at(zone, day, "00:00")
    found = []
    while (opens := hours.next_open(now)) is not None and opens < midnight + timedelta(hours=23):
        now = hours.next_close(opens)
        found.append((opens, now))
    assert found == edges


def test_in_two_places_the_hours_of_both_must_be_open() -> None:
    """Reg F's own example: a number of the East, an address in the West."""
    place = place_of("+12125550123", region="CA")
    hours = lawful_hours(place, DEBT)
    opens = hours.next_open(at("America/New_York", "2026-12-01", "00:00"))
    assert opens == at("America/New_York", "2026-12-01", "11:00")
    assert hours.next_close(opens) == at("America/New_York", "2026-12-01", "21:00")


def test_hours_without_one_in_common_are_never_open_and_are_not_looked_for_endlessly() -> None:
    place = Place("", ("America/New_York", "Asia/Tokyo"), ("FR",))
    assert lawful_hours(place, LIVE).next_open(at("Europe/Paris", "2026-12-01", "12:00")) is None
    decided = decide(place, LIVE, Consent.WRITTEN, at("Europe/Paris", "2026-12-01", "12:00"))
    assert (decided.verdict, decided.because[0].rule) == ("never", "hours.none_in_common")


def test_where_nobody_knows_the_place_nobody_is_called() -> None:
    now = at("America/New_York", "2026-12-01", "12:00")
    for place in (place_of("+18005550123"), Place("CA:", (), ("CA",)), Place("UTC", ("UTC",), ())):
        assert not lawful_hours(place, LIVE).is_open(now)
        decided = decide(place, LIVE, Consent.WRITTEN, now)
        assert (decided.verdict, decided.until, decided.because[0].rule) == ("wait", None, "place.unknown")


def test_somewhere_in_the_united_states_the_strictest_state_counts() -> None:
    place = place_of("+18005550123", country="US")
    hours = lawful_hours(place, AUTOMATED)
    monday = hours.next_open(at("America/New_York", "2026-12-05", "00:00"))
    assert monday == at("Pacific/Honolulu", "2026-12-07", "10:00")
    assert hours.next_close(monday) == at("America/New_York", "2026-12-07", "17:00")
    assert isinstance(consent_needed(place, AUTOMATED, monday), Prohibited)


CONSENTS = [
    ("US-NY", AUTOMATED, Consent.WRITTEN),
    ("US-NY", LIVE, Consent.NONE),
    ("US-FL", LIVE, Consent.WRITTEN),
    ("US-AZ", LIVE, Consent.EXPRESS),
    ("US-AZ", Calling(Purpose.TELEMARKETING, "live", "landline"), Consent.NONE),
    ("US-NY", Calling(Purpose.INFORMATIONAL), Consent.EXPRESS),
    ("US-NY", Calling(Purpose.INFORMATIONAL, line="landline"), Consent.NONE),
    ("US-NY", Calling(Purpose.HEALTH), Consent.NONE),
    ("US-NY", Calling(Purpose.FRAUD_ALERT), Consent.NONE),
    ("US-NY", Calling(Purpose.FRAUD_ALERT, line="landline"), Consent.EXPRESS),
    ("US-NY", Calling(Purpose.DEBT), Consent.EXPRESS),
    ("US-NY", DEBT, Consent.NONE),
    ("DE", LIVE, Consent.EXPRESS),
    ("PL", AUTOMATED, Consent.EXPRESS),
    ("PL", LIVE, Consent.NONE),
    ("GB", AUTOMATED, Consent.EXPRESS),
    ("CA-ON", AUTOMATED, Consent.EXPRESS),
    ("CH", AUTOMATED, Consent.NONE),
]


@pytest.mark.parametrize(("area", "calling", "needed"), CONSENTS)
def test_the_strongest_consent_is_needed(area: str, calling: Calling, needed: Consent) -> None:
    place = Place("", ("Etc/UTC",), (area,))
    assert consent_needed(place, calling, at("UTC", "2026-12-01", "12:00")) == needed


def test_what_no_consent_allows_is_prohibited() -> None:
    place = place_of("+12065550123")
    now = at("America/Los_Angeles", "2026-12-01", "12:00")
    prohibited = consent_needed(place, AUTOMATED, now)
    assert isinstance(prohibited, Prohibited)
    assert [rule.id for rule in prohibited.rules] == ["us.wa.adad"]
    assert decide(place, AUTOMATED, Consent.WRITTEN, now).verdict == "never"
    assert decide(place, LIVE, Consent.NONE, now).verdict == "dial"


def test_a_rule_holds_from_its_day_on_by_the_date_of_the_callee() -> None:
    place = place_of("+33612345678")
    eve = at("Europe/Paris", "2026-08-11", "00:00")
    assert consent_needed(place, LIVE, eve - SECOND) is Consent.NONE
    assert consent_needed(place, LIVE, eve) is Consent.EXPRESS
    late = decide(place, LIVE, Consent.NONE, at("Europe/Paris", "2026-08-10", "20:00"))
    assert (late.verdict, late.because[0].rule) == ("never", "fr.optin")  # when its hours come, it is in force


def test_rules_without_proof_warn_and_do_not_bind() -> None:
    now = at("Europe/Rome", "2026-12-01", "12:00")
    place = place_of("+390612345678")
    assert [rule.id for rule in rules_that_warn(place, AUTOMATED, now)] == ["it.code"]
    assert [rule.id for rule in rules_that_bind(place, AUTOMATED, now)] == ["eu.eprivacy"]
    assert all(rule.binding for rule in rules_that_bind(place, AUTOMATED, now))


def test_caps_are_those_of_every_place_and_of_an_exemption_only_where_it_is_used() -> None:
    now = at("America/New_York", "2026-12-01", "12:00")
    assert caps_for(place_of("+13055550123"), LIVE, now).caps == (Cap(3, 24),)
    assert caps_for(place_of("+12075550123"), AUTOMATED, now).caps == (Cap(1, 8),)
    assert caps_for(place_of("+12125550123"), DEBT, now) == Frequency((Cap(7, 169),), (Quiet("conversation", 169),))
    france = caps_for(place_of("+33612345678"), LIVE, now)
    assert france == Frequency((Cap(4, 721),), (Quiet("refusal", 61 * 24 + 1),))
    health = Calling(Purpose.HEALTH)
    assert caps_for(place_of("+12125550123"), health, now).caps == (Cap(1, 25), Cap(3, 169))
    assert caps_for(place_of("+12125550123"), health, now, Consent.EXPRESS).caps == ()


def test_the_call_beyond_a_cap_is_allowed_when_the_first_of_them_is_old_enough() -> None:
    now = at("UTC", "2026-12-01", "12:00")
    recent = tuple(now - timedelta(hours=n) for n in (1, 2, 3))
    assert allowed_at(History(recent), (Cap(4, 24),), (), now) == now
    freed = now - timedelta(hours=3) + timedelta(hours=24, seconds=28)
    assert allowed_at(History(recent), (Cap(3, 24),), (), now) == freed
    assert allowed_at(History(recent), (Cap(3, 24),), (), freed) == freed
    assert allowed_at(History(recent), (Cap(3, 24),), (), freed - SECOND) == freed
    assert allowed_at(History(refused_at=now), (), (Quiet("refusal", None),), now) is None


def test_a_conversation_on_thursday_blocks_to_thursday() -> None:
    thursday = at("America/New_York", "2026-08-13", "10:00")
    quiet = caps_for(place_of("+12125550123"), DEBT, thursday).quiet
    allowed = allowed_at(History(conversed_at=thursday), (), quiet, thursday)
    assert allowed is not None
    assert at("America/New_York", "2026-08-20", "00:00") <= allowed < at("America/New_York", "2026-08-20", "12:00")
