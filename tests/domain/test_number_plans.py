"""The quick answer about a number is libphonenumber's own, for every plan it knows."""

from __future__ import annotations

import random
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumber, PhoneNumberType

from worker.domain.number_plans import may_be_called

KINDS = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager", "uan",
    "voicemail", "general_desc",
)  # fmt: skip
NOT_CALLED = (PhoneNumberType.UNKNOWN, PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST)
AT_RANDOM, AROUND = 400, 12


def by_library(country_code: int, national: str) -> bool:
    return phonenumbers.number_type(PhoneNumber(country_code, int(national))) not in NOT_CALLED


def examples(country_code: int) -> Iterator[str]:
    """A number of each kind in each country of the code, as the library has them."""
    for region in COUNTRY_CODE_TO_REGION_CODE[country_code]:
        data = PhoneMetadata.metadata_for_region_or_calling_code(country_code, region)
        for kind in KINDS:
            desc = getattr(data, kind, None)
            if desc is not None and desc.example_number:
                yield desc.example_number


def numbers(country_code: int, chance: random.Random) -> Iterator[str]:
    """The examples, numbers that differ from them in one or two digits or in length, and any."""
    for example in examples(country_code):
        yield example
        for at in range(len(example)):
            for digit in "0123456789":
                yield example[:at] + digit + example[at + 1 :]
        for _ in range(AROUND):
            digits = list(example)
            for _ in range(2):
                digits[chance.randrange(len(digits))] = chance.choice("0123456789")
            yield "".join(digits)
        yield example[:-1]
        yield example + chance.choice("0123456789")
    for _ in range(AT_RANDOM):
        yield "".join(chance.choices("0123456789", k=chance.randint(4, 14)))


@pytest.mark.parametrize("country_code", sorted(COUNTRY_CODE_TO_REGION_CODE))
def test_a_plan_answers_as_the_library_does(country_code: int) -> None:
    chance = random.Random(country_code)
    made = {number for number in numbers(country_code, chance) if number and not number.startswith("0")}
    assert len(made) > AT_RANDOM / 2
    differing = [n for n in made if may_be_called(country_code, n) != by_library(country_code, n)]
    assert differing == []


def test_every_area_code_and_exchange_of_north_america_answers_as_the_library_does() -> None:
    heads = [f"{area}{exchange}" for area in range(200, 1000) for exchange in (200, 211, 265, 500, 555, 900, 976)]
    numbers = [f"{head}{line:04d}" for head in heads for line in (0, 100, 2671, 9999)]
    assert [n for n in numbers if may_be_called(1, n) != by_library(1, n)] == []
