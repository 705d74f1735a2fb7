"""What carriers' codes for a refused call are about: the shape of a carrier's table, and who wins among several.

A carrier publishes hundreds of codes for one HTTP status. What matters is whom a code speaks of, because that is how
far the dialer's answer reaches: a code about one callee must never stop a campaign, let alone an account. Each
carrier's table stands in its own package (``codes.py``), a line a code, with the page that says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from worker.carriers.base import Action


class About(StrEnum):
    """Whom or what a refusal speaks of, the one that reaches least far first."""

    CALLEE = "callee"  # one number cannot or may not be called: its contact
    RATE = "rate"  # too many requests: passes by itself
    CHANNELS = "channels"  # too many calls at once: passes by itself
    CALLER_ID = "caller ID"  # one number may not be shown: every campaign that shows it
    REQUEST = "request"  # what we send is wrong: its campaign
    ACCOUNT = "account"  # credentials or standing: every campaign that calls through it


ABOUT = {
    Action.INVALID_NUMBER: About.CALLEE,
    Action.UNREACHABLE: About.CALLEE,
    Action.BLOCKED: About.CALLEE,
    Action.LATER: About.CALLEE,
    Action.BACK_OFF: About.RATE,
    Action.CHANNELS: About.CHANNELS,
    Action.RETIRE_NUMBER: About.CALLER_ID,
    Action.REST_NUMBER: About.CALLER_ID,
    Action.MALFORMED: About.REQUEST,
    Action.STOP_ACCOUNT: About.ACCOUNT,
}
"""What each action does something to. ``FAILED`` is for what is in no table, of which nobody knows whom it is about."""


@dataclass(frozen=True, slots=True)
class Code:
    """One line of a carrier's table: what the ``code`` is about, what the dialer does, what it means, and where the
    carrier says so. ``says`` is for people, of codes that look like something else than they are."""

    code: str
    about: About
    action: Action
    meaning: str
    source: str
    says: str = ""


_REACH = {about: reach for reach, about in enumerate(About)}


def narrowest(codes: Iterable[Code]) -> Code | None:
    """The one to act on when an answer names several: the one that reaches least far, the first of equals.

    What is said of a callee stays true whatever else is wrong, and giving up one contact is the least that can be
    done. What passes by itself costs nothing. If an account is at fault too, the next call will say so alone.
    """
    return min(codes, key=lambda code: _REACH[code.about], default=None)
