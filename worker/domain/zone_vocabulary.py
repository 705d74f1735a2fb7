"""What people and calendars call time zones beside the names of the database: areas, and places with one clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

AREAS: Mapping[str, Sequence[str]] = {
    "eastern": ("EST", "AEST"), "et": ("EST",), "central": ("CST", "ACST"), "ct": ("CST",), "mountain": ("MST",),
    "mt": ("MST",), "pacific": ("PST",), "pt": ("PST",), "atlantic": ("AST",), "at": ("AST",), "western": ("AWST",),
    "alaska": ("AKST",), "alaskan": ("AKST",), "akt": ("AKST",), "newfoundland": ("NST",), "nt": ("NST",),
    "australian eastern": ("AEST",), "australian central": ("ACST",), "australian western": ("AWST",), "aet": ("AEST",),
    "central european": ("CET",), "central europe": ("CET",), "mez": ("CET",), "mesz": ("CET",),
    "eastern european": ("EET",), "eastern europe": ("EET",), "western european": ("WET",), "western europe": ("WET",),
    "new zealand": ("NZST",), "greenwich mean": ("GMT",),
}  # fmt: skip
"""Areas, with what their winter's time is called for short."""

SUMMER: Mapping[str, str] = {
    "EST": "EDT", "CST": "CDT", "MST": "MDT", "PST": "PDT", "AST": "ADT", "AKST": "AKDT", "NST": "NDT", "NZST": "NZDT",
    "CET": "CEST", "EET": "EEST", "WET": "WEST",
}  # fmt: skip
"""What the summer's time is called where an area is its zones with summer time: in the United States Mountain is
Denver, and Phoenix says Arizona. Areas that are not here, those of Australia, are all that go by the winter's."""

NAMED: Mapping[str, str] = {
    "hawaii": "Pacific/Honolulu", "hawaiian": "Pacific/Honolulu", "hawaii-aleutian": "Pacific/Honolulu",
    "arizona": "America/Phoenix", "indiana (east)": "America/Indiana/Indianapolis", "saskatchewan": "America/Regina",
    "yukon": "America/Whitehorse", "azores": "Atlantic/Azores", "greenland": "America/Nuuk",
    "central america": "America/Guatemala", "cape verde": "Atlantic/Cape_Verde",
    "cabo verde is.": "Atlantic/Cape_Verde",
    "british": "Europe/London", "uk": "Europe/London", "edinburgh": "Europe/London", "irish": "Europe/Dublin",
    "bern": "Europe/Zurich", "munich": "Europe/Berlin", "hamburg": "Europe/Berlin", "frankfurt": "Europe/Berlin",
    "st. petersburg": "Europe/Moscow", "pretoria": "Africa/Johannesburg", "arabia": "Asia/Riyadh",
    "abu dhabi": "Asia/Dubai", "gulf": "Asia/Dubai", "islamabad": "Asia/Karachi", "indian": "Asia/Kolkata",
    "chennai": "Asia/Kolkata", "mumbai": "Asia/Kolkata", "new delhi": "Asia/Kolkata", "delhi": "Asia/Kolkata",
    "beijing": "Asia/Shanghai", "osaka": "Asia/Tokyo", "hanoi": "Asia/Ho_Chi_Minh", "canberra": "Australia/Sydney",
    "wellington": "Pacific/Auckland", "brasilia": "America/Sao_Paulo", "montreal": "America/Toronto",
    "boston": "America/New_York", "washington d.c.": "America/New_York", "washington dc": "America/New_York",
    "miami": "America/New_York", "atlanta": "America/New_York", "philadelphia": "America/New_York",
    "dallas": "America/Chicago", "houston": "America/Chicago", "las vegas": "America/Los_Angeles",
    "sgt": "Asia/Singapore", "salvador": "America/Bahia", "city of buenos aires": "America/Argentina/Buenos_Aires",
    "chetumal": "America/Cancun", "sri jayawardenepura": "Asia/Colombo", "rangoon": "Asia/Yangon",
    "west central africa": "Africa/Lagos", "san francisco": "America/Los_Angeles",
    "seattle": "America/Los_Angeles", "coordinated universal": "UTC",
}  # fmt: skip
"""Places that are no city of the database and have one clock."""

IN: Mapping[str, Sequence[str]] = {
    "us": ("US",), "usa": ("US",), "u.s.": ("US",), "us & canada": ("US",), "us and canada": ("US",), "canada": ("CA",),
    "mexico": ("MX",), "australia": ("AU",),
}  # fmt: skip
"""The countries that stand in brackets behind an area."""
