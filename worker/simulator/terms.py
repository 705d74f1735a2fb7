"""What a carrier lets an account do, whatever would become of the call: how many at once, whereto, and on trial."""

from __future__ import annotations

from dataclasses import dataclass

from worker.carriers.simulated.protocol import REFUSALS
from worker.simulator.calls import Request
from worker.simulator.lives import Refusal


@dataclass(frozen=True, slots=True)
class Terms:
    """``channels`` calls of an account at once; calls to numbers that begin with one of the ``prefixes``; on trial,
    only to numbers that were ``verified``. ``None`` bars nothing."""

    channels: int | None = None
    prefixes: tuple[str, ...] | None = None
    verified: tuple[str, ...] | None = None

    def why_not(self, request: Request, live: int, scripted: Refusal | None = None) -> Refusal | None:
        """Why this call is refused to an account with so many ``live`` calls: first for whom it is to, then as its life
        has it, and last for want of a channel."""
        if self.verified is not None and request.to_number not in self.verified:
            return _refusal("unverified_number")
        if self.prefixes is not None and not request.to_number.startswith(self.prefixes):
            return _refusal("country_not_allowed")
        if scripted is not None:
            return scripted
        if self.channels is not None and live >= self.channels:
            return _refusal("no_channel")
        return None


def _refusal(word: str) -> Refusal:
    return Refusal(REFUSALS[word], word)
