"""What let each call to a number pass: by which rules, on which clock, with which consent, after how many others. For
whoever has to show that to somebody else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection

from worker.domain.answers import EVIDENCE
from worker.domain.local_times import written
from worker.domain.places import expand
from worker.domain.rule_words import source, wants
from worker.domain.window import zone_info
from worker.flow.base import Dialer
from worker.law.reading import law
from worker.law.rules import Rule
from worker.operations.country import country_of_team, meant
from worker.operations.views import View, view
from worker.store.database import once
from worker.store.reads import evidence
from worker.store.reads.evidence import EvidentCall

READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Calls to which ``number``, however it is written, reserved from ``since`` and before ``until``."""

    number: str
    since: datetime | None = None
    until: datetime | None = None


def call_evidence(
    dialer: Dialer, team_id: str, wanted: Wanted, *, limit: int, offset: int, region: str | None = None
) -> tuple[str, int, list[View]]:
    """The number in E.164, how many calls of the team went to it, and a page of them, the oldest first. A number
    without a country code is of the ``region``, or of the team's country."""

    def read(conn: Connection) -> tuple[str, int, list[View]]:
        number = meant(conn, team_id, wanted.number, region or country_of_team(conn, team_id))
        count, rows = evidence.page(
            conn, team_id, number, since=wanted.since, until=wanted.until, limit=limit, offset=offset
        )
        return number, count, [evidence_view(row) for row in rows]

    return once(dialer.db, read)


def all_evidence(dialer: Dialer, team_id: str, wanted: Wanted, *, region: str | None = None) -> Iterator[View]:
    """All of them, however many."""
    count, offset = 1, 0
    while offset < count:
        _, count, some = call_evidence(dialer, team_id, wanted, limit=READ_AT_ONCE, offset=offset, region=region)
        yield from some
        offset += READ_AT_ONCE


def evidence_view(row: EvidentCall) -> View:
    """One call, as it is shown."""
    kept = row.law or {}
    zones = kept.get("zones") or _zones_of(row)
    of_law = {name: kept.get(name) for name in ("purpose", "consent", "pack")}
    shown = view(EVIDENCE, row, place=kept.get("place", row.zone), areas=list(kept.get("areas", ())), **of_law)
    return shown | {
        "clocks": [{"zone": zone, "local": written(row.dialed_at, zone)} for zone in zones],
        "rules": [_rule(rule_id) for rule_id in kept.get("rules", ())],
    }


def _zones_of(row: EvidentCall) -> list[str]:
    """By which clocks a call was placed that no rules bound: those of its zone, or place, or the campaign's."""
    known = expand(row.zone).zones if row.zone else ()
    return [zone for zone in known or (row.call_window_timezone,) if zone is not None and _is_zone(zone)]


def _is_zone(name: str) -> bool:
    try:
        zone_info(name)
    except KeyError:  # pytz.UnknownTimeZoneError
        return False
    return True


def _rule(rule_id: str) -> Mapping[str, Any]:
    """A rule by its id, with what it wants and where it is written; one that is gone since has its id alone."""
    rule = _rules().get(rule_id)
    if rule is None:
        return {"rule": rule_id, "text": None, "source": None}
    return {"rule": rule_id, "text": f"{rule.title} ({rule.place}): {wants(rule)}", "source": source(rule)}


@cache
def _rules() -> Mapping[str, Rule]:
    return {rule.id: rule for rule in law().rules}
