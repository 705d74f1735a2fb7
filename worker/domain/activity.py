"""Why a campaign is dialing, or why it is not: one sentence for the one who waits.

The reasons are checked in the order in which they would have to be removed: what the campaign is, whether
anybody is at work at all, whether anybody is to be called, who may be shown as the caller, when, and only then how
many at once. How much room there is and which caller IDs may be used is not decided here: it is what the planner of
:mod:`worker.flow.plan` found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import assert_never

from worker.domain.model import CampaignStatus
from worker.domain.on_the_clock import when
from worker.domain.standstill import Kind, Standstill

ACCOUNT_STOPPED = "account_stopped:"
"""How the reason of a pause begins that the carrier's refusal of the account has caused; its code follows."""


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
    is due with its call window open (``None``: none ever opens), both now or later; ``is_due_then`` where what comes
    then is that one falls due, not that a window opens. ``budget`` is what is left of the run's calls (``None``: no
    cap). ``silent_seconds`` is how long nobody has ticked (``None``: never). ``capped`` of those who wait have had as
    many calls as their number may have, by the ``caps`` in words. ``awaited`` is how many contacts wait for the outcome
    of a call that has ended. ``missed_start_at`` is when a draft was to start and did not, because nobody was at work,
    or it ``lacks_purpose``, as it still does; ``left`` counts the contacts that were cancelled, as those are who wait
    when the campaign ends. Where it ``is_closing`` it has ended, but for its live calls. ``planned`` is how many calls
    a fill would ask for now; where it would ask for none, ``is_campaign_full`` and ``is_team_full`` say that these may
    have no further call at once. ``still`` is what of the campaign stands still. ``failover_held_until`` (machine time)
    is set while calls that a failover of the database may have lost keep others from being placed. ``zone`` is the one
    whose clock is said, the campaign's; ``machine_now`` is ``now`` by the clock of the machines, where that is another.
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
    is_due_then: bool = False
    callers: Sequence[CallerIdState] = ()
    planned: int = 0
    are_slots_rebuilt: bool = False
    are_slots_held: bool = False
    still: Sequence[Standstill] = ()
    failover_held_until: datetime | None = None
    zone: str | None = None
    machine_now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """What the campaign does: a word for programs, a sentence for people, and until when, where that is known.
    ``is_dialing`` where nothing keeps the dialer from placing the next call."""

    code: str
    message: str
    until: datetime | None = None
    is_dialing: bool = False


def activity(now: Situation) -> Activity:
    """What the campaign is doing, or the first thing that keeps it from dialing."""
    if now.is_deleted:
        return Activity("deleted", "The campaign is deleted; restore it to go on.")
    if now.is_closing:
        return Activity("ending", f"The campaign has ended and calls nobody more; {_last(now)}.")
    if now.status is not CampaignStatus.RUNNING:
        return (_missing(now) if now.status is CampaignStatus.SCHEDULED else None) or _at_rest(now)
    found = (
        _missing(now)
        or _still(now, STUCK_CALLS)
        or _used_up(now)
        or _no_caller(now)
        or _not_yet(now)
        or _full(now)
        or _still(now, {Kind.DUE: "not_taken_up"})
    )
    if found is not None:
        return found
    if now.live:
        return Activity("dialing", f"{_of(now.live, now.limit)} live{_held(now)}.", is_dialing=True)
    return Activity("starting", "Contacts are due; the workers take them up.", is_dialing=True)


def _held(now: Situation) -> str:
    """Why there are not more, where it is that the carrier takes no more of any caller ID."""
    usable = [caller for caller in now.callers if caller.is_usable]
    if not usable or any(caller.channels is None for caller in usable):
        return ""
    return f"; the carrier seems to allow the account of {usable[0].number} {usable[0].channels} at once"


def _missing(now: Situation) -> Activity | None:
    """Something is not there without which no campaign dials."""
    match now.away:
        case Away.REDIS:
            return Activity("redis_away", "Redis does not answer, so no call gets a slot; start it or check REDIS_URL.")
        case Away.BROKER:
            message = (
                "The broker cannot be reached, so workers get no calls to dial; start it or check CELERY_BROKER_URL."
            )
            return Activity("broker_away", message)
        case Away.TICK:
            said = "ever ticked" if now.silent_seconds is None else f"ticked for {now.silent_seconds:.0f} s"
            return Activity("not_ticking", f"No worker has {said}; start beat and a worker, or read their logs.")
        case None:
            pass
        case never:
            assert_never(never)
    if now.failover_held_until is not None and now.status is CampaignStatus.RUNNING:
        at = now.failover_held_until
        why = (
            "The database failed over and may lack calls that ring; calls go on when all have ended: "
            f"{_machine_at(now, at)}."
        )
        return Activity("failover", why, at)
    return None


