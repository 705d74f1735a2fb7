"""By whose clock a contact is called: by their own zone's, or by the campaign's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

USE_CONTACT_TIMEZONE = "useContactTimezone"
"""The key of a campaign's ``settings``; where it is false, everybody is called by the campaign's clock."""


def uses_own_zones(settings: Mapping[str, Any]) -> bool:
    """Whether contacts that have a time zone of their own are called by it."""
    return bool(settings.get(USE_CONTACT_TIMEZONE, True))


def clock_zone(settings: Mapping[str, Any], own: str, campaign_zone: str) -> str:
    """The zone by whose clock a contact is called, whose ``own`` zone is '' where it has none."""
    return own if own and uses_own_zones(settings) else campaign_zone
