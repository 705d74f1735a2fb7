"""What a campaign may be made of: every field of the request checked, every fault reported at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from worker.domain.errors import Fault, Invalid
from worker.domain.fields import LONGEST_ID, MISSING, NOT_NULL, text_fault, unknown_fields
from worker.domain.machines import parse_machine_detection
from worker.domain.retry import RetryPolicy, parse_retry_policy
from worker.domain.whose_clock import USE_CONTACT_TIMEZONE
from worker.domain.window import RULES_END, CallWindow, parse_window

T = TypeVar("T")

CONCURRENT_CALLS = range(1, 1001)
DEFAULT_CONCURRENT_CALLS = 3
LONGEST_NAME = 200
LONGEST_DESCRIPTION = 10_000
LONGEST_QUOTED = 40
MOST_NUMBERS = 500
MOST_CONTACTS = 10_000

FIELDS = (
    "teamId",
    "assistantId",
    "companyId",
    "fromNumberIds",
    "name",
    "description",
    "scheduledStartAt",
    "callWindowStart",
    "callWindowEnd",
    "callWindowTimezone",
    "maxConcurrentCalls",
    "maxAttemptsPerContact",
    "retryDelayMinutes",
    "settings",
)
"""What a request for a new campaign may name, as the API page does."""


@dataclass(frozen=True, slots=True)
class CampaignSpec:
    """A campaign as asked for, checked. ``window`` is ``None`` where it may call at any hour."""

    name: str
    assistant_id: str
    company_id: str
    number_ids: tuple[str, ...]
    description: str | None
    scheduled_start_at: datetime | None
    window: CallWindow | None
    max_concurrent_calls: int
    retries: RetryPolicy
    settings: Mapping[str, Any] = field(default_factory=dict)


def parse_instant(text: object, path: str, now: datetime) -> datetime:
    """A future instant in ISO 8601 with an offset. Raises :class:`Invalid`."""
    if not isinstance(text, str):
        fault = "Give an ISO 8601 date and time, such as 2027-03-01T09:00:00Z."
        raise Invalid([Fault(path, _unless_given(text, fault))])
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(
            [Fault(path, f"{_quoted(text)} is not an ISO 8601 date and time; write it like 2027-03-01T09:00:00Z.")]
        ) from None
    if at.utcoffset() is None:
        raise Invalid([Fault(path, f"{_quoted(text)} has no offset; add Z or an offset such as -05:00.")])
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        raise Invalid([Fault(path, f"{_quoted(text)} is out of range; give a date before 2038.")]) from None
    if at >= RULES_END:
        raise Invalid(
            [Fault(path, f"{_quoted(text)} is after 2037, where time zones have no rules; give an earlier date.")]
        )
    if at <= now:
        raise Invalid([Fault(path, f"{_quoted(text)} is in the past; give a future instant or leave it out.")])
    return at


def _quoted(text: str) -> str:
    """What was sent, as far as it helps."""
    return f'"{text[:LONGEST_QUOTED]}{"…" if len(text) > LONGEST_QUOTED else ""}"'


def parse_campaign(body: Mapping[str, Any], *, now: datetime, default_window: CallWindow | None = None) -> CampaignSpec:
    """Check the fields of a request by the names of the API page.

    ``now`` is business time. Raises :class:`Invalid` with every fault, unknown fields among them. A window that
    is left out is the deployment's, where it has one. Whether ``teamId`` is the right one is for the caller.
    """
    faults = unknown_fields(body, FIELDS)

    def attempt(parse: Callable[[], T], instead: T) -> T:
        try:
            return parse()
        except Invalid as error:
            faults.extend(error.faults)
            return instead

    if "teamId" in body:
        attempt(lambda: _text(body["teamId"], "teamId"), "")
    name = attempt(lambda: _text(body.get("name", MISSING), "name", most=LONGEST_NAME), "")
    assistant = attempt(lambda: _text(body.get("assistantId", MISSING), "assistantId"), "")
    company = attempt(lambda: _text(body.get("companyId", MISSING), "companyId"), "")
    no_numbers: tuple[str, ...] = ()
    numbers = attempt(lambda: _number_ids(body.get("fromNumberIds", MISSING)), no_numbers)
    start_text = body.get("scheduledStartAt")
    start = None if start_text is None else attempt(lambda: parse_instant(start_text, "scheduledStartAt", now), None)
    bounds = (body.get("callWindowStart"), body.get("callWindowEnd"), body.get("callWindowTimezone"))
    window = attempt(lambda: _window(*bounds), None)
    limit = attempt(lambda: parse_limit(body.get("maxConcurrentCalls")), DEFAULT_CONCURRENT_CALLS)
    no_settings: Mapping[str, Any] = {}
    settings = attempt(lambda: parse_settings(body.get("settings")), no_settings)
    raw = body.get("settings")
    given = raw if isinstance(raw, Mapping) else {}
    retries = attempt(
        lambda: parse_retry_policy(body.get("maxAttemptsPerContact"), body.get("retryDelayMinutes"), given),
        RetryPolicy(),
    )
    description = attempt(lambda: _description(body.get("description")), None)
    if faults:
        raise Invalid(faults)
    whole_default = default_window if bounds == (None, None, None) else None
    return CampaignSpec(
        name,
        assistant,
        company,
        numbers,
        description,
        start,
        window or whole_default,
        limit,
        retries,
        settings,
    )


def parse_limit(value: object, path: str = "maxConcurrentCalls") -> int:
    """How many simultaneous calls a campaign may have; ``None`` means the default."""
    if value is None:
        return DEFAULT_CONCURRENT_CALLS
    if isinstance(value, int) and not isinstance(value, bool) and value in CONCURRENT_CALLS:
        return value
    raise Invalid([Fault(path, f"Give a whole number from {CONCURRENT_CALLS[0]} to {CONCURRENT_CALLS[-1]}.")])


def parse_settings(value: object) -> Mapping[str, Any]:
    """The freeform settings: kept as given, the keys this product knows checked (``retryDelays`` with the
    retry policy)."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Invalid([Fault("settings", 'Give an object, such as {"retryDelays": {"busy": 10}}.')])
    faults = []
    uses_own_zone = value.get(USE_CONTACT_TIMEZONE, True)
    if not isinstance(uses_own_zone, bool):
        fault = _unless_given(uses_own_zone, "Give true or false.")
        faults.append(Fault(f"settings.{USE_CONTACT_TIMEZONE}", fault))
    try:
        parse_machine_detection(value)
    except Invalid as error:
        faults.extend(error.faults)
    if faults:
        raise Invalid(faults)
    return value


