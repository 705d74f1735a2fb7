"""What becomes of a contact when its call has ended.

=================================  ==========================================  ==============
disposition                        the contact                                 attempt counts
=================================  ==========================================  ==============
``answered``                       completed                                   yes
``machine``                        again after the delay, or completed by      yes
                                   policy; a fax: failed
``no_answer`` ``busy`` ``lost``    again after the delay                       yes
``rejected``                       at most one more; SIP 607: failed, and do   yes
                                   not call; SIP 608, or 603 at once: as
                                   ``no_answer``
``invalid_number``                 one more, then failed                       yes
``failed``                         again after the delay, failed at the third  yes
``canceled`` while it rang         again after the delay                       yes
``canceled`` while it was queued   again at once                               no
``not_sent``                       again in a few seconds                      no
=================================  ==========================================  ==============

*Again* becomes ``exhausted`` when the attempts are used. What rules a contact out for good is looked at
before the attempts are, because it is the more useful thing to read in a report.

Delays are measured from the end of the call. They say when the next attempt may come at the earliest and
know nothing of windows: those are applied when the attempt is claimed, as they are then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import assert_never

from worker.domain.errors import every
from worker.domain.fields import wrong
from worker.domain.kinds import Whole
from worker.domain.model import Attempt, ContactStatus, Disposition, Reason, Tally
from worker.domain.spelling import did_you_mean

DEFAULT_MAX_ATTEMPTS = 3
MAX_ATTEMPTS = Whole(1, 20)
DEFAULT_DELAY_MINUTES = 60
DELAY_MINUTES = Whole(0, 43_200)

TECHNICAL_FAILURES = 3
"""The technical failure at which a contact is given up, though attempts be left."""
REJECTIONS = 2
"""The declined call at which a contact is left in peace."""
INVALID_RESULTS = 2
"""One such answer may be a routing fault; the second is believed."""

NOT_SENT_BACKOFF = timedelta(seconds=5)
"""The shortest wait after a call that never left; jitter at most doubles it."""

SIP_UNWANTED = 607  # RFC 8197: the callee wants no such calls, now or ever
SIP_INTERMEDIARY_REJECTED = 608  # RFC 8688: an analytics engine refused our caller ID; the callee knew nothing
SIP_DECLINE = 603

NETWORK_BLOCK_SECONDS = 2.0
"""Nobody declines a call so soon: before a phone rings, and before a hand is at it."""

KEY = "retryDelays"
"""Where ``settings`` give the delays."""

RETRYABLE = tuple(disposition for disposition in Disposition if disposition.traits.own_delay)
"""The dispositions ``settings.retryDelays`` may give a delay of their own."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how soon a contact is called again.

    ``max_attempts`` is the total number of calls, the first included; ``delays`` holds minutes by
    disposition where they differ from ``delay_minutes``. With ``machine_completes`` a contact whose machine
    answered counts as reached.
    """

    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    delay_minutes: int = DEFAULT_DELAY_MINUTES
    delays: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    machine_completes: bool = False

    def delay_after(self, disposition: Disposition) -> timedelta:
        """How long after a call that ended so the next attempt may come."""
        return timedelta(minutes=self.delays.get(disposition, self.delay_minutes))


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that has ended, and what its contact has been through in this campaign.

    Every count includes this call: ``attempts_used``, calls that ended ``failed`` (``technical_failures``),
    ``rejected`` (``rejections``; those with SIP 607 or 608 need not be counted) and ``invalid_number``
    (``invalid_results``). For a call that does not count (:func:`counts_attempt`) they are not looked at.

    ``definite`` is for a carrier that refuses the number itself when asked to ring it: it has looked the
    number up, so no second result is awaited. ``rang`` matters for ``canceled`` alone: whether the callee's
    phone may have rung before we ended the call; in doubt it did.
    """

    disposition: Disposition
    attempts_used: int
    technical_failures: int = 0
    rejections: int = 0
    invalid_results: int = 0
    sip_code: int | None = None
    is_fax: bool = False
    definite: bool = False
    rang: bool = True


@dataclass(frozen=True, slots=True)
class Next:
    """The contact's next state.

    ``due_in`` is set exactly when ``status`` is ``queued``, and is measured from the end of the call.
    ``reason`` is set exactly when ``status`` is ``failed``. With ``counts_attempt`` false the attempt is
    given back. ``do_not_call`` asks for the number to go on the team's
    list.
    """

    status: ContactStatus
    due_in: timedelta | None = None
    reason: Reason | None = None
    counts_attempt: bool = True
    do_not_call: bool = False


