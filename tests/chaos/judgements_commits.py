"""No call is committed to be placed against what was committed before it: the gate, checked again over its history.

The history (:mod:`tests.chaos.history`) is gone through in the order of commits. At each call's ``dialing`` everything
that must then hold of its campaign, its contact and its caller ID is checked again, by this module's own reading of the
contract and without any tolerance. An occasion is a call that was reserved and allowed when something changed that
forbade it: it was still to be committed, and must not be, unless that is undone.

A window is checked at the business instant of the commit, ``dialed_at``: it must be open then. The twenty seconds kept
free before its end are the product's margin and not the callee's right; they are not checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import pytz

from tests.chaos.evidence import Change, Clock, Evidence
from tests.law import independent

Values = Mapping[str, Any]


@dataclass
class _State:
    """What the database said at a moment. Of a call, what it was reserved with."""

    rows: dict[tuple[str, str], Values] = field(default_factory=dict)
    banned: set[tuple[str, str]] = field(default_factory=set)
    callers: set[tuple[str, str]] = field(default_factory=set)
    reserved: dict[str, Values] = field(default_factory=dict)

    def apply(self, change: Change) -> None:
        sets = {"do_not_call": (self.banned, "number"), "campaign_numbers": (self.callers, "number_id")}
        if change.table in sets:
            those, column = sets[change.table]
            if change.was is not None:
                those.discard((change.subject, change.was[column]))
            if change.became is not None:
                those.add((change.subject, change.became[column]))
        elif change.became is not None:
            in_campaign = change.table == "campaign_contacts"
            subject = f"{change.subject} in {change.became['campaign_id']}" if in_campaign else change.subject
            self.rows[change.table, subject] = change.became

    def of(self, table: str, subject: str) -> Values:
        return self.rows.get((table, subject), {})


def _stopped(state: _State, call: Values, at: datetime) -> str | None:
    campaign = state.of("campaigns", call["campaign_id"])
    if campaign.get("deleted_at") is not None:
        return "its campaign was deleted"
    if campaign.get("closing_at") is not None:
        return "its campaign had ended"
    return None if campaign.get("status") == "running" else f"its campaign was {campaign.get('status')}"


def _replaced(state: _State, call: Values, at: datetime) -> str | None:
    is_newest = state.of("campaigns", call["campaign_id"]).get("run_id") == call["run_id"]
    return None if is_newest else "its run had been replaced"


def _outside_policy(state: _State, call: Values, at: datetime) -> str | None:
    campaign = state.of("campaigns", call["campaign_id"])
    if (call["campaign_id"], call["number_id"]) not in state.callers:
        return "its caller ID was no longer the campaign's"
    ends_at = campaign.get("scheduled_end_at")
    if ends_at is not None and at >= datetime.fromisoformat(ends_at):
        return "its campaign's end had come"
    if campaign.get("call_window_start") is None:
        return None
    follows_contact = (campaign.get("settings") or {}).get("useContactTimezone", True)
    if not follows_contact or not call["zone"]:
        zones: Sequence[str] = [campaign["call_window_timezone"]]
    else:
        zones = _zones_of(call["zone"]) if _goes_by_places(state, call) else [call["zone"]]
    return next((why for zone in zones if (why := _outside_window(campaign, zone, at)) is not None), None)


def _outside_window(campaign: Values, zone: str, at: datetime) -> str | None:
    start, end = str(campaign["call_window_start"]), str(campaign["call_window_end"])
    clock = at.astimezone(pytz.timezone(zone))
    wall = clock.strftime("%H:%M")
    if campaign.get("call_windows") is not None:
        return _outside_windows(campaign["call_windows"], clock)
    is_open = (start <= wall < end) if start < end else (wall >= start or wall < end)
    return None if is_open else f"it was {wall} in {zone}, outside {start}-{end}"


def _purpose(state: _State, call: Values) -> str | None:
    """What the rules that bind the call are those of."""
    campaign, team = state.of("campaigns", call["campaign_id"]), state.of("teams", call["team_id"])
    own = campaign.get("purpose") or (team.get("policy") or {}).get("purpose")
    return own if own and campaign.get("law") is None else None


def _goes_by_places(state: _State, call: Values) -> bool:
    policy = state.of("teams", call["team_id"]).get("policy") or {}
    return bool(_purpose(state, call) or policy.get("zoneFromNumber"))


def _zones_of(place: str) -> Sequence[str]:
    """The clocks of a place: as they are named, or those of the area by a table of its own."""
    areas, _, zones = place.rpartition(":")
    named = [ZONES_OF_AREAS[area] for area in areas.split(",")] if zones == "*" else [zones.split(",")]
    return [zone for some in named for zone in some if zone]


ZONES_OF_AREAS: Mapping[str, Sequence[str]] = {
    "US-CO": ["America/Denver"],
    "US-HI": ["Pacific/Honolulu"],
    "US-IN": ["America/New_York", "America/Chicago"],
    "FR": ["Europe/Paris"],
    "DE": ["Europe/Berlin"],
    "IN": ["Asia/Kolkata"],
}
"""Where trials call."""


def _against_rules(state: _State, call: Values, at: datetime) -> str | None:
    """By another reading of the facts (:mod:`tests.law.independent`), where the call's place says it is."""
    purpose = _purpose(state, call)
    if purpose is None:
        return None
    areas = tuple(area for area in call["zone"].rpartition(":")[0].split(",") if area)
    zones = tuple(_zones_of(call["zone"]))
    if not areas or not zones:
        return "nobody knew where its contact was"
    if call.get("state") == "dialing" and not (call.get("law") or {}).get("pack"):
        return "it named no rules that let it pass"
    verdict = independent.verdict(independent.Call(areas, zones, purpose, "automated", "mobile"), 2, at)
    return None if verdict == "dial" else f"the rules for {purpose} in {', '.join(areas)} said {verdict}"


