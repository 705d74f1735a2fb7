"""What is said of a campaign that is accepted as it was sent, though it may not be what was meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker.domain.settings_spelling import misspelt
from worker.domain.zone_words import meant_by


def warnings_of(sent: Mapping[str, Any]) -> list[str]:
    """A sentence for each thing to look at again, about the fields sent, in the names of the API page. The fields have
    been checked; those left out are not spoken of."""
    return [*_of_zone(sent.get("callWindowTimezone")), *misspelt(sent.get("settings") or {})]


def _of_zone(zone: str | None) -> list[str]:
    """Any IANA name is a campaign's zone; one without summer time is often not the one that was meant."""
    choices = meant_by(zone) if zone else ()
    if not choices:
        return []
    return [
        f"callWindowTimezone: {zone} has no summer time, so its hours are not those of people's clocks all year; "
        f"if the clock of {' or '.join(choices)} is meant, write that."
    ]
