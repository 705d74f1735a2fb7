"""The contract between the dialer and a carrier, in the dialer's words.

A carrier's own words are translated once, in the carrier's own file. What a carrier may answer to a request
to place a call is one of four things, and the difference between them is what keeps a phone from ringing
twice:

=========== ================================================ ================= =========== ==========
outcome     when                                             the call          attempt     slots
=========== ================================================ ================= =========== ==========
Accepted    2xx with the carrier's id                        ``placed``        counts      kept
NotSent     provably never left: connect, TLS, DNS, pool     ``not_sent``      given back  given back
            error, or the send fence had passed
Rejected    a well-formed 4xx: the carrier refused           by its action     by action   given back
Ambiguous   read timeout, reset after the request left, any  ``unknown``,      counts      **kept**
            5xx, 2xx without an id                           looked up
=========== ================================================ ================= =========== ==========

An ambiguous request is never sent again: evidence ends the doubt (:mod:`worker.flow.reap`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from worker.domain.assistant import Assistant
from worker.domain.model import CallState, Disposition, EventKind


@dataclass(frozen=True, slots=True)
class CallRequest:
    """One call to be placed. Numbers are E.164; ``token`` is 128 random bits in hex and comes back in
    ``callback_url``, so that even a call whose request was never answered can be recognised. ``leave_by`` is the send
    fence, on this machine's monotonic clock: a request that has not left by then is not sent. The carrier looks at
    the clock when it is about to write and not before, for a process may stand still anywhere.

    What follows ``callback_url`` matters to some requests only. ``answer_url`` is where a carrier that asks what to
    do with a callee who answered is to ask; ``assistant``, ``campaign_id`` and ``contact_id`` are for one that wants
    to know beforehand. ``variables`` are what its assistant is sent of the callee, by name, and ``call_token``
    (empty where there is none) is what it reports by: neither belongs in a log, and variables in no address.
    ``dialed_at`` is when the request was committed, by the database's real clock: a carrier that
    knows no tokens is searched for calls of that moment."""

    call_id: str
    token: str
    account_id: str
    from_number: str
    to_number: str
    ring_seconds: int
    longest_call_seconds: int
    callback_url: str
    leave_by: float = math.inf
    answer_url: str = ""
    campaign_id: str = ""
    contact_id: str = ""
    assistant: Assistant = field(default_factory=Assistant)
    detects_machines: bool = False
    dialed_at: datetime | None = None
    call_token: str = field(default="", repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def greeting(self) -> Greeting:
        """What its assistant is sent when the callee answers."""
        return Greeting(
            self.assistant, self.call_id, self.campaign_id, self.contact_id, self.call_token, self.variables
        )


class Action(StrEnum):
    """What the dialer does about a refusal."""

    BACK_OFF = "back_off"  # too fast or overloaded: contact put back, account rests
    CHANNELS = "channels"  # all channels are taken: contact put back, account rests, nothing counts
    STOP_ACCOUNT = "stop_account"  # credentials or standing: campaigns of the account pause
    RETIRE_NUMBER = "retire_number"  # this caller ID may not be shown: out of rotation
    REST_NUMBER = "rest_number"  # this caller ID is flagged: rests for hours
    INVALID_NUMBER = "invalid_number"  # the callee's number cannot exist: contact failed
    UNREACHABLE = "unreachable"  # the callee's number cannot be reached: one more try, then contact failed
    BLOCKED = "blocked"  # the callee may not be called from here: contact failed
    LATER = "later"  # the callee may not be called just now: again after the delay, at most three times
    MALFORMED = "malformed"  # our request is wrong: campaign pauses, loud
    FAILED = "failed"  # refused for a reason not in the table: a technical failure


@dataclass(frozen=True, slots=True)
class Accepted:
    carrier_call_id: str
    queued_for_ms: int = 0


@dataclass(frozen=True, slots=True)
class NotSent:
    """Proof that nothing left. ``connection`` is true when the network failed, false when the send fence
    had passed; only the former says anything about the carrier's health."""

    reason: str
    connection: bool = True


@dataclass(frozen=True, slots=True)
class Rejected:
    """``says`` is a sentence for people, where the code alone would be taken for something else."""

    code: str
    action: Action
    retry_after_seconds: float | None = None
    says: str = ""

    @property
    def cause(self) -> str:
        """What is kept with the call."""
        return f"{self.code}: {self.says}" if self.says else self.code


@dataclass(frozen=True, slots=True)
class Ambiguous:
    reason: str