def _outside_windows(windows: Sequence[Mapping[str, Any]], clock: datetime) -> str | None:
    """Each begins on the days it names, and one that ends before it starts goes on into the day after."""
    wall, day = clock.strftime("%H:%M"), clock.strftime("%a").lower()
    day_before = (clock.replace(tzinfo=None) - timedelta(days=1)).strftime("%a").lower()
    for window in windows:
        start, end, days = window["start"], window["end"], window["days"]
        if start < end and day in days and start <= wall < end:
            return None
        if start > end and ((day in days and wall >= start) or (day_before in days and wall < end)):
            return None
    return f"it was {day} {wall}, outside every window"


def _before_its_callback(state: _State, call: Values, at: datetime) -> str | None:
    contact = state.of("campaign_contacts", f"{call['contact_id']} in {call['campaign_id']}")
    asked = contact.get("callback_at")
    is_later = asked is not None and datetime.fromisoformat(asked) > at
    return f"its contact had asked to be called at {asked}" if is_later else None


def _not_to_be_called(state: _State, call: Values, at: datetime) -> str | None:
    if (call["team_id"], call["to_number"]) in state.banned:
        return "its number was on the do-not-call list"
    return "its contact was marked do-not-call" if state.of("contacts", call["contact_id"]).get("do_not_call") else None


def _changed(state: _State, call: Values, at: datetime) -> str | None:
    contact = state.of("contacts", call["contact_id"])
    if call.get("secondary") is not None:
        if contact.get("phone_secondary") != call["secondary"]:
            return "its contact had another second number"
    elif contact.get("phone_e164") != call["to_number"]:
        return "its contact had another number"
    place = (contact.get("place") or "") if _goes_by_places(state, call) else ""
    is_there = (place or contact.get("timezone") or "") == call["zone"]
    return None if is_there else "its contact had another zone or place"


def _unusable(state: _State, call: Values, at: datetime) -> str | None:
    if not state.of("phone_numbers", call["number_id"]).get("enabled", True):
        return "its caller ID was disabled"
    is_enabled = state.of("carrier_accounts", call["account_id"]).get("enabled", True)
    return None if is_enabled else "its carrier account was disabled"


Gate = Callable[[_State, Values, datetime], str | None]
"""Why a call may not be committed at a business instant, in this state; ``None`` if it may."""
GATES: Mapping[str, Gate] = {
    "stops_bind_commits": _stopped,
    "newer_runs_bind_commits": _replaced,
    "policy_binds_commits": _outside_policy,
    "callbacks_bind_commits": _before_its_callback,
    "do_not_call_binds_commits": _not_to_be_called,
    "contacts_bind_commits": _changed,
    "rules_bind_commits": _against_rules,
    "callers_bind_commits": _unusable,
}


def gate(name: str) -> Callable[[Evidence], Iterator[str | None]]:
    """The judgement by this name."""
    return lambda e: iter(_findings(e)[name])


def transactions(history: Iterable[Change]) -> list[list[Change]]:
    """What was changed together, in the order of commits."""
    together: dict[int, list[Change]] = {}
    for change in history:
        together.setdefault(change.transaction, []).append(change)
    return sorted(together.values(), key=lambda changes: changes[-1].number)


@lru_cache(maxsize=2)
def _findings(e: Evidence) -> Mapping[str, list[str | None]]:
    walk = _Walk(e.clock)
    for changes in transactions(e.history):
        walk.step(changes)
    return walk.found


@dataclass
class _Walk:
    """Through the history, one transaction after the other. ``forbidden`` is since when, by the database's clock, a
    gate is shut before a reserved call, and which occasion of that judgement it was."""

    clock: Clock
    state: _State = field(default_factory=_State)
    found: dict[str, list[str | None]] = field(default_factory=lambda: {name: [] for name in GATES})
    forbidden: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)

    def step(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.state.apply(change)
            if change.table == "calls":
                self._move(change)
        for call_id, call in self.state.reserved.items():
            for name, check in GATES.items():
                if check(self.state, call, self.clock.business(changes[-1].at)) is None:
                    self.forbidden.pop((name, call_id), None)
                elif (name, call_id) not in self.forbidden:
                    self.forbidden[name, call_id] = changes[-1].at, len(self.found[name])
                    self.found[name].append(None)

    def _move(self, change: Change) -> None:
        call = change.became or {}
        self.state.reserved.pop(change.subject, None)
        if call.get("state") == "reserved":
            self.state.reserved[change.subject] = call
        elif call.get("state") == "dialing":
            self._judge(change.subject, call)

    def _judge(self, call_id: str, call: Values) -> None:
        """It is committed to be placed."""
        at = datetime.fromisoformat(call["dialed_at"])
        dialing_at = datetime.fromisoformat(call["dialing_at"]).timestamp()
        for name, check in GATES.items():
            why = check(self.state, call, at)
            if why is None:
                continue
            said = f"call {call_id} was committed to be placed when {why}"
            if (name, call_id) in self.forbidden:
                since, nth = self.forbidden[name, call_id]
                self.found[name][nth] = f"{said}, for {dialing_at - since:.3f} s"
            else:
                self.found[name].append(said)