def parse_contact_ids(body: Mapping[str, Any]) -> list[str]:
    """The ``contactIds`` of a request that names nothing else. Raises :class:`Invalid` with every fault."""
    path = "contactIds"
    faults = unknown_fields(body, (path,))
    value = body.get(path, MISSING)
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_CONTACTS:
        fault = f"Give a list of 1 to {MOST_CONTACTS} contact ids{_found(value)}."
        faults.append(Fault(path, _unless_given(value, fault)))
    else:
        faults += _no_ids(value, path, "contact")
    if faults:
        raise Invalid(faults)
    return list(dict.fromkeys(body[path]))


def _description(value: object) -> str | None:
    fault = None if value is None else text_fault(value, LONGEST_DESCRIPTION, least=0)
    if fault is not None:
        raise Invalid([Fault("description", fault)])
    return value if isinstance(value, str) else None


def _window(start: object, end: object, timezone: object) -> CallWindow | None:
    names = ("callWindowStart", "callWindowEnd", "callWindowTimezone")
    examples = ("09:00", "17:00", "America/New_York")
    wrong = []
    for path, example, value in zip(names, examples, (start, end, timezone), strict=True):
        if value is not None and not isinstance(value, str):
            wrong.append(Fault(path, f"Give a text such as {example}."))
        elif value is not None and (fault := text_fault(value, LONGEST_ID)):
            wrong.append(Fault(path, fault))
    if wrong:
        raise Invalid(wrong)
    return parse_window(start, end, timezone)  # type: ignore[arg-type]  # mypy does not follow the zip


def _found(value: object) -> str:
    return f"; this one has {len(value)}" if isinstance(value, list | tuple) else ""


def _no_ids(values: Sequence[object], path: str, what: str) -> list[Fault]:
    """What is wrong with those that are no ids."""
    whys = ((i, text_fault(value, LONGEST_ID)) for i, value in enumerate(values))
    return [Fault(f"{path}[{i}]", f"Give the id of a {what}: {why[0].lower()}{why[1:]}") for i, why in whys if why]


def _text(value: object, path: str, most: int = 200) -> str:
    fault = text_fault(value, most)
    if fault is None and isinstance(value, str):
        return value
    raise Invalid([Fault(path, _unless_given(value, fault or "Give a text."))])


def _unless_given(value: object, fault: str) -> str:
    """The fault of a required value, which may be missing or ``null``."""
    if value is MISSING or value is None:
        return f"{'Required:' if value is MISSING else f'{NOT_NULL};'} {fault[0].lower()}{fault[1:]}"
    return fault


def _number_ids(value: object) -> tuple[str, ...]:
    path = "fromNumberIds"
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST_NUMBERS:
        fault = f"Give a list of 1 to {MOST_NUMBERS} phone number ids{_found(value)}."
        raise Invalid([Fault(path, _unless_given(value, fault))])
    wrong = _no_ids(value, path, "phone number")
    if wrong:
        raise Invalid(wrong)
    return tuple(dict.fromkeys(value))
