"""P14: what a claim costs over many places, beside one over one: a place is a key to look under, as a zone is."""

from __future__ import annotations

from statistics import median

from tests.bench.bare import Bare, bare
from tests.bench.claiming import CLAIM, CLAIMS, claim, empty
from tests.bench.effort import Effort
from tests.bench.report import Figure, say
from worker.dev.stack import Stack
from worker.domain.places import place_of

CONTACTS = 20_000
PLACES = 155
"""As many as the area codes of the United States and Canada come to, about."""
PLACED = """
WITH places AS (SELECT place, ord FROM unnest(CAST(:places AS text[])) WITH ORDINALITY AS p (place, ord)),
moved AS (
    UPDATE contacts k SET place = p.place FROM places p
    WHERE k.id LIKE :campaign || '%' AND p.ord = 1 + CAST(regexp_replace(k.id, '.*_', '') AS bigint) % :count
    RETURNING k.id, k.place),
keyed AS (
    UPDATE campaign_contacts cc SET zone = moved.place FROM moved WHERE cc.contact_id = moved.id)
INSERT INTO campaign_zones (campaign_id, zone) SELECT :id, place FROM places
"""
OPEN_ALL_DAY = """
UPDATE campaigns SET call_window_start = '00:00', call_window_end = '24:00', call_window_timezone = 'America/New_York'
"""


def measure(stack: Stack, effort: Effort) -> list[Figure]:
    """Claims of ten in turns: of contacts at one place, and at :data:`PLACES` of them, all open and due."""
    with bare(stack, "bench_places") as there:
        there.furnish()
        there.sql("""UPDATE teams SET policy = '{"zoneFromNumber": true}'""")
        count = effort.of(CONTACTS)
        one, many = (_load(there, name, count, n, places) for n, (name, places) in enumerate(
            {"camp_one": places_of_numbers(1), "camp_many": places_of_numbers(PLACES)}.items(), 2))  # fmt: skip
        there.sql(OPEN_ALL_DAY)
        there.vacuum()
        for campaign in (one, many):
            empty(there, campaign)
        made = []
        for n in range(effort.rounds):
            taken = [(claim(there, one, CLAIM), claim(there, many, CLAIM)) for _ in range(CLAIMS)]
            of_one, of_many = (median(seconds) for seconds in zip(*taken, strict=True))
            made.append((of_one, of_many))
            say(f"P14 round {n + 1}: {1000 * of_one:.1f} ms over one place, {1000 * of_many:.1f} ms over {PLACES}")
        there.check()
    of_one, of_many = (median(seconds) for seconds in zip(*made, strict=True))
    return [
        Figure("P14", f"P14 claim of {CLAIM} over {PLACES} places", 1000 * of_many, 1000 * of_one, "ms",
             reference="over one", ratio=of_many / of_one, at_most=1.3, rounds=[b / a for a, b in made]),
    ]  # fmt: skip


def places_of_numbers(most: int) -> list[str]:
    """Different places of area codes of the United States and Canada; where they come to fewer, with a zone beside."""
    codes = (place_of(f"+1{area}5550101") for area in range(201, 990))
    found = dict.fromkeys(place.code for place in codes if place.zones)
    stated = (
        place_of(f"+1{area}5550101", timezone="America/New_York") for area in range(201, 990)
    )  # as many have one that is not of their number
    found |= dict.fromkeys(place.code for place in stated if place.zones)
    assert len(found) >= most, f"{len(found)} places"
    return list(found)[:most]


def _load(there: Bare, name: str, count: int, digit: int, places: list[str]) -> str:
    campaign = there.load(name, count, digit=digit, limit=CLAIM)
    values = {"places": places, "count": len(places), "campaign": f"cont_{name}_", "id": campaign}
    there.sql(PLACED, **values)
    there.sql("DELETE FROM campaign_zones WHERE campaign_id = :id AND zone = ''", id=campaign)
    return campaign
