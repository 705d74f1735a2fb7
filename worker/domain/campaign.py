"""What a campaign may be made of: declared as every other resource (:mod:`worker.domain.resources`), and what its
fields must be together. From the request to the database it is a dictionary by column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worker.domain import ids
from worker.domain.errors import Fault, Invalid, every
from worker.domain.fields import LONGEST_ID, Field, Setting, examine, read_field, read_fields, text_fault, wrong
from worker.domain.future_instant import Start
from worker.domain.kinds import Flag, Freeform, Id, Ids, Instant, OneOf, Reach, State, Text, Texts, Whole
from worker.domain.machines import parse_machine_detection
from worker.domain.model import CampaignStatus
from worker.domain.outcomes import Outcomes
from worker.domain.paging import MOST_AT_ONCE
from worker.domain.resources import COUNT, CREATED_AT, Resource, owned, shown, with_kinds
from worker.domain.retry import (
    DEFAULT_DELAY_MINUTES,
    DEFAULT_MAX_ATTEMPTS,
    DELAY_MINUTES,
    MAX_ATTEMPTS,
    check_delays,
)
from worker.domain.retry import KEY as RETRY_DELAYS
from worker.domain.variables import CONTACT_FIELDS, Variables
from worker.domain.week_window import read_windows
from worker.domain.whose_clock import USE_CONTACT_TIMEZONE
from worker.domain.window import H_MM, H_MM_OR_24, CallWindow, padded, parse_window, zone_faults
from worker.law.words import PURPOSES

WINDOW = ("callWindowStart", "callWindowEnd", "callWindowTimezone", "callWindows")
WINDOW_COLUMNS = ("call_window_start", "call_window_end", "call_window_timezone", "call_windows")
HOURS = WINDOW[:2]
NO_HOURS = "00:00"
"""Both bounds of a campaign that has ``callWindows``: to who knows nothing of these its window is shut."""
_ZONELESS = ", or give the campaign a time zone (callWindowTimezone) by whose clock it is read"
LAW_OFF = "off"
"""No rules bind the campaign, whatever its purpose and the policy of its team."""
_OWN_ZONE = Field(USE_CONTACT_TIMEZONE, Flag(), nullable=False)


@dataclass(frozen=True, slots=True)
class WindowText(Text):
    """One field of a call window by itself; what the three must be together, :func:`parse_window` says."""

    most: int = LONGEST_ID
    least: int = 1
    such_as: str = ""
    hours: str | None = None

    @property
    def pattern(self) -> str | None:
        return None if self.hours is None else f"^{self.hours}$"

    def __call__(self, value: object, path: str) -> str:
        if not isinstance(value, str):
            raise wrong(path, f"Give a text such as {self.such_as}.")
        if fault := text_fault(value, self.most):
            raise wrong(path, fault)
        return value if self.hours is None else padded(value)


@dataclass(frozen=True, slots=True)
class Windows:
    """Several windows a day, by weekday; kept as :func:`read_windows` gives them."""

    def __call__(self, value: object, path: str) -> list[dict[str, Any]]:
        return read_windows(value, path)


@dataclass(frozen=True, slots=True)
class CampaignSettings(Freeform):
    """The freeform settings: kept as given, the keys this product knows checked."""

    def __call__(self, value: object, path: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise wrong(path, 'Give an object, such as {"retryDelays": {"busy": 10}}.')
        checks: list[Callable[[], object]] = [
            lambda: parse_machine_detection(value),
            lambda: check_delays(value.get(RETRY_DELAYS), f"{path}.{RETRY_DELAYS}"),
        ]
        if USE_CONTACT_TIMEZONE in value:
            own_zone = value[USE_CONTACT_TIMEZONE]
            checks.insert(0, lambda: read_field(own_zone, _OWN_ZONE, f"{path}.{USE_CONTACT_TIMEZONE}"))
        every(checks)
        return value


def _policy(name: str, kind: Any, **more: Any) -> Field:
    """A field that decides who is called when: it is edited only while nobody is called."""
    return Field(name, kind, when=Setting.WHILE_STOPPED, **more)


def _count(name: str, column: str, **more: Any) -> Field:
    """One of the campaign's counters (:data:`worker.store.counters.COLUMNS`)."""
    return shown(name, COUNT, column=column, nullable=False, **more)


