"""Phone numbers as they are shown where anybody may look: on screens, and in logs. One rule for all of them."""

from __future__ import annotations

SHOWN_DIGITS = 4


def masked(number: str) -> str:
    """A number in E.164 cut to its last four digits: enough to know one's own by, for whoever looks over a shoulder."""
    return f"+…{number[-SHOWN_DIGITS:]}" if number else ""