def counts_attempt(disposition: Disposition, rang: bool = True) -> bool:
    """Whether a call that ended so is one of the contact's attempts: it may have made a phone ring."""
    match disposition.traits.attempt:
        case Attempt.ALWAYS:
            return True
        case Attempt.IF_RANG:
            return rang
        case Attempt.NEVER:
            return False
        case never:
            assert_never(never)


def is_network_block(sip_code: int | None, seconds: float, *, rang: bool, says_so: bool = False) -> bool:
    """Whether a call's end says that an analytics engine refused our caller ID, and the callee knew nothing.

    By 47 CFR 64.1200(k)(9) networks in the US answer so with 608, or with 603+: a 603 whose phrase is *Network
    Blocked*. ``says_so`` is for a carrier that passes the phrase on. Whether it does is not published, so a 603 is
    taken for one by its haste: ``seconds`` (the callee's) after the carrier took the call, and ``rang`` false where
    nobody has said that a phone rang. What neither shows, the many of one caller ID may
    (:mod:`worker.domain.network_blocks`).
    """
    if says_so:
        return True
    if sip_code == SIP_DECLINE:
        return not rang and seconds <= NETWORK_BLOCK_SECONDS
    return sip_code == SIP_INTERMEDIARY_REJECTED


def decide(policy: RetryPolicy, ended: Ended, jitter: float = 0.0) -> Next:
    """What becomes of the contact.

    ``jitter`` in ``[0, 1)`` is drawn by the caller; it spreads calls that were not sent, so that those a
    lost connection threw back together do not return together.
    """
    traits = ended.disposition.traits
    if not counts_attempt(ended.disposition, ended.rang):
        due_in = timedelta(0) if traits.sent else NOT_SENT_BACKOFF * (1 + jitter)
        return Next(ContactStatus.QUEUED, due_in, counts_attempt=False)
    is_machine = traits.picked_up and not ended.is_fax
    if traits.answered or (is_machine and policy.machine_completes):
        return Next(ContactStatus.COMPLETED)
    reason = _out_of_reach(ended)
    if reason is not None:
        return Next(ContactStatus.FAILED, reason=reason, do_not_call=_is_unwanted(ended))
    if ended.attempts_used >= policy.max_attempts:
        return Next(ContactStatus.EXHAUSTED)
    return Next(ContactStatus.QUEUED, policy.delay_after(ended.disposition))


def _out_of_reach(ended: Ended) -> Reason | None:
    """Why no further attempt would help, however many are left."""
    if ended.disposition.traits.picked_up and ended.is_fax:
        return Reason.FAX
    match ended.disposition.traits.tally:
        case Tally.REJECTED:
            is_blocked = ended.sip_code == SIP_INTERMEDIARY_REJECTED
            is_enough = _is_unwanted(ended) or (ended.rejections >= REJECTIONS and not is_blocked)
            return Reason.REJECTED if is_enough else None
        case Tally.INVALID:
            believed = ended.definite or ended.invalid_results >= INVALID_RESULTS
            return Reason.INVALID_NUMBER if believed else None
        case Tally.TECHNICAL:
            return Reason.TECHNICAL if ended.technical_failures >= TECHNICAL_FAILURES else None
        case None:
            return None
        case never:
            assert_never(never)


def _is_unwanted(ended: Ended) -> bool:
    return ended.disposition.traits.tally is Tally.REJECTED and ended.sip_code == SIP_UNWANTED


def check_delays(given: object, path: str) -> None:
    """What ``settings.retryDelays`` may be: minutes by disposition; ``null`` for the campaign's own delay. Raises
    :class:`~worker.domain.errors.Invalid` with every fault at once, by path (``settings.retryDelays.busy``)."""
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise wrong(path, 'Give minutes by disposition, such as {"busy": 10}.')
    every(partial(_check_delay, name, minutes, f"{path}.{name}") for name, minutes in given.items())


def _check_delay(disposition: str, minutes: object, path: str) -> None:
    if disposition not in RETRYABLE:
        hint, known = did_you_mean(disposition, RETRYABLE), ", ".join(RETRYABLE)
        raise wrong(path, f"This is not a way for a call to end that is retried;{hint} Give some of: {known}.")
    if minutes is not None:
        DELAY_MINUTES(minutes, path)
