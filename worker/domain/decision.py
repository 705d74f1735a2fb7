"""Whether a contact of a campaign is called at an instant: dialed, waits, or never is, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from worker.domain.on_the_clock import when
from worker.domain.verdict import Because

SAYS = {
    "dial": "It may be called",
    "wait": "It waits",
    "never": "It is not called",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """``dial``, ``wait`` until an instant (``None``: until more is known, or somebody does something), or ``never``;
    for an instant ``at`` (business time), with the reasons: rules of law with their source, and words of ours.
    ``zones`` are the clocks of wherever the callee may be."""

    verdict: Literal["dial", "wait", "never"]
    at: datetime
    until: datetime | None
    because: Sequence[Because]
    areas: Sequence[str] = ()
    zones: Sequence[str] = ()

    @property
    def message(self) -> str:
        """The sentence, by the callee's clock."""
        zone = self.zones[0] if self.zones else None
        said = SAYS[self.verdict]
        if self.verdict == "wait" and self.until is not None:
            said += f" until {when(self.until, self.at, zone)}"
        first = f": {self.because[0].text.rstrip('.')}" if self.because and self.verdict != "dial" else ""
        return f"{said}{first}."


def of_ours(rule: str, text: str) -> Because:
    """A reason that is no law, but ours: the campaign's window, a do-not-call."""
    return Because(rule, text, "")
