"""The words of the packs: what a call is for, who speaks, what kind of line, and what consent there is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Literal, get_args


class Purpose(StrEnum):
    """What a call is for. A call that sells anything, or leads to a sale, is ``telemarketing``."""

    TELEMARKETING = "telemarketing"
    INFORMATIONAL = "informational"
    NON_COMMERCIAL = "non_commercial"
    NONPROFIT = "nonprofit"
    HEALTH = "health"
    FRAUD_ALERT = "fraud_alert"
    DEBT = "debt"
    RESEARCH = "research"


MEANING: Mapping[Purpose, str] = {
    Purpose.TELEMARKETING: "sells something, or leads to a sale",
    Purpose.INFORMATIONAL: "of a commercial caller, and sells nothing: an appointment, a delivery",
    Purpose.NON_COMMERCIAL: "of no commercial purpose",
    Purpose.NONPROFIT: "by a tax-exempt organisation, or for one",
    Purpose.HEALTH: "by a health provider to a patient",
    Purpose.FRAUD_ALERT: "by a bank, of suspicious transactions",
    Purpose.DEBT: "collects a debt",
    Purpose.RESEARCH: "an opinion poll or a survey",
}


class Consent(IntEnum):
    """What the called party has agreed to, the least first; what is more covers what is less."""

    NONE = 0
    EXPRESS = 1
    WRITTEN = 2


Voice = Literal["automated", "live"]
Line = Literal["mobile", "landline"]
VOICES: tuple[str, ...] = get_args(Voice)
LINES: tuple[str, ...] = get_args(Line)
PURPOSES = tuple(each.value for each in Purpose)
EVIDENCE = ("primary", "quoted", "secondary")
"""How well a rule is proven; what is ``secondary`` warns and does not bind."""
DAYS = ("mon-fri", "sat", "sun")
CALLED_PARTY = "called_party"
"""The clock of whoever is called; any other is the name of a zone."""