def _verbatim(least: int = 1, most: int = LONGEST_ID) -> Text:
    return Text(most, least, verbatim=True)


CAMPAIGN = Resource(
    "campaign", "campaigns", "campaigns", ids.CAMPAIGN, "A campaign. Its counters count contacts, not calls.",
    (
        *owned(ids.CAMPAIGN),
        _policy("assistantId", Id(verbatim=True), required=True, help="The assistant that talks.",
                example="asst_01j..."),
        _policy("companyId", Id(verbatim=True), required=True, help="The company the campaign belongs to.",
                example="comp_01j..."),
        Field("name", _verbatim(), required=True, help="A name for people.", example="Q1 Outreach"),
        Field("description", _verbatim(0, 10_000), help="What the campaign is for.",
              example="Qualify leads from the January trade show"),
        shown("from_number", Text(), column="from_numbers", help="The first of its numbers.",
              present=lambda numbers: numbers[0] if numbers else None, example="+12025551234"),
        shown("from_numbers", Texts(500, Text()), nullable=False, example=["+12025551234"]),
        _policy("fromNumberIds", Ids(500, "phone number"), required=True,
                help="Phone numbers to show as the caller; calls rotate over them.", example=["pn_01j..."]),
        shown("status", State(CampaignStatus), nullable=False, example="running"),
        shown("pause_reason", Text(), help="`requested`, `max_calls_reached`, or what stopped it."),
        Field("scheduledStartAt", Start(), when=Setting.ONCE, help="When it starts by itself: a future instant with an "
              "offset, such as 2027-03-01T09:00:00-05:00.", more="Left out, you run it. Without an offset it is "
              "read by the clock of the campaign's zone."),
        Field("scheduledEndAt", Start(), when=Setting.UNTIL_ENDED, help="Nothing is dialed from this instant on: a "
              "future one, read as scheduledStartAt is.", more="Who waits then becomes `cancelled` with the reason "
              "`campaign_ended`, and the campaign is completed once its live calls have ended."),
        _policy("startNoLaterThanMinutes", Whole(1, 43_200), help="A start that comes later than this after "
                "scheduledStartAt, because nobody was at work, is none: the campaign becomes a draft.",
                more="`missed_start_at` says when it was to start. Left out, it starts however late.", example=30),
        _policy("useSecondaryPhone", Flag(), default=False, help="Whether every other attempt, first "
                "the second one, goes to the contact's phoneSecondary.", more="Where that cannot be called, is on the "
                "do-not-call list or is the number of somebody else in the campaign, the attempt goes to the first "
                "number.", switch="--use-secondary-phone/--no-use-secondary-phone", example=False),
        Field("keepOpen", Flag(), default=False, when=Setting.UNTIL_ENDED, help="It does not complete "
              "by itself: contacts added later are called without a new run.", more="It is completed by `complete`, "
              "or at its scheduledEndAt.", switch="--keep-open/--no-keep-open", example=False),
        shown("missed_start_at", Instant(), help="When it was to start and did not."),
        shown("closing_at", Instant(), help="Since when it is ending: it is completed once its live calls have ended."),
        _policy("callWindowStart", WindowText(such_as="09:00", hours=H_MM),
                help="Calls go out from this time of day on.", example="09:00"),
        _policy("callWindowEnd", WindowText(such_as="17:00", hours=H_MM_OR_24),
                help="No call goes out from this time on.", example="17:00"),
        _policy("callWindowTimezone", WindowText(such_as="America/New_York"), help="The IANA zone the window is in, "
                "such as America/New_York.", more="All three window fields are given, or none. A name without summer "
                "time, such as `EST`, is taken as it is, and warned of.", example="America/New_York"),
        _policy("callWindows", Windows(), help="Several windows a day, by weekday, instead of callWindowStart and "
                'callWindowEnd: a list such as [{"days": ["mon", "tue"], "start": "09:00", "end": "12:30"}].',
                more="Each is on the days it names, or on every day, by the clock of callWindowTimezone; one that ends "
                "before it starts goes on into the next day. They may touch, but neither overlap nor be empty. The "
                "start and the end are null then."),
        Field("maxConcurrentCalls", Whole(1, 1000), when=Setting.UNTIL_ENDED, default=3, help="Simultaneous calls.",
              example=5),
        _policy("maxAttemptsPerContact", MAX_ATTEMPTS, default=DEFAULT_MAX_ATTEMPTS,
                help="Calls one contact may get in all, the first included.", example=3),
        _policy("retryDelayMinutes", DELAY_MINUTES, default=DEFAULT_DELAY_MINUTES,
                help="From the end of a call to the next attempt.", example=60),
        _policy("settings", CampaignSettings(), default={}, help="Kept and returned as given, such as "
                '{"retryDelays": {"busy": 10}}.', more="Known here: "
                "retryDelays (minutes by disposition), useContactTimezone (false: every contact is called in the "
                "campaign's zone), machineDetection (an object: the carrier listens for answering machines; onMachine: "
                "retry or complete, hangUp: true or false).", example={}),
        _policy("variables", Variables(), help="What the assistant is sent of the callee, by name: "
                '{"name": "{first_name}", "plan": "{custom.plan}", "offer": "spring"}.', more="In braces a field of "
                f"the contact ({', '.join(CONTACT_FIELDS)}, custom.KEY); anything else is sent as it stands. Left out, "
                "nothing of the contact is sent.", example={"name": "{first_name}"}),
        _policy("outcomes", Outcomes(), help="What the words mean that the assistant reports: "
                '{"interested": "done", "busy_now": {"retryAfterMinutes": 120}, "wrong_person": "never"}.', more=
                "Whoever has answered waits for the word for `OUTCOME_WAIT_SECONDS`.", example={"interested": "done"}),
        _policy("purpose", OneOf(PURPOSES), help="What the calls are for: the rules of every place where a callee may "
                "be bind then, and places decide by whose clock it is called.", more="Left out, the team's, or none: "
                "the window alone decides.", example="telemarketing"),
        _policy("law", OneOf((LAW_OFF,)), help="off: no rules bind, whatever the purpose and the team's policy.",
                more="Only an admin key may say so, and it is audited.", example="off"),
        shown("run_id", Id(), help="The newest run; it governs.", example="run_01j..."),
        _count("total_contacts", "total", example=200),
        _count("contacts_called", "called", help="Had a call that was accepted by, or may have reached, the carrier.",
               example=80),
        _count("contacts_completed", "finished", help="Are in a terminal state after at least one call.", example=65),
        _count("contacts_answered", "answered", help="Answered at least once.", example=55),
        shown("reach", Reach(), nullable=False, help="Its contacts by how far it has come with them, each in one of "
              "these.", example={"reached": 55, "not_reached": 8, "cannot_be_called": 2, "left": 135, "cancelled": 0}),
        CREATED_AT,
        shown("updated_at", Instant(), nullable=False, example="2024-01-15T14:30:00Z"),
        shown("completed_at", Instant()),
        shown("deleted_at", Instant()),
    ),
    new_example={
        "teamId": "team_01j...", "assistantId": "asst_01j...", "companyId": "comp_01j...",
        "fromNumberIds": ["pn_01j..."], "name": "Q1 Trade Show Follow-Up",
        "description": "Follow up with leads from the January trade show", "callWindowStart": "09:00",
        "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York", "maxConcurrentCalls": 5,
        "maxAttemptsPerContact": 3, "retryDelayMinutes": 60,
    },
    edit_example={"maxConcurrentCalls": 8}, names_team=True,
)  # fmt: skip
TEAM_ID = Field("teamId", _verbatim(), nullable=False, help="The team that owns the campaign: the key's.")
"""Whose campaign it is to be. Whether that is the right one is for the caller."""
CONTACT_IDS = (Field("contactIds", Ids(MOST_AT_ONCE, "contact"), required=True),)


