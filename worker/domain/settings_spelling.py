"""A campaign's ``settings`` keep whatever they are given; a key that is nearly one of ours deserves a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker.domain.machines import KEY as MACHINE_DETECTION
from worker.domain.retry import KEY as RETRY_DELAYS
from worker.domain.spelling import nearest
from worker.domain.whose_clock import USE_CONTACT_TIMEZONE

KNOWN = (RETRY_DELAYS, USE_CONTACT_TIMEZONE, MACHINE_DETECTION)
"""The keys that mean something. What is within them is checked, and refused where it is unknown."""


def misspelt(settings: Mapping[str, Any]) -> list[str]:
    """A sentence for every key that resembles a known one and therefore does nothing."""
    meant = {name: nearest(name, KNOWN) for name in settings if name not in KNOWN}
    return [
        f"settings.{name} is kept but does nothing; did you mean settings.{known}?"
        for name, known in meant.items()
        if known is not None
    ]
