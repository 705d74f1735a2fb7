"""Calls that a claim commits to be placed, where nothing keeps them from leaving at once.

That saves a slot that a call has freed the way through a queue, and two transactions. A call takes it only if whoever
claims has a sender free for it (:mod:`worker.bulkheads`), its carrier can be reached as it is, and nothing paces it:
where its account, its caller ID or its credentials have a rate, or a breaker lets one call try, it is reserved, and
goes by way of :mod:`worker.flow.dial`. The send fence counts from before the transaction begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from worker.bulkheads import Taken
from worker.clock import monotonic
from worker.flow.base import Batch, Dialer, Placing, valid_until
from worker.flow.call_request import obstacle
from worker.store.candidates import Candidate, UsableNumber
from worker.store.claims import DueContact, Reservation


@dataclass(frozen=True, slots=True)
class Match:
    """A contact of a team that is due, the caller ID it is called by, and the call about to be reserved."""

    team_id: str
    campaign: Candidate
    number: UsableNumber
    contact: DueContact
    reservation: Reservation


@dataclass(slots=True)
class CommittedCall:
    """A call that may leave: what :class:`worker.store.dialing.ReservedCall` says of one that was only reserved."""

    id: str
    team_id: str
    campaign_id: str
    contact_id: str
    token: str
    number_id: str
    account_id: str
    from_number: str
    to_number: str
    zone: str
    carrier: str
    settings: Mapping[str, Any]
    rules: Mapping[str, Any] | None
    secondary: str | None
    consent: int
    policy_version: int
    call_window_start: str | None
    call_window_end: str | None
    call_window_timezone: str | None
    call_windows: Sequence[Mapping[str, Any]] | None
    scheduled_end_at: datetime | None
    now: datetime
    speed: float
    max_attempts_per_contact: int
    retry_delay_minutes: int
    attempts: int
    technical_failures: int
    rejections: int
    invalid_results: int
    stream_url: str | None
    answer_url: str | None
    carrier_ids: Mapping[str, Any]
    is_watched: bool
    is_held: bool
    outcomes: Mapping[str, Any] | None
    variables: Mapping[str, Any] | None
    person: Mapping[str, Any] | None = field(repr=False)
    call_secret: bytes | None = field(repr=False)
    rang: bool = False
    is_tripped: bool = False
    account_rate: float | None = None
    number_rate: float | None = None
    credentials_rate: float | None = None

    @classmethod
    def of(cls, match: Match) -> CommittedCall:
        campaign, contact, reservation, number = match.campaign, match.contact, match.reservation, match.number
        return cls(
            id=reservation.call_id,
            team_id=match.team_id,
            campaign_id=reservation.campaign_id,
            contact_id=reservation.contact_id,
            token=reservation.token,
            number_id=reservation.number_id,
            account_id=reservation.account_id,
            from_number=reservation.from_number,
            to_number=reservation.to_number,
            zone=reservation.zone,
            carrier=number["carrier"],
            settings=campaign.settings,
            rules=campaign.rules,
            secondary=reservation.secondary,
            consent=contact.consent,
            policy_version=campaign.policy_version,
            call_window_start=campaign.call_window_start,
            call_window_end=campaign.call_window_end,
            call_window_timezone=campaign.call_window_timezone,
            call_windows=campaign.call_windows,
            scheduled_end_at=campaign.scheduled_end_at,
            now=campaign.now,
            speed=campaign.speed,
            max_attempts_per_contact=campaign.max_attempts_per_contact,
            retry_delay_minutes=campaign.retry_delay_minutes,
            attempts=contact.attempts + 1,
            technical_failures=contact.technical_failures,
            rejections=contact.rejections,
            invalid_results=contact.invalid_results,
            stream_url=campaign.stream_url,
            answer_url=campaign.answer_url,
            carrier_ids=campaign.carrier_ids,
            is_watched=number["is_watched"],
            is_held=number["channels"] is not None,
            outcomes=campaign.outcomes,
            variables=campaign.variables,
            person=contact.person,
            call_secret=campaign.call_secret,
        )


class Departing:
    """Those of one claim."""

    def __init__(self, dialer: Dialer, placing: Placing) -> None:
        self._dialer, self._placing = dialer, placing
        self._fence_at = monotonic() + dialer.bounds.send_fence_seconds
        self._chosen: dict[str, list[CommittedCall]] = {}
        self._taken: dict[str, Taken] = {}

    def choose(self, matches: Sequence[Match]) -> list[Reservation]:
        """The reservations, of which those that may leave say until when; of the others as many are in hand as there
        is room for with whoever places them."""
        able: dict[str, list[tuple[Match, datetime]]] = {}
        for match in matches:
            until = self._until(match)
            if until is not None:
                able.setdefault(match.number["account"], []).append((match, until))
        untils: dict[str, datetime] = {}
        for account_id, of_it in able.items():
            senders = self._taken[account_id] = self._placing.senders(account_id, len(of_it))
            for match, until in of_it[: senders.count]:
                self._chosen.setdefault(account_id, []).append(CommittedCall.of(match))
                untils[match.reservation.call_id] = until
        rooms: dict[str, int] = {}
        reservations = []
        for reservation in (match.reservation for match in matches):
            until = untils.get(reservation.call_id)
            if until is None:
                account_id = reservation.account_id
                room = rooms.setdefault(account_id, self._placing.room(account_id))
                rooms[account_id] -= 1
                reservations.append(replace(reservation, in_hand=room > 0))
            else:
                reservations.append(replace(reservation, valid_until=until))
        return reservations

    def keep(self, call_ids: AbstractSet[str]) -> None:
        """Only these were committed to leave; the others wait as reserved."""
        for account_id, calls in self._chosen.items():
            calls[:] = [call for call in calls if call.id in call_ids]
            self._taken[account_id].keep(len(calls))

    def drop(self) -> None:
        """Let none leave: nobody knows whether they were committed."""
        self._chosen.clear()
        for senders in self._taken.values():
            senders.keep(0)

    def batches(self) -> list[Batch]:
        """What may leave, account by account."""
        return [
            Batch(account_id, calls, self._taken[account_id], self._fence_at)
            for account_id, calls in self._chosen.items()
            if calls
        ]

    def _until(self, match: Match) -> datetime | None:
        """Until when the call may be committed; ``None`` where it is not to leave at once."""
        number = match.number
        paced_by = (number["account_rate"], number["number_rate"], number["credentials"])
        if number["half_open"] or any(each is not None for each in paced_by):
            return None
        if obstacle(self._dialer, number["carrier"], match.campaign) is not None:
            return None
        margin = self._dialer.bounds.closing_margin_seconds
        reservation, campaign = match.reservation, match.campaign
        second = None if reservation.secondary is None else reservation.to_number
        return valid_until(campaign, reservation.zone, campaign.now, margin, second_number=second)
