"""By whose clock a contact is called: by their own zone's, or by the campaign's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytz

from worker.domain.places import expand

USE_CONTACT_TIMEZONE = "useContactTimezone"
"""The key of a campaign's ``settings``; where it is false, everybody is called by the campaign's clock."""


def uses_own_zones(settings: Mapping[str, Any]) -> bool:
    """Whether contacts that have a time zone of their own are called by it."""
    return bool(settings.get(USE_CONTACT_TIMEZONE, True))


def clock_zone(settings: Mapping[str, Any], own: str, campaign_zone: str) -> str:
    """The zone by whose clock a contact is called, whose ``own`` zone, or place, is '' where it has none. Of a place
    with several zones it is the first one."""
    if not own or not uses_own_zones(settings):
        return campaign_zone
    if own in pytz.all_timezones_set:
        return own
    if zones := expand(own).zones:
        return zones[0]
    return campaign_zone if ":" in own else own
