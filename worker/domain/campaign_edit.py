"""What of a campaign may be changed, and when.

The campaign as it would be afterwards is read by the same rules as a new one, so that an edit can bring about
nothing that could not have been asked for in the first place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.domain.campaign import FIELDS, CampaignSpec, parse_campaign
from worker.domain.errors import Invalid
from worker.domain.fields import unknown_fields
from worker.domain.window import RULES_END

_WINDOW = ("callWindowStart", "callWindowEnd", "callWindowTimezone")
ALWAYS = frozenset({"name", "description"})
"""What may be edited whatever the campaign is doing; everything else decides who is called when."""
WHILE_RUNNING = frozenset({"maxConcurrentCalls"})
"""What may be edited while it runs, too: each claim reads the limit, and who talks goes on talking."""

KNOWN = tuple(name for name in FIELDS if name not in ("teamId", "scheduledStartAt"))
"""When a campaign starts is changed by ``schedule`` and ``unschedule``."""

_A_CAMPAIGN = {"name": "a name", "assistantId": "an assistant", "companyId": "a company", "fromNumberIds": ["a number"]}


@dataclass(frozen=True, slots=True)
class CampaignEdit:
    """The columns to set, and the caller IDs where those change. ``is_policy`` if calls that are planned already
    depend on it; those beyond a new limit do not."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    number_ids: tuple[str, ...] | None = None
    is_policy: bool = False


def parse_edit(sent: Mapping[str, Any], current: Mapping[str, Any]) -> CampaignEdit:
    """What the fields sent change about the campaign, ``current`` in the same names.

    A field set to ``null`` goes back to what it is when left out of a new campaign; the call window goes as a
    whole, when all of its fields are ``null``. Raises :class:`Invalid` with every fault.
    """
    unknown = unknown_fields(sent, KNOWN)
    is_policy = bool(sent.keys() - ALWAYS - WHILE_RUNNING)
    before = current if is_policy else _A_CAMPAIGN  # a name can be changed though a zone has left the database
    whole = {**before, **{name: value for name, value in sent.items() if name in KNOWN}}
    try:
        spec = parse_campaign(whole, now=RULES_END)
    except Invalid as error:
        raise Invalid([*unknown, *error.faults]) from None
    if unknown:
        raise Invalid(unknown)
    columns = {column: value for name in sent for column, value in _columns(spec, name).items()}
    return CampaignEdit(columns, spec.number_ids if "fromNumberIds" in sent else None, is_policy)


def _columns(spec: CampaignSpec, name: str) -> dict[str, Any]:
    """The columns that hold a field of the page; none for the caller IDs, which have rows of their own."""
    if name in _WINDOW:
        window = spec.window
        return {
            "call_window_start": window.start if window else None,
            "call_window_end": window.end if window else None,
            "call_window_timezone": window.timezone if window else None,
        }
    values: dict[str, tuple[str, Any]] = {
        "name": ("name", spec.name),
        "description": ("description", spec.description),
        "assistantId": ("assistant_id", spec.assistant_id),
        "companyId": ("company_id", spec.company_id),
        "maxConcurrentCalls": ("max_concurrent_calls", spec.max_concurrent_calls),
        "maxAttemptsPerContact": ("max_attempts_per_contact", spec.retries.max_attempts),
        "retryDelayMinutes": ("retry_delay_minutes", spec.retries.delay_minutes),
        "settings": ("settings", dict(spec.settings)),
    }
    return dict([values[name]]) if name in values else {}
