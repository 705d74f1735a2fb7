"""A campaign's report as the API shows it."""

from __future__ import annotations

from typing import Any

from worker.domain.model import Disposition
from worker.domain.reach import reach
from worker.operations.instants import instant
from worker.operations.report import CampaignReport


def report(found: CampaignReport) -> dict[str, Any]:
    """Its calls by several measures."""
    calls = {name.value: sum(hour.get(name, 0) for hour in found.hours.values()) for name in Disposition}
    return {
        "campaign_id": found.facts.id,
        "status": found.facts.status,
        "as_of": instant(found.facts.now),
        "timezone": found.zone,
        "total_contacts": found.counts["total"],
        "reach": reach(found.facts.status, found.counts),
        "calls": {name: count for name, count in calls.items() if count},
        "hours": [{"at": instant(at), "calls": dict(by)} for at, by in sorted(found.hours.items())],
        "attempts": [
            {"attempt": attempt, "calls": calls, "answered": answered}
            for attempt, (calls, answered) in sorted(found.attempts.items())
        ],
        "weekdays": {"calls": found.week.calls, "answered": found.week.answers},
        "first_words": {"reported": found.first_words[0], "late": found.first_words[1]},
        "slots": _slots(found),
    }


def _slots(found: CampaignReport) -> list[dict[str, Any]]:
    if found.use is None:
        return []
    starts, ends = found.use.edges[:-1], found.use.edges[1:]
    parts = zip(starts, ends, found.use.peaks, found.use.limits, strict=True)
    return [
        {"from": instant(start), "to": instant(end), "peak": peak, "limit": limit} for start, end, peak, limit in parts
    ]
