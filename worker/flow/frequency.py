"""How often a number may be called in a campaign: the rules in force, and what they say of whom a claim has picked.

The rules are the law's where the campaign has a purpose, the team's, and the campaign's own; all of them hold. A
contact whose number has had its calls waits until the instant at which the next one is allowed. Where a crowd of such
contacts stands in front of others, it is put off by a few statements (:func:`park`), outside the claim and its locks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

import structlog

from worker.domain.call_hours import Rules, caps_at
from worker.domain.frequency import Frequency, History, Rest, frequency_of, resting
from worker.domain.places import place_of
from worker.flow.base import Dialer
from worker.law.words import Consent
from worker.store import call_history
from worker.store.call_history import CallHistory
from worker.store.candidates import Candidate
from worker.store.database import transact

log = structlog.get_logger()

CROWD = 100
"""So many contacts that may not be called yet, found by one round of a fill, are put off together with their like."""
PARKED_AT_ONCE = 10_000
"""How many due contacts one statement looks at."""


class Limited(Protocol):
    """What of a campaign says how often its callees may be called."""

    frequency: Sequence[Mapping[str, Any]] | None
    team_frequency: Sequence[Mapping[str, Any]] | None
    rules: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Crowd:
    """The contacts of a campaign in a zone, and the rules (JSON) that keep many of them from being called."""

    campaign_id: str
    zone: str
    rules: str


def rules_for(
    campaign: Limited, zone: str, now: datetime, consent: Consent, *, second_number: str | None = None
) -> Frequency:
    """What holds for a call of the campaign to a contact that waits in this zone, or place, and has given this consent.
    A ``second_number`` may be somewhere else: the rules of both places hold."""
    frequency = frequency_of(campaign.team_frequency, campaign.frequency)
    if campaign.rules is None:
        return frequency
    rules = Rules.of(campaign.rules)
    for key in [zone] if second_number is None else [zone, place_of(second_number).code]:
        frequency |= caps_at(key, rules, now, consent)
    return frequency


def is_limited(campaign: Limited, zone: str, now: datetime) -> bool:
    """Whether any caps or quiet times may hold for contacts that wait in this zone, or place."""
    return bool(rules_for(campaign, zone, now, Consent.NONE))


def crowd_of(campaign: Candidate, campaign_id: str, zone: str) -> Crowd:
    """Contacts of the campaign in this zone, by the rules that hold whatever consent they have given."""
    return Crowd(campaign_id, zone, as_json(rules_for(campaign, zone, campaign.now, max(Consent))))


@lru_cache(maxsize=1024)
def as_json(frequency: Frequency) -> str:
    """The rules as they are stored."""
    rules = [{"calls": cap.calls, "hours": cap.hours} for cap in frequency.caps]
    return json.dumps([*rules, *({"after": quiet.after, "hours": quiet.hours} for quiet in frequency.quiet)])


def rest_of(known: CallHistory, frequency: Frequency, now: datetime) -> Rest | None:
    """Why this number may not be called ``now``, and until when; ``None`` where it may be."""
    return resting(History(known.recent or (), known.conversed_at, known.refused_at), frequency, now)


def put_back_capped(dialer: Dialer, team_id: str, campaign_id: str | None = None) -> list[str]:
    """Have those looked at again who wait for their number to be called less often, of a campaign or of the whole team:
    the rules have changed. The campaigns they are in."""
    return transact(dialer.db, lambda conn: call_history.free(conn, team_id, campaign_id))


def park(dialer: Dialer, crowd: Crowd) -> None:
    """Put these contacts off, as long as most of those that stand first may not be called."""
    while True:
        found = transact(
            dialer.db,
            lambda conn: call_history.park(conn, crowd.campaign_id, crowd.zone, crowd.rules, most=PARKED_AT_ONCE),
        )
        log.info("contacts_parked", campaign_id=crowd.campaign_id, contacts=found.parked, looked_at=found.looked_at)
        if found.looked_at < PARKED_AT_ONCE or found.parked < found.looked_at // 2:
            return
