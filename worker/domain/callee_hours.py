"""What hour it is where numbers are that are called by a campaign's clock.

Whoever has no time zone of their own is called by the campaign's, wherever their number is: the number says where it
was given out, not where they live. What is known is said: how many of the numbers cannot be in the campaign's zone, and
what hour it is where they are. The places are those libphonenumber has for the longest known beginning of a number; a
mobile number of a country with several zones may be in any of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType
from phonenumbers.phonenumberutil import is_number_type_geographical
from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

from worker.domain.window import local_time

MOST_PLACES = 3
BEGINNING = 8
"""Characters of a number that say of which kind it is, the plus among them."""
BEGINNINGS_REMEMBERED = 4096

Places = tuple[str, ...]
"""The zones a number may be in."""


def places_of(e164: str) -> Places:
    """The zones a number that can be called may be in; none where that is not known."""
    known = e164[1 : 1 + TIMEZONE_LONGEST_PREFIX]
    for length in range(_known_by_digits(e164[:BEGINNING], len(e164)), 0, -1):
        places: Places | None = TIMEZONE_DATA.get(known[:length])
        if places is not None:
            return places
    return ()


@lru_cache(maxsize=BEGINNINGS_REMEMBERED)
def _known_by_digits(beginning: str, length: int) -> int:
    """How many digits of the numbers that begin so say where they are: of a landline's all there are, of a mobile's in
    most countries the country code alone, of one that is none nothing. Numbers that begin alike are of one kind."""
    try:
        number = phonenumbers.parse(beginning.ljust(length, "5"))
    except phonenumbers.NumberParseException:
        return 0
    kind = phonenumbers.number_type(number)
    country_code = number.country_code or 0
    if kind != PhoneNumberType.UNKNOWN and is_number_type_geographical(kind, country_code):
        return int(TIMEZONE_LONGEST_PREFIX)
    return len(str(country_code))


def warning(numbers: Mapping[Places, int], zone: str, now: datetime, *, of: str) -> str | None:
    """A sentence about the numbers, counted by where they may be, that cannot be in the zone; ``None`` where all can.
    A number can be in it if the clock there reads the same ``now`` (business time). ``of`` says what was counted:
    ``40 contacts without a time zone of their own``."""
    here = local_time(now, zone)
    elsewhere: Counter[tuple[str, str]] = Counter()
    named: dict[tuple[str, str], str] = {}
    for places, count in sorted(numbers.items(), key=lambda item: -item[1]):
        there = sorted(at for at in (local_time(now, place) for place in places) if at is not None)
        there.sort(key=lambda at: at.replace(tzinfo=None))
        if here is None or not there or any(at.utcoffset() == here.utcoffset() for at in there):
            continue
        hours = f"{there[0]:%H:%M}", f"{there[-1]:%H:%M}"
        elsewhere[hours] += count
        named.setdefault(hours, places[0])
    if not elsewhere:
        return None
    found = [(count, named[hours], hours) for hours, count in elsewhere.most_common()]
    rest = sum(count for count, _, _ in found[MOST_PLACES:])
    described = [*(_place(*each) for each in found[:MOST_PLACES]), *([f"{rest} elsewhere"] if rest else [])]
    return (
        f"{elsewhere.total()} of {of} have numbers that cannot be in {zone}, by whose clock they are called: "
        f"{', '.join(described)}. Give them a timezone, or they may be called at such hours."
    )


def _place(count: int, place: str, hours: Sequence[str]) -> str:
    first, last = hours
    return f"{count} in places such as {place}, where it is {first if first == last else f'{first} to {last}'} now"