Outcome = Accepted | NotSent | Rejected | Ambiguous


@dataclass(frozen=True, slots=True)
class CarrierCall:
    """A call as the carrier sees it now. ``disposition`` is set exactly when ``state`` is ``ended``;
    ``verdict`` says who answered, where the carrier knows. ``lost`` is the disposition where the carrier says
    that the call is over and not how it ended."""

    carrier_call_id: str
    state: CallState
    disposition: Disposition | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The carrier could not be asked, or its answer proves nothing. Never to be counted as a miss. ``too_fast`` where
    it asks for a pause, of ``retry_after_seconds`` if it says so."""

    reason: str
    too_fast: bool = False
    retry_after_seconds: float | None = None


class Verdict(StrEnum):
    """Who or what answered, as the carrier's detection found it."""

    HUMAN = "human"
    MACHINE = "machine"
    FAX = "fax"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One thing a carrier said about one call, translated. ``event_id`` is unique per call at the carrier.

    ``disposition`` is set when ``kind`` is ``ended``, ``verdict`` when it is ``machine``; ``sip_code`` where
    the carrier named one. ``in_doubt`` is for a ``ringing`` that may be none: the carrier has only begun to dial.
    ``network_block`` is for an end of which it said that a network on the way blocked the caller ID.
    ``raw`` is what was received, kept for the record. ``other_account`` is the carrier's account that the event says it
    is of, where that is not the one this deployment calls through: such news counts for none of our calls.
    """

    token: str
    event_id: str
    carrier_call_id: str
    kind: EventKind
    occurred_at: datetime | None = None
    disposition: Disposition | None = None
    sip_code: int | None = None
    verdict: Verdict | None = None
    in_doubt: bool = False
    network_block: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict)
    other_account: str | None = None


class BadSignature(Exception):
    """The request does not prove that it comes from the carrier (HTTP 403)."""


class BadEvent(Exception):
    """The request is signed but cannot be read as an event of this carrier (HTTP 400)."""


class Carrier(Protocol):
    """What every carrier can do. All calls are synchronous and bounded in time; none raises for anything
    the network or the carrier does: that is what the outcomes are for."""

    name: str
    shares_credentials: bool
    """Whether all accounts with this carrier are one there, because the deployment's credentials are: then they share
    its limits."""

    def place(self, call_request: CallRequest) -> Outcome:
        """Ask for one call with exactly one HTTP request."""

    def find(self, call_request: CallRequest) -> tuple[CarrierCall, ...] | CannotTell:
        """The carrier's calls that may be this one; an empty tuple is one miss, and proves nothing alone."""

    def get(self, call_request: CallRequest, carrier_call_id: str) -> CarrierCall | CannotTell | None:
        """The call as it is now; ``None`` when the carrier says it knows no such call."""

    def end(self, call_request: CallRequest, carrier_call_id: str) -> CannotTell | None:
        """Ask for the call's end, whatever its state; ``None`` when the carrier took the request or the call is
        already over, or else why it did not. The end itself arrives as an event."""

    def parse(self, token: str, url: str, headers: Mapping[str, str], body: bytes) -> CallEvent | None:
        """Verify and translate one callback, which came to ``url``; ``None`` for news that no call's life depends
        on. A carrier that names its account in what it posts has it compared with its own here, for only its adapter
        knows both words. Raises :class:`BadSignature` or :class:`BadEvent`."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """Whom a callee who answered is connected to, and the parameters the assistant gets."""

    assistant: Assistant
    call_id: str
    campaign_id: str
    contact_id: str
    call_token: str = field(default="", repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def parameters(self) -> dict[str, str]:
        """What the assistant gets to know of the call, by name, that may stand in an address: by the token of the call
        it fetches the rest (``GET /api/crm/calls/{id}/context``)."""
        ids = {"callId": self.call_id, "campaignId": self.campaign_id, "contactId": self.contact_id}
        return {**ids, "callToken": self.call_token} if self.call_token else ids

    @property
    def parameters_and_variables(self) -> dict[str, str]:
        """The same with what it is sent of the callee: never in an address, which others keep."""
        return {**self.variables, **self.parameters}


@runtime_checkable
class AnswersWebhook(Protocol):
    """A carrier that asks what to do once the callee has answered; its question is parsed like a callback."""

    def instruct(self, greeting: Greeting | None) -> str:
        """The answer, as XML: connect the callee, or hang up on a call that nobody expects any more."""