def parse_campaign(
    body: Mapping[str, Any], *, now: datetime, default_window: CallWindow | None = None, zone: str | None = None
) -> dict[str, Any]:
    """A new campaign's fields by column; those left out are missing, and have the defaults of the database.

    ``now`` is business time, ``zone`` by whose clock times are read, where the body does not say. Raises
    :class:`Invalid` with every fault, unknown fields among them. A window that is left out is the deployment's, where
    it has one.
    """
    start = Start(now, zone or zone_of(body, default_window), zoneless=_ZONELESS)
    kinds = dict.fromkeys(("scheduledStartAt", "scheduledEndAt"), start)
    fields = with_kinds((TEAM_ID, *CAMPAIGN.settable(is_new=True)), kinds)
    values, faults = examine(body, fields)
    if not any(fault.path.startswith(WINDOW) for fault in faults):
        try:
            values |= _window(values, default_window)
        except Invalid as error:
            faults.extend(error.faults)
    faults += end_faults(values.get("scheduled_start_at"), values.get("scheduled_end_at"))
    if faults:
        raise Invalid(faults)
    values.pop(TEAM_ID.column, None)
    return values


def end_faults(start: datetime | None, end: datetime | None) -> list[Fault]:
    """What is wrong with an end that comes before the start."""
    if start is None or end is None or start < end:
        return []
    return [Fault("scheduledEndAt", "It is not after scheduledStartAt; give a later instant.")]


