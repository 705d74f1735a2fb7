"""The law as the product has it, against another reading of the same facts."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.domain.test_places import NUMBERS
from tests.law import independent
from tests.law.independent import FACTS, Call
from worker.domain.law import Calling, Consent, Purpose
from worker.domain.places import Place, expand, place_of
from worker.domain.verdict import decide
from worker.law.words import PURPOSES

ZONES = {
    "US": ["America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles",
           "America/Anchorage", "Pacific/Honolulu"],
    "CA": ["America/St_Johns", "America/Toronto", "America/Vancouver"],
    "AU": ["Australia/Perth", "Australia/Lord_Howe"],
    "ES": ["Europe/Madrid", "Atlantic/Canary"], "FR": ["Europe/Paris"], "DE": ["Europe/Berlin"],
    "GB": ["Europe/London"], "IN": ["Asia/Kolkata"], "ZA": ["Africa/Johannesburg"], "PL": ["Europe/Warsaw"],
    "JP": ["Asia/Tokyo"], "CH": ["Europe/Zurich"],
}  # fmt: skip
STATES = sorted({fact["place"] for fact in FACTS if "-" in fact["place"]} | {"US-OH", "US-VT", "US-HI"})
PLACED = [each for each in NUMBERS if each[1]]
"""Numbers, and where they are: known by the test, not by the product."""
MOVED = ["2026-03-08", "2026-11-01", "2027-03-14", "2027-11-07", "2026-03-29", "2026-10-25", "2027-03-28", "2027-10-31"]
NOTABLE = [
    *MOVED, "2026-10-17", "2026-10-18", "2027-07-24", "2027-12-31", "2028-01-01", "2028-02-29", "2026-08-10",
    "2026-08-11", "2026-07-03", "2027-03-29", "2026-11-27", "2025-12-31", "2026-01-01", "2027-02-09", "2027-08-09",
]  # fmt: skip


def case(dice: random.Random) -> tuple[Place, Call, int, datetime]:
    """A place, a call there, the consent to it, an instant: more often on notable days and at bounds than by chance."""
    country = dice.choice(["US"] * 4 + [*ZONES])
    areas = sorted(dice.sample(STATES, dice.choice([1, 1, 2]))) if country == "US" else [country]
    if dice.random() < 0.03:
        areas = ["US"] if country == "US" else sorted({country, "FR", "US-TX"})
    zones = sorted({dice.choice(ZONES[country]) for _ in range(dice.choice([1, 1, 2]))})
    place = Place("", tuple(zones), tuple(areas))
    if dice.random() < 0.3:  # by its number, and by the code it is kept by
        number, areas, zones = dice.choice(PLACED)
        place = dice.choice([place_of(number), expand(place_of(number).code)])
    call = Call(
        tuple(areas), tuple(zones), dice.choice(["telemarketing"] * 4 + [*PURPOSES]),
        dice.choice(["automated", "live"]), dice.choice(["mobile", "landline"]),
    )  # fmt: skip
    day = datetime.fromisoformat(dice.choice(NOTABLE)).replace(tzinfo=UTC) + timedelta(days=dice.choice([0, 0, -1, 1]))
    second = dice.choice([dice.randrange(86_400), dice.randrange(48) * 1800 - dice.choice([0, 1]) + 1800])
    return place, call, dice.choice([0, 1, 2, 2]), day + timedelta(seconds=second)


def check(place: Place, call: Call, consent: int, at: datetime, *, with_until: bool) -> None:
    """Both readings agree. Where they say to wait, and it is to be walked, they agree until when."""
    calling = Calling(Purpose(call.purpose), call.voice, call.line)
    decided = decide(place, calling, Consent(consent), at)
    expected = independent.verdict(call, consent, at)
    if decided.verdict == "never" and expected == "wait":  # a rule that begins before its hours
        assert independent.needed(call, independent.first_open(call, at) or at) > consent, (call, consent, at)
        return
    assert decided.verdict == expected, (call, consent, at, decided)
    if decided.verdict == "wait" and with_until:
        assert decided.until == independent.first_open(call, at), (call, consent, at, decided)


@pytest.mark.parametrize("seed", range(2))
def test_two_readings_of_the_facts_agree(seed: int) -> None:
    dice = random.Random(seed)
    for n in range(1000):
        check(*case(dice), with_until=n % 50 == 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_two_readings_of_the_facts_agree_a_hundred_thousand_times(seed: int) -> None:
    dice = random.Random(seed)
    for n in range(10_000):
        check(*case(dice), with_until=n % 20 == 0)
