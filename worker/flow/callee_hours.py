"""Warn whoever runs a campaign, or imports into it, of numbers that are where it is another hour."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from worker.domain.callee_hours import Zones, warning
from worker.domain.places import Place, expand, place_of
from worker.domain.whose_clock import uses_own_zones
from worker.store.campaigns import CampaignRow
from worker.store.crm import callees

MOST_LOOKED_AT = 1000
"""Contacts a run looks at, however many wait: those due first."""


@dataclass(slots=True)
class ByClock:
    """The lines of a file that a campaign calls by its own clock, ``counted`` by where they may be. None where the file
    goes into no campaign, into one without a window, which calls at any hour, or into one that goes by places."""

    campaign: CampaignRow | None
    counted: Counter[Zones] = field(default_factory=Counter)

    def add(self, place: Place, zone: str | None) -> None:
        """A line of somebody who may be there, with this zone of its own."""
        campaign = self.campaign
        if campaign is None or not _goes_by_its_clock(campaign) or (zone and uses_own_zones(campaign.settings)):
            return
        self.counted[place.zones] += 1

    def warnings(self) -> tuple[str, ...]:
        """What to warn of about them."""
        campaign = self.campaign
        if campaign is None or campaign.call_window_timezone is None or not self.counted:
            return ()
        who = f"{self.counted.total()} lines"
        own = uses_own_zones(campaign.settings)
        return _warnings(
            self.counted, campaign.call_window_timezone, campaign.now, f"{who} without a time zone" if own else who
        )


def warnings_of_run(conn: Connection, campaign: CampaignRow) -> tuple[str, ...]:
    """What to warn of about those that wait. Nothing of a campaign without a window, which calls at any hour, nor of
    one that goes by places."""
    if campaign.call_window_timezone is None or not _goes_by_its_clock(campaign):
        return ()
    own = uses_own_zones(campaign.settings)
    found = callees.waiting_places(conn, campaign.id, with_own_zone=not own, most=MOST_LOOKED_AT)
    counted = Counter((expand(row.place) if row.place else place_of(row.phone_e164)).zones for row in found)
    who = f"{'the first ' if len(found) == MOST_LOOKED_AT else ''}{len(found)} contacts that wait"
    of = f"{who} without a time zone of their own" if own else who
    return _warnings(counted, campaign.call_window_timezone, campaign.now, of)


def _goes_by_its_clock(campaign: CampaignRow) -> bool:
    """Whether those without a zone of their own are called by the campaign's clock, wherever they are."""
    return campaign.call_window_timezone is not None and campaign.rules is None


def _warnings(counted: Counter[Zones], zone: str, now: datetime, of: str) -> tuple[str, ...]:
    sentence = warning(counted, zone, now, of=of)
    return () if sentence is None else (sentence,)
