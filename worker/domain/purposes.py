"""What calls are for, in the words of the facts that the rules are made of."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """What a campaign's calls are for. Which rules that brings with it is said by :mod:`worker.domain.law`."""

    TELEMARKETING = "telemarketing"
    DEBT = "debt"
    INFORMATIONAL = "informational"
    HEALTH = "health"
    RESEARCH = "research"
    NONPROFIT = "nonprofit"
    NON_COMMERCIAL = "non_commercial"
    FRAUD_ALERT = "fraud_alert"


PURPOSES = tuple(each.value for each in Purpose)
