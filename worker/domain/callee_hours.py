"""What hour it is where people are that are called by a campaign's clock.

Whoever has no time zone of their own is called by the campaign's, wherever their number is, unless the campaign or its
team has turned places on. What is known is said: how many cannot be in the campaign's zone, and what hour it is where
they are. Where somebody may be :mod:`worker.domain.places` says; a mobile number of a country with several zones may be
in any of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from worker.domain.window import local_time

MOST_PLACES = 3

Zones = tuple[str, ...]
"""The zones somebody may be in; none where that is not known."""


def warning(numbers: Mapping[Zones, int], zone: str, now: datetime, *, of: str) -> str | None:
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
