"""Make ``nanp.toml``: where the area codes of North America are (``python -m worker.law.build_places``).

The zones of an area code are the union of the sources, within those of its state (``regions.toml``): all that
libphonenumber has for any of its exchanges (Apache-2.0, through the package phonenumbers), and the table below, of the
boundaries of 49 CFR 71 and of overlays. libphonenumber alone is not enough: of an overlay it knows one zone of several
(448, 364, 930, 458), and of 689 (Orlando) the wrong one.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import phonenumbers
import pytz
from phonenumbers import PhoneMetadata
from phonenumbers.geodata import GEOCODE_DATA
from phonenumbers.tzdata import TIMEZONE_DATA

HERE = Path(__file__).parent
HEAD = (
    f"# Made by `python -m worker.law.build_places` with phonenumbers {phonenumbers.__version__}.\n"
    "# Area codes by where they are: states (or the country), zones.\n"
)
OTHER_NAMES = {
    "Washington State": "US-WA",
    "Washington D.C.": "US-DC",
    "British Colombia": "CA-BC",
}
OVERLAYS = {
    "448": "850", "364": "270", "930": "812", "458": "541", "986": "208", "531": "402", "879": "709", "236": "250",
    "257": "250", "672": "250", "778": "250", "367": "418", "581": "418", "474": "306", "639": "306", "782": "902",
}  # fmt: skip
"""An overlay → the area code in whose area it is given out."""
SPLIT = {
    "208", "219", "250", "270", "306", "308", "418", "423", "541", "574", "605", "606", "620", "701", "709", "775",
    "785", "807", "812", "850", "867", "902", "906", "907", "928",
}  # fmt: skip
"""Area codes that lie in all zones of their state, whatever a source has of them."""
OF_SEVERAL = {
    "867": ("CA-NT", "CA-NU", "CA-YT"),
    "902": ("CA-NS", "CA-PE"),
    "782": ("CA-NS", "CA-PE"),
}
"""Area codes that several provinces share."""
WRONG = {"689": "America/New_York"}
"""Where a source is known to be wrong: Orlando."""
SAME_CLOCK = {
    "America/Boise": "America/Denver",
    "America/North_Dakota/Center": "America/Chicago",
    "America/Juneau": "America/Anchorage",
    "America/St_Thomas": "America/Puerto_Rico",
    "Pacific/Saipan": "Pacific/Guam",
}


def table() -> dict[str, list[str]]:
    """The area codes of each place."""
    regions = tomllib.loads((HERE / "regions.toml").read_text("utf-8"))
    of_state = {state: zones.split() for state, zones in regions["zones"].items()}
    states = {state: name for state, name in regions["names"].items() if state.startswith(("US-", "CA-"))}
    by_name = {said: state for state, name in states.items() for said in (name, state[3:])} | OTHER_NAMES
    found: dict[str, list[str]] = defaultdict(list)
    for area_code in sorted(_named_zones()):
        country = _country(area_code)
        if country in regions["renamed"]:
            areas: tuple[str, ...] = (regions["renamed"][country],)
        elif country:
            areas = (country,)
        else:
            areas = _states(area_code, by_name)
        known = [zone for area in areas for zone in of_state.get(area, pytz.country_timezones.get(area, ()))]
        zones = _zones(area_code, known)
        if not zones:
            raise ValueError(f"{area_code}: no source has a zone of {', '.join(areas)}.")
        found[f"{','.join(areas)}:{','.join(sorted(zones))}"].append(area_code)
    return found


def _country(area_code: str) -> str | None:
    """Whose it is, if neither the United States' nor Canada's."""
    for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1]:
        data = PhoneMetadata.metadata_for_region(region)
        if data and data.leading_digits and re.match(data.leading_digits, area_code + "2345678"):
            return str(region)
    return None


def _states(area_code: str, by_name: dict[str, str]) -> tuple[str, ...]:
    """The state that the source names for most of its exchanges: a town on a border may be called by the other one."""
    if area_code in OF_SEVERAL:
        return OF_SEVERAL[area_code]
    named = Counter(by_name[said] for said in _said()[area_code] if said in by_name)
    return (named.most_common(1)[0][0],)


@cache
def _said() -> dict[str, list[str]]:
    """What libphonenumber says of the exchanges of each area code: a state, or a town and the letters of its state."""
    said: dict[str, list[str]] = defaultdict(list)
    for prefix, text in GEOCODE_DATA.items():
        if prefix.startswith("1") and len(prefix) >= 4:
            said[prefix[1:4]].append(text.get("en", "").rpartition(", ")[2])
    return said


@cache
def _named_zones() -> dict[str, set[str]]:
    """The zones that libphonenumber has for any exchange of each area code."""
    named: dict[str, set[str]] = defaultdict(set)
    for prefix, zones in TIMEZONE_DATA.items():
        if prefix.startswith("1") and len(prefix) >= 4:
            named[prefix[1:4]] |= {SAME_CLOCK.get(zone, zone) for zone in zones}
    return named


def _zones(area_code: str, known: list[str]) -> set[str]:
    """Those of the ``known`` zones of its state in which it may be; none where the sources name no such zone."""
    like = OVERLAYS.get(area_code, area_code)
    if like in SPLIT:
        return set(known)
    if area_code in WRONG:
        return {WRONG[area_code]}
    named = _named_zones()[area_code] | _named_zones()[like]
    return named & set(known) or (set(known) if len(set(known)) == 1 else set())


def text() -> str:
    """The file."""
    return HEAD + "".join(f'"{place}" = "{" ".join(codes)}"\n' for place, codes in sorted(table().items()))


if __name__ == "__main__":
    (HERE / "nanp.toml").write_text(text(), "utf-8")
