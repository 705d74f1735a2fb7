"""Calls that rules let pass, judged by another reading of the facts (:mod:`tests.law.independent`): each at the
business instant at which it was committed, in every zone and area that it was taken to be in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

LEVELS = {"none": 0, "express": 1, "written": 2}


def unlawful(calls: Iterable[Any]) -> list[str]:
    """Rows of ``calls`` with their ``law``: those that should not have been let pass, and why."""
    bound = [call for call in calls if call.law is not None]
    if not bound:
        return []
    from tests.law import independent  # whose holidays take long to read

    found = []
    for call in bound:
        law = call.law
        reading = independent.Call(tuple(law["areas"]), tuple(law["zones"]), law["purpose"], "automated", "mobile")
        verdict = independent.verdict(reading, LEVELS[law["consent"]], call.dialed_at)
        if verdict != "dial" or not (law["zones"] and law["areas"]):
            found.append(f"call {call.id} to {law['place']} at {call.dialed_at}: {verdict}")
    return found
