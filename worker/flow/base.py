"""What every step is given, what it may return, and the two readings they share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

from worker.bulkheads import Bulkheads, Taken
from worker.carriers.base import CallEvent, CallRequest, Carrier
from worker.domain.call_hours import Rules, Window, hours_at
from worker.domain.hours import Hours
from worker.domain.model import Bounds
from worker.domain.places import place_of
from worker.domain.week_window import FrozenWindows, WeekWindow, frozen_windows, week_window_or_shut
from worker.domain.whose_clock import clock_zone, uses_own_zones
from worker.domain.window import RULES_END, CallWindow, Shut, window_or_shut
from worker.flow.clock_jumps import ClockWatch
from worker.flow.group_commit import GroupCommit
from worker.flow.tally import CallbackTally
from worker.slots import FillRequests, Nudge, Rates, SlotRequest, Slots
from worker.store.columns import CallAtCarrier, CallScopes, CallWindowColumns, CampaignOfTeam
from worker.store.database import Database
from worker.store.dialing import ReservedCall


def _left_to_the_tick(steps: Iterable[Step]) -> None:
    """Whoever carries out no steps loses nothing: the rows say what is to be done."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Calls of an account that are committed and may leave until ``fence_at``, on this machine's monotonic clock, with
    the permits of their senders."""

    account_id: str
    calls: Sequence[ReservedCall]
    senders: Taken
    fence_at: float


class Placing(Protocol):
    """Who places calls in this process, if anybody ``can``: where nobody does, there are no senders and no room."""

    can: bool

    def senders(self, account_id: str, most: int) -> Taken:
        """Permits for up to so many calls of an account, as many as can leave now."""

    def room(self, account_id: str) -> int:
        """How many more calls of an account that are only reserved it takes in hand."""

    def leave(self, batch: Batch) -> None:
        """Let these calls leave; returns at once."""


@dataclass(frozen=True, slots=True)
class Dialer:
    """Everything a step works with; made once a process by :mod:`worker.process.wiring`.

    ``bulkheads`` make the requests to carriers, each account's by itself; steps that come of what a carrier answered
    after the step that asked had returned go to ``follow_up``. ``default_window`` is the deployment's
    ``DEFAULT_CALL_WINDOW``, and where it has ``require_purpose`` no campaign runs without one; ``tally`` counts what
    strangers send; ``clock`` is what is known of the database's; ``receipts`` puts callbacks of a carrier together that
    come at once. ``placing`` is who places calls in this process, if anybody does."""

    db: Database
    slots: Slots
    rates: Rates
    nudge: Nudge
    fill_requests: FillRequests
    carriers: Mapping[str, Carrier]
    bounds: Bounds
    bulkheads: Bulkheads
    public_base_url: str
    follow_up: Callable[[Iterable[Step]], None] = _left_to_the_tick
    default_window: CallWindow | None = None
    require_purpose: bool = False
    tally: CallbackTally = field(default_factory=CallbackTally)
    clock: ClockWatch = field(default_factory=ClockWatch)
    placing: Callable[[], Placing | None] = lambda: None
    receipts: Mapping[str, GroupCommit[CallEvent, Any]] = field(default_factory=lambda: defaultdict(GroupCommit))

    @property
    def sharing(self) -> list[str]:
        """The carriers of which all accounts have one set of credentials; see :mod:`worker.store.credentials`."""
        return [name for name, carrier in self.carriers.items() if carrier.shares_credentials]

    def call_request(self, row: CallAtCarrier) -> CallRequest:
        """What its carrier needs to know of the call of this row."""
        return CallRequest(
            call_id=row.id,
            token=row.token,
            account_id=row.account_id,
            from_number=row.from_number,
            to_number=row.to_number,
            ring_seconds=self.bounds.ring_seconds,
            longest_call_seconds=self.bounds.longest_call_seconds,
            callback_url=f"{self.public_base_url}/carriers/{row.carrier}/events/{row.token}",
            dialed_at=getattr(row, "dialing_at", None),
        )


@dataclass(frozen=True, slots=True)
class Dial:
    """Place these reserved calls of one carrier account."""

    account_id: str
    call_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DialMore:
    """Calls are reserved that nobody has in hand."""


@dataclass(frozen=True, slots=True)
class Fill:
    """Take the free slots of a team, for these campaigns and those that wait for a shared slot."""

    team_id: str
    campaign_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FillMore:
    """Teams wait to be filled (:class:`worker.slots.FillRequests`)."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Events wait in the inbox."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask the carriers about these calls."""

    call_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Calls are to be ended at their carriers, or waiting contacts of a cancelled campaign to be swept."""