STUCK_CALLS = {
    Kind.PLACING: "calls_not_placed",
    Kind.REQUESTS: "requests_unanswered",
    Kind.LOOK_UPS: "calls_not_looked_up",
}


def _still(now: Situation, codes: Mapping[Kind, str]) -> Activity | None:
    """Some of it waits for longer than it may: its calls look live, and nothing happens to them."""
    for standstill in now.still:
        if standstill.waiting.kind in codes:
            return Activity(codes[standstill.waiting.kind], standstill.sentence())
    return None


def _at_rest(now: Situation) -> Activity:
    still = f" {_calls(now.live)} still live." if now.live else ""
    match now.status:
        case CampaignStatus.SCHEDULED:
            at = now.scheduled_start_at
            if at is not None and at <= now.now:
                return Activity("scheduled", "The campaign starts now.")
            return Activity("scheduled", f"The campaign starts: {_at(now, at)}.", at)
        case CampaignStatus.PAUSED if now.pause_reason == "max_calls_reached":
            return Activity("paused", f"The run has placed as many calls as it may; open a new run.{still}")
        case CampaignStatus.PAUSED if now.pause_reason in (None, "requested"):
            return Activity("paused", f"The campaign is paused; resume it to go on.{still}")
        case CampaignStatus.PAUSED if (now.pause_reason or "").startswith(ACCOUNT_STOPPED):
            code = (now.pause_reason or "").removeprefix(ACCOUNT_STOPPED).strip()
            sentence = f"The carrier refused the account ({code}); mend its credentials or standing, then resume."
            return Activity("paused", f"{sentence}{still}")
        case CampaignStatus.PAUSED:
            reason = str(now.pause_reason).removesuffix(".")  # some end in a sentence
            return Activity("paused", f"The campaign is paused because of {reason}.{still}")
        case CampaignStatus.COMPLETED if now.left:
            more = f"; {now.waiting} added since wait for the next run" if now.waiting else ""
            return Activity("completed", f"The campaign has ended; {_contacts(now.left)} left uncalled{more}.")
        case CampaignStatus.COMPLETED:
            more = f"; {now.waiting} added since wait for the next run" if now.waiting else ""
            return Activity("completed", f"Every contact has been reached or used up{more}.")
        case CampaignStatus.CANCELLED:
            return Activity("cancelled", f"The campaign was cancelled for good.{still}")
        case CampaignStatus.DRAFT if now.missed_start_at is not None:
            because = "it has no purpose, and must have one" if now.lacks_purpose else "nobody was at work in time"
            why = f"The campaign did not start at {_at(now, now.missed_start_at)}, for {because}"
            return Activity("start_missed", f"{why}; run it, or schedule it again.")
        case CampaignStatus.DRAFT | CampaignStatus.RUNNING:  # one that runs does not come here
            return Activity("not_started", "The campaign has not been started; run or schedule it.")
        case never:
            assert_never(never)


def _used_up(now: Situation) -> Activity | None:
    """Nobody is left to call, or the run may place no further call."""
    if now.budget == 0:
        return Activity("max_calls_reached", f"The run has placed as many calls as it may; {_last(now)}.")
    if now.next_due_at is None and now.is_kept_open:
        live = f"; {_calls(now.live)} still live" if now.live else ""
        return Activity("kept_open", f"No contact is waiting; the campaign is open for more{live}.")
    if now.next_due_at is None:
        return Activity("nothing_waiting", f"No contact is waiting; {_last(now)}.")
    return None


