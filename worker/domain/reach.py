"""How far a campaign has come with its contacts, in the words that are the same wherever it is said."""

from __future__ import annotations

from collections.abc import Mapping

from worker.domain.model import CampaignStatus

WORDS = ("reached", "not_reached", "cannot_be_called", "left", "cancelled")
"""*Reached*: answered. *Not reached*: its attempts are used. *Cannot be called*: skipped or failed. *Left*: it waits,
or is being called. Those that were *cancelled* with their campaign stand apart. Each contact is in one of them."""


def reach(status: str, counts: Mapping[str, int]) -> dict[str, int]:
    """A campaign's contacts by these words, made of their counts by status; who waits in a cancelled campaign is
    cancelled."""
    waiting = counts["pending"] + counts["queued"]
    is_cancelled = status == CampaignStatus.CANCELLED
    return {
        "reached": counts["completed"],
        "not_reached": counts["exhausted"],
        "cannot_be_called": counts["skipped"] + counts["failed"],
        "left": counts["calling"] + (0 if is_cancelled else waiting),
        "cancelled": counts["cancelled"] + (waiting if is_cancelled else 0),
    }


def in_words(reached: Mapping[str, int]) -> str:
    """``3 reached, 1 not reached, 2 cannot be called, 4 left``; cancelled ones only where there are any."""
    return ", ".join(
        f"{count} {word.replace('_', ' ')}" for word, count in reached.items() if count or word != "cancelled"
    )