@dataclass(frozen=True, slots=True)
class Wake:
    """More campaigns are due to be looked at than one turn takes. ``after_team`` is up to which team those that lack a
    slot were looked at; ``None`` when all were."""

    after_team: str | None


@dataclass(frozen=True, slots=True)
class RebuildSlots:
    """The slots in Redis cannot be trusted: rebuild them."""


Step = Dial | DialMore | Fill | FillMore | Settle | LookUp | Stop | Wake | RebuildSlots


def slot_of(row: CallScopes) -> SlotRequest:
    """The slots a call of this row holds."""
    return SlotRequest(row.id, row.team_id, row.campaign_id, row.number_id, row.account_id)


def dial_steps(reserved: Iterable[tuple[str, str]], batch: int) -> list[Step]:
    """One message for every ``batch`` calls (account, call) of an account, in the order in which they come."""
    by_account: dict[str, list[str]] = {}
    for account_id, call_id in reserved:
        by_account.setdefault(account_id, []).append(call_id)
    return [
        Dial(account_id, tuple(call_ids[i : i + batch]))
        for account_id, call_ids in by_account.items()
        for i in range(0, len(call_ids), batch)
    ]


def fill_steps(rows: Iterable[CampaignOfTeam]) -> list[Step]:
    """One fill for every team among the rows, with its campaigns."""
    campaigns: dict[str, dict[str, None]] = {}
    for row in rows:
        campaigns.setdefault(row.team_id, {})[row.campaign_id] = None
    return [Fill(team, tuple(ids)) for team, ids in campaigns.items()]


@lru_cache(maxsize=4096)
def _window(start: str, end: str, timezone: str) -> CallWindow | Shut:
    return window_or_shut(start, end, timezone)


@lru_cache(maxsize=4096)
def _week_window(windows: FrozenWindows, timezone: str) -> WeekWindow | Shut:
    return week_window_or_shut(windows, timezone)


def window_of(campaign: CallWindowColumns, zone: str) -> Hours | None:
    """When a campaign's row lets a contact be called that waits in ``zone`` ('' for the campaign's); ``None`` where
    that is at any time. Of a campaign that goes by places, a zone is a place."""
    start, end, of_campaign = campaign.call_window_start, campaign.call_window_end, campaign.call_window_timezone
    if campaign.rules is not None:
        own = uses_own_zones(campaign.settings)
        return hours_at(zone, Rules.of(campaign.rules), _window_as_kept(campaign), own)
    if start is None or end is None or of_campaign is None:  # all three, or none
        return None
    clock = clock_zone(campaign.settings, zone, of_campaign)
    if campaign.call_windows is not None:
        return _week_window(frozen_windows(campaign.call_windows), clock)
    return _window(start, end, clock)


def _window_as_kept(campaign: CallWindowColumns) -> Window | None:
    start, end, zone = campaign.call_window_start, campaign.call_window_end, campaign.call_window_timezone
    if start is None or end is None or zone is None:
        return None
    windows = None if campaign.call_windows is None else frozen_windows(campaign.call_windows)
    return Window(start, end, windows, zone)


def valid_until(
    campaign: CallWindowColumns, zone: str, now: datetime, margin_seconds: float, *, second_number: str | None = None
) -> datetime | None:
    """The last moment at which a call may be committed; ``None`` when it may not be now. In a campaign that goes by
    places a ``second_number`` may be somewhere else than the contact: both places count."""
    if second_number is not None and campaign.rules is not None:
        there = valid_until(campaign, place_of(second_number).code, now, margin_seconds)
        here = valid_until(campaign, zone, now, margin_seconds)
        return None if here is None or there is None else min(here, there)
    window, end = window_of(campaign, zone), campaign.scheduled_end_at
    until = RULES_END if window is None else window.open_until(now, margin_seconds)
    if until is None or end is None:
        return until
    until = min(until, end - timedelta(seconds=margin_seconds))
    return until if now < until else None


def first_moment(campaign: CallWindowColumns, zone: str, at: datetime, margin_seconds: float) -> datetime | None:
    """The first instant from ``at`` on at which a call may be committed; ``None`` if there is none. The last moments
    of a window, and of the campaign, are no time to begin one."""
    if valid_until(campaign, zone, at, margin_seconds) is not None:
        return at
    window, end = window_of(campaign, zone), campaign.scheduled_end_at
    opens = None if window is None else window.next_open(window.next_close(at))
    is_too_late = opens is not None and end is not None and opens >= end - timedelta(seconds=margin_seconds)
    return None if is_too_late else opens
