"""Why a campaign is dialing, or why it is not: one sentence for the one who waits.

The reasons are looked at in the order in which they would have to be removed: what the campaign is, whether
anybody is to be called at all, who may be shown as the caller, when, and only then how many at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from worker.domain.model import CampaignStatus


@dataclass(frozen=True, slots=True)
class CallerIdState:
    """One caller ID: ``is_enabled`` with its carrier account, ``resting_until`` (machine time) if it or its
    account backs off now, ``is_full`` if either carries as many calls as it may."""

    is_enabled: bool
    resting_until: datetime | None = None
    resting_reason: str | None = None
    is_full: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides whether a campaign dials. Instants are business time but for the caller IDs'.

    ``next_due_at`` is when the first waiting contact is due (``None``: nobody waits), ``opens_at`` when the
    first call window of a contact that is due opens: ``now`` or before where one is open, ``None`` where none
    ever opens. ``budget`` is what is left of the run's calls (``None``: no cap).
    """

    status: CampaignStatus
    now: datetime
    is_deleted: bool = False
    pause_reason: str | None = None
    scheduled_start_at: datetime | None = None
    waiting: int = 0
    live: int = 0
    limit: int = 1
    team_live: int = 0
    team_limit: int = 1
    budget: int | None = None
    next_due_at: datetime | None = None
    opens_at: datetime | None = None
    callers: Sequence[CallerIdState] = ()


@dataclass(frozen=True, slots=True)
class Activity:
    """What the campaign does: a word for programs, a sentence for people, and until when, where that is known."""

    code: str
    message: str
    until: datetime | None = None


def activity(now: Situation) -> Activity:
    """What the campaign is doing, or the first thing that keeps it from dialing."""
    if now.is_deleted:
        return Activity("deleted", "The campaign is deleted; restore it to go on.")
    if now.status is not CampaignStatus.RUNNING:
        return _at_rest(now)
    found = _used_up(now) or _no_caller(now) or _not_yet(now) or _full(now)
    if found is not None:
        return found
    if now.live:
        return Activity("dialing", f"{_of(now.live, now.limit)} live.")
    return Activity("starting", "Contacts are due; the workers take them up.")


def _at_rest(now: Situation) -> Activity:
    still = f" {_calls(now.live)} still live." if now.live else ""
    match now.status:
        case CampaignStatus.SCHEDULED:
            at = now.scheduled_start_at
            return Activity("scheduled", f"The campaign starts at {_clock(at)}.", at)
        case CampaignStatus.PAUSED if now.pause_reason == "max_calls_reached":
            return Activity("paused", f"The run has placed as many calls as it may; open a new run.{still}")
        case CampaignStatus.PAUSED if now.pause_reason in (None, "requested"):
            return Activity("paused", f"The campaign is paused; resume it to go on.{still}")
        case CampaignStatus.PAUSED:
            reason = str(now.pause_reason).removesuffix(".")  # some end in a sentence
            return Activity("paused", f"The campaign is paused because of {reason}.{still}")
        case CampaignStatus.COMPLETED:
            more = f"; {now.waiting} added since wait for the next run" if now.waiting else ""
            return Activity("completed", f"Every contact has been reached or used up{more}.")
        case CampaignStatus.CANCELLED:
            return Activity("cancelled", f"The campaign was cancelled for good.{still}")
    return Activity("not_started", "The campaign has not been started; run or schedule it.")


def _used_up(now: Situation) -> Activity | None:
    """Nobody is left to call, or the run may place no further call."""
    if now.budget == 0:
        return Activity("max_calls_reached", f"The run has placed as many calls as it may; {_last(now.live)}.")
    if now.next_due_at is None:
        return Activity("nothing_waiting", f"No contact is waiting; {_last(now.live)}.")
    return None


def _no_caller(now: Situation) -> Activity | None:
    usable = [caller for caller in now.callers if caller.is_enabled]
    if not usable:
        return Activity("no_caller_id", "No phone number of the campaign may be used; enable or add one.")
    if any(caller.resting_until is None for caller in usable):
        return None
    first = min(usable, key=lambda caller: caller.resting_until or datetime.max.replace(tzinfo=UTC))
    why = f" ({first.resting_reason})" if first.resting_reason else ""
    at = first.resting_until
    return Activity("resting", f"The carrier asked for a pause{why}; calls go on at {_clock(at)}.", at)


def _not_yet(now: Situation) -> Activity | None:
    """Nobody is due, or the windows of those who are due are shut."""
    due, opens = now.next_due_at, now.opens_at
    if due is not None and due > now.now:
        return Activity("nothing_due", f"Nobody is due before {_clock(due)}.", due)
    if opens is None:
        return Activity("window_unreadable", "The call window cannot be read, so nobody is called; set it anew.")
    if opens > now.now:
        return Activity("window_shut", f"The call window is shut until {_clock(opens)}.", opens)
    return None


def _full(now: Situation) -> Activity | None:
    """As many calls at once as some limit allows."""
    if now.live >= now.limit:
        return Activity("dialing", f"{_of(now.live, now.limit)} live, as many as the campaign may have at once.")
    if now.team_live >= now.team_limit:
        return Activity("team_limit", f"The team has {_calls(now.team_live)} live, as many as it may have at once.")
    if all(caller.is_full for caller in now.callers if caller.is_enabled and caller.resting_until is None):
        message = "Every phone number of the campaign, or its carrier account, has as many live calls as it may."
        return Activity("number_limit", message)
    return None


def _clock(at: datetime | None) -> str:
    return "an unknown time" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _calls(count: int) -> str:
    return f"{count} call{' is' if count == 1 else 's are'}"


def _of(live: int, limit: int) -> str:
    return f"{live} of {limit} call{'' if limit == 1 else 's'} {'is' if live == 1 else 'are'}"


def _last(live: int) -> str:
    return f"{_calls(live)} still live" if live else "the campaign ends within moments"
