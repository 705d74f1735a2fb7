"""Columns that rows of several statements have, for those who need no more of a row than these.

The class of a statement's rows (:mod:`worker.store.shapes`) inherits them, and says more of a column where it can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol


class CallScopes(Protocol):
    """A call, and the scopes in which it holds a slot."""

    id: str
    team_id: str
    campaign_id: str
    number_id: str
    account_id: str


class CampaignOfTeam(Protocol):
    """Anything of a campaign."""

    team_id: str
    campaign_id: str


class CallAtCarrier(Protocol):
    """A call, as its carrier knows it or is to know it."""

    id: str
    token: str
    account_id: str
    carrier: str
    from_number: str
    to_number: str


class CallWindowColumns(Protocol):
    """A campaign's call window, all three columns or none; where it has several windows a day, ``call_windows`` say
    which, and the bounds nothing. Nothing is dialed from ``scheduled_end_at`` on. ``settings`` say whose clock
    counts. ``rules`` are there where the campaign goes by places (:data:`worker.store.rules.RULES`): the ``purpose``
    whose rules bind it, or ``None``, and what becomes of who is at an ``unknownPlace``."""

    call_window_start: str | None
    call_window_end: str | None
    call_window_timezone: str | None
    call_windows: Sequence[Mapping[str, Any]] | None
    scheduled_end_at: datetime | None
    settings: Mapping[str, Any]
    rules: Mapping[str, Any] | None


class ClosableCampaign(Protocol):
    """A campaign's state, and since when it is coming to its end, if it is."""

    status: str
    closing_at: datetime | None


class RetryColumns(Protocol):
    """What decides about a contact after a call: the campaign's policy, what its assistant's words mean if it has any,
    and what came of the calls so far."""

    id: str
    rang: bool
    settings: Mapping[str, Any]
    max_attempts_per_contact: int
    retry_delay_minutes: int
    attempts: int
    technical_failures: int
    rejections: int
    invalid_results: int
    outcomes: Mapping[str, Any] | None


class RatedAccount(Protocol):
    """A carrier account, its calls per second as slowed as it is now, and those of its credentials where other accounts
    have the same; ``None`` where there is no limit."""

    account_id: str | None
    carrier: str
    account_rate: float | None
    credentials_rate: float | None


class WatchedCall(Protocol):
    """A call of which its account's breaker may want to know: ``is_watched`` where good news matters, too."""

    id: str
    account_id: str
    is_watched: bool


class EndedCall(WatchedCall, Protocol):
    """The same with its ``cause``, set where its carrier's word was not the first that was known of its end."""

    cause: str | None


class Timed(Protocol):
    """A row that was read at ``now``, in business time."""

    now: datetime
