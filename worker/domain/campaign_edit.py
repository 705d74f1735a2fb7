"""What of a campaign may be changed, and when.

The campaign as it would be afterwards is read by the same rules as a new one, so that an edit can bring about
nothing that could not have been asked for in the first place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from worker.domain.campaign import CAMPAIGN, HOURS, WINDOW, WINDOW_COLUMNS, parse_campaign, zone_of
from worker.domain.errors import Invalid
from worker.domain.fields import Setting, unknown_fields
from worker.domain.future_instant import Start

EDITABLE_FIELDS = CAMPAIGN.settable(is_new=False)
"""When a campaign starts is changed by ``schedule`` and ``unschedule``."""
KNOWN = tuple(each.name for each in EDITABLE_FIELDS)
ALWAYS = frozenset(each.name for each in EDITABLE_FIELDS if each.when is Setting.ALWAYS)
"""What may be edited whatever the campaign is doing; everything else decides who is called when."""
WHILE_RUNNING = frozenset(each.name for each in EDITABLE_FIELDS if each.when is Setting.UNTIL_ENDED)
"""What may be edited while it runs, too: each claim reads the limit, and who talks goes on talking."""
_A_CAMPAIGN = {each.name: each.example for each in EDITABLE_FIELDS if each.required}


INSTANTS = frozenset(each.name for each in EDITABLE_FIELDS if isinstance(each.kind, Start))
"""Fields that are compared with the present when they are sent, and only then."""
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class CampaignEdit:
    """The columns to set, and the caller IDs where those change. ``is_policy`` if calls that are planned already
    depend on it; those beyond a new limit do not."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    number_ids: list[str] | None = None
    is_policy: bool = False


def as_sent(campaign: Mapping[str, Any]) -> dict[str, Any]:
    """The campaign, by column, as a request that changes nothing."""
    return {each.name: campaign[each.column] for each in EDITABLE_FIELDS}


def parse_edit(sent: Mapping[str, Any], current: Mapping[str, Any], now: datetime = EPOCH) -> CampaignEdit:
    """What the fields sent change about the campaign, ``current`` in the same names; ``now`` is business time.

    A field set to ``null`` goes back to what it is when left out of a new campaign; the call window goes as a
    whole, when all of its fields are ``null``. Raises :class:`Invalid` with every fault.
    """
    unknown = unknown_fields(sent, KNOWN)
    is_policy = bool(sent.keys() - ALWAYS - WHILE_RUNNING)
    before = current if is_policy else _A_CAMPAIGN  # a name can be changed though a zone has left the database
    before = {name: value for name, value in before.items() if name not in INSTANTS}
    whole = {**before, **_one_way_of_hours(sent), **{name: value for name, value in sent.items() if name in KNOWN}}
    try:
        values = parse_campaign(whole, now=now, zone=zone_of(current, None))
    except Invalid as error:
        raise Invalid([*unknown, *error.faults]) from None
    if unknown:
        raise Invalid(unknown)
    columns = {each.column: values[each.column] for each in EDITABLE_FIELDS if each.name in sent}
    if not sent.keys().isdisjoint(WINDOW):
        columns |= {column: values.get(column) for column in WINDOW_COLUMNS}
    return CampaignEdit(columns, columns.pop("from_number_ids", None), is_policy)


def _one_way_of_hours(sent: Mapping[str, Any]) -> dict[str, None]:
    """Who sends windows wants the hours of every day no more, and the other way round."""
    if sent.get("callWindows") is not None:
        return dict.fromkeys(HOURS)
    return {"callWindows": None} if any(sent.get(name) is not None for name in HOURS) else {}