def zone_of(body: Mapping[str, Any], default_window: CallWindow | None) -> str | None:
    """By whose clock the times of a campaign are read that have no offset; ``None`` where it has no zone."""
    named = body.get("callWindowTimezone")
    if isinstance(named, str):
        return None if zone_faults(named) else named
    is_default = default_window is not None and all(body.get(name) is None for name in WINDOW)
    return default_window.timezone if is_default and default_window is not None else None


def _window(values: Mapping[str, Any], default_window: CallWindow | None) -> dict[str, Any]:
    """The columns of the window: of the hours of every day, or of several windows. Raises :class:`Invalid`."""
    start, end, zone, windows = (values.get(column) for column in WINDOW_COLUMNS)
    if windows is None:
        window = parse_window(start, end, zone) or default_window
        if window is None:
            return {}
        return dict(zip(WINDOW_COLUMNS, (window.start, window.end, window.timezone, None), strict=True))
    faults = [
        Fault(name, "Give callWindows, or callWindowStart and callWindowEnd, not both.")
        for name, hour in zip(HOURS, (start, end), strict=True)
        if hour is not None
    ]
    if zone is None:
        faults.append(Fault("callWindowTimezone", "Missing: callWindows are read by the clock of a zone; name it."))
    else:
        faults += zone_faults(zone)
    if faults:
        raise Invalid(faults)
    return dict(zip(WINDOW_COLUMNS, (NO_HOURS, NO_HOURS, zone, windows), strict=True))


def parse_instant(text: object, path: str, now: datetime, zone: str | None = None) -> datetime:
    """A future instant in ISO 8601; without an offset, by the clock of the campaign's ``zone``. Raises
    :class:`Invalid`."""
    at: datetime = read_field(text, Field(path, Start(now, zone, zoneless=_ZONELESS), required=True), path)
    return at


def parse_contact_ids(body: Mapping[str, Any]) -> list[str]:
    """The ``contactIds`` of a request that names nothing else. Raises :class:`Invalid` with every fault."""
    found: list[str] = read_fields(body, CONTACT_IDS)["contact_ids"]
    return found
