"""What decides whether a campaign dials, as it was read at one instant; :mod:`worker.domain.activity` says it in a
sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from worker.domain.model import CampaignStatus
from worker.domain.standstill import Standstill
from worker.domain.waits import Waits


class Full(StrEnum):
    """Which scope of a caller ID has no room for a further call."""

    NUMBER = "number"
    ACCOUNT = "account"
    RATE = "rate"  # as many calls of its carrier account wait to be sent as it lets out in two seconds


class Away(StrEnum):
    """What is missing that every campaign needs."""

    REDIS = "redis"
    BROKER = "broker"
    TICK = "tick"  # nobody ticks: there is no beat, or no worker


@dataclass(frozen=True, slots=True)
class CallerIdState:
    """One caller ID: whether the planner may use it, and if not, why: it or its carrier account is not enabled,
    or backs off ``resting_until`` (machine time), or its account failed too often (``is_tripped``) and one call tries
    it just now (``is_probed``). ``full`` says which of the two can carry no further call, ``channels`` how many its
    carrier seems to allow the account at once, where as many are live."""

    number: str
    is_usable: bool
    is_enabled: bool = True
    disabled_reason: str | None = None
    is_account_enabled: bool = True
    resting_until: datetime | None = None
    is_account_resting: bool = False
    resting_reason: str | None = None
    is_tripped: bool = False
    is_probed: bool = False
    full: Full | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides whether a campaign dials. Instants are business time but for the caller IDs'.

    ``next_due_at`` is when the first waiting contact is due (``None``: nobody waits), ``opens_at`` when the first one
    is due with its call window open (``None``: none ever opens, or none before the end of the campaign: then
    ``opens_after_end`` is when), both now or later;
    ``is_due_then`` where what comes then is that one falls due, not that a window opens. ``budget`` is what is left
    of the run's calls (``None``: no cap). ``silent_seconds`` is how long nobody has ticked (``None``: never).
    ``capped`` of those who wait have had as many calls as their number may have, by the ``caps`` in words.
    ``awaited`` is how many contacts wait for the outcome of a call that has ended. ``missed_start_at`` is when a draft
    was to start and did not, because nobody was at work, or it ``lacks_purpose``, as it still does; ``left`` counts the
    contacts that were cancelled, as those are who wait when the campaign ends. Where it ``is_closing`` it has ended,
    but for its live calls. ``planned`` is how many calls a fill would ask for now; where it would ask for none,
    ``is_campaign_full`` and ``is_team_full`` say that these may have no further call at once. ``still`` is what of the
    campaign stands still. ``failover_held_until`` (machine time) is set while calls that a failover of the database may
    have lost keep others from being placed. ``zone`` is the one whose clock is said, the campaign's; ``machine_now`` is
    ``now`` by the clock of the machines, where that is another. ``waits`` says of a campaign that goes by places, where
    nobody is called, for what those wait who wait.
    """

    status: CampaignStatus
    now: datetime
    is_deleted: bool = False
    pause_reason: str | None = None
    scheduled_start_at: datetime | None = None
    missed_start_at: datetime | None = None
    lacks_purpose: bool = False
    scheduled_end_at: datetime | None = None
    is_closing: bool = False
    is_kept_open: bool = False
    left: int = 0
    away: Away | None = None
    silent_seconds: float | None = None
    waiting: int = 0
    capped: int = 0
    caps: str = ""
    live: int = 0
    awaited: int = 0
    limit: int = 1
    is_campaign_full: bool = False
    team_live: int = 0
    is_team_full: bool = False
    budget: int | None = None
    next_due_at: datetime | None = None
    opens_at: datetime | None = None
    opens_after_end: datetime | None = None
    is_due_then: bool = False
    callers: Sequence[CallerIdState] = ()
    planned: int = 0
    are_slots_rebuilt: bool = False
    are_slots_held: bool = False
    still: Sequence[Standstill] = ()
    failover_held_until: datetime | None = None
    zone: str | None = None
    machine_now: datetime | None = None
    waits: Waits | None = None