def _no_caller(now: Situation) -> Activity | None:
    """No phone number may be shown: each is disabled, or rests, or its carrier account does."""
    if any(caller.is_usable for caller in now.callers):
        return None
    resting = [caller for caller in now.callers if caller.resting_until is not None and _is_on(caller)]
    probed = next((caller for caller in now.callers if caller.is_probed and _is_on(caller)), None)
    if probed is not None:
        why = f" ({probed.resting_reason})" if probed.resting_reason else ""
        return Activity(
            "breaker_open", f"The carrier account of {probed.number} is left alone{why}; one call tries it now."
        )
    if not resting:
        why = "; ".join(_why_off(caller) for caller in now.callers[:3])
        more = f": {why}" if why else ""
        return Activity("no_caller_id", f"No phone number of the campaign may be used{more}; enable or add one.")
    first = min(resting, key=lambda caller: caller.resting_until or datetime.max.replace(tzinfo=UTC))
    what = f"The carrier account of {first.number}" if first.is_account_resting else f"The phone number {first.number}"
    why = f" ({first.resting_reason})" if first.resting_reason else ""
    at = first.resting_until
    if first.is_tripped:
        return Activity("breaker_open", f"{what} is left alone{why}; one call tries it: {_machine_at(now, at)}.", at)
    return Activity("resting", f"{what} rests{why}; calls go on: {_machine_at(now, at)}.", at)


def _is_on(caller: CallerIdState) -> bool:
    return caller.is_enabled and caller.is_account_enabled


def _why_off(caller: CallerIdState) -> str:
    if caller.is_enabled:
        return f"the carrier account of {caller.number} is disabled"
    return f"{caller.number} is disabled" + (f" ({caller.disabled_reason})" if caller.disabled_reason else "")


def _not_yet(now: Situation) -> Activity | None:
    """Nobody is due, or the windows of those who are due are shut."""
    due, opens = now.next_due_at, now.opens_at
    if opens is None:
        return Activity("window_unreadable", "The call window cannot be read, so nobody is called; set it again.")
    if due is not None and due > now.now:
        then = "" if opens <= due else f", and the call window is shut until {_at(now, opens)}"
        return Activity("nothing_due", f"Nobody is due before {_at(now, due)}{then}{_capped(now)}.", max(due, opens))
    if opens > now.now and now.is_due_then:
        soonest = f"Nobody whose call window is open is due before {_at(now, opens)}"
        return Activity("nothing_due", f"{soonest}{_capped(now)}.", opens)
    if opens > now.now:
        return Activity("window_shut", f"The call window is shut until {_at(now, opens)}.", opens)
    return None


def _capped(now: Situation) -> str:
    """Who of those who wait does so because of how often they were called."""
    if not now.capped:
        return ""
    had = "1 has had its calls" if now.capped == 1 else f"{now.capped} have had their calls"
    return f"; {had}" + (f" ({now.caps})" if now.caps else "")


def _full(now: Situation) -> Activity | None:
    """As many calls at once as some limit allows, or the slots do not say yet how many there are."""
    if now.is_campaign_full:
        return Activity("dialing", f"{_of(now.live, now.limit)} live, as many as the campaign may have at once.")
    if now.is_team_full:
        calls = f"{now.team_live} live call{'' if now.team_live == 1 else 's'}"
        return Activity("team_limit", f"The team has {calls}, as many as it may have at once.")
    full = {caller.full for caller in now.callers if caller.is_usable}
    if not now.planned and None not in full:
        return _FULL[next(scope for scope in Full if scope in full)]
    if now.are_slots_rebuilt:
        return Activity("slots_rebuilding", "The slots are rebuilt from the live calls; calls go on within seconds.")
    if now.are_slots_held and not now.live:  # with calls live it is their coming and going
        return Activity("slots_held", "The free slots are held for calls that just ended; they come back in seconds.")
    return None


_FULL = {
    Full.NUMBER: Activity("number_limit", "The phone numbers of the campaign have as many live calls as they may."),
    Full.ACCOUNT: Activity("account_limit", "The carrier account has as many live calls as it may have at once."),
    Full.RATE: Activity("rate_limit", "The carrier account sends as many calls a second as it may; the next follow."),
}


def _at(now: Situation, at: datetime | None) -> str:
    """An instant of business time, on the campaign's clock."""
    return when(at, now.now, now.zone)


def _machine_at(now: Situation, at: datetime | None) -> str:
    """The same for an instant of machine time."""
    return when(at, now.machine_now or now.now, now.zone)


def _contacts(count: int) -> str:
    return f"{count} contact{' was' if count == 1 else 's were'}"


def _calls(count: int) -> str:
    return f"{count} call{' is' if count == 1 else 's are'}"


def _of(live: int, limit: int) -> str:
    return f"{live} of {limit} call{'' if limit == 1 else 's'} {'is' if live == 1 else 'are'}"


def _last(now: Situation) -> str:
    if now.live:
        return f"{_calls(now.live)} still live"
    if now.awaited:
        return f"the outcome{' of 1 call is' if now.awaited == 1 else f's of {now.awaited} calls are'} awaited"
    return "the campaign ends within moments"
