"""What a run answers, or why it was not opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from worker.domain.errors import Conflict
from worker.domain.model import Reason
from worker.domain.on_the_clock import when
from worker.domain.waits import Waits
from worker.store.claims import Reservation


@dataclass(frozen=True, slots=True)
class Unreached:
    """A contact that cannot be called: what it is called and its number, as far as is known, and why not."""

    contact_id: str
    name: str
    phone: str
    reason: Reason


class RunIsOpen(Conflict):
    """The campaign has an open run, and whoever asked did not say that it is to be replaced."""

    def __init__(self, campaign_id: str, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"Campaign {campaign_id} has an open run, {run_id}, which a new one would replace.")


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run answers. ``calls`` were reserved and handed on by this request; ``failed`` counts the
    contacts that cannot be called and ``errors`` says why, for at most 1000; ``remaining`` contacts still
    wait; ``opens_at`` is set when the window is shut now; ``warnings`` are what to look at before it goes on.
    ``replaced_run_id`` is the run that was open until this one was; ``now`` (business time) and ``zone`` are the
    campaign's. ``causes`` counts all who cannot be called by the reason, ``unreached`` names those ``errors`` are
    about. Of a dry run ``waits`` says for what those wait who wait, and ``missing`` which contacts lack what of the
    campaign's variables, a sentence each."""

    run_id: str | None
    calls: tuple[Reservation, ...]
    failed: int
    errors: tuple[str, ...]
    remaining: int
    opens_at: datetime | None
    has_window: bool
    warnings: tuple[str, ...]
    dry_run: bool
    replaced_run_id: str | None = None
    now: datetime | None = None
    zone: str | None = None
    causes: Mapping[Reason, int] = field(default_factory=dict)
    unreached: tuple[Unreached, ...] = ()
    missing: tuple[str, ...] = ()
    waits: Waits | None = None

    @property
    def message(self) -> str:
        """The summary for a person."""
        count = len(self.calls)
        started = f"{'Would start' if self.dry_run else 'Started'} {count} call{'' if count == 1 else 's'}"
        notes = []
        if self.replaced_run_id is not None:
            notes.append(f"{'would replace' if self.dry_run else 'replaced'} run {self.replaced_run_id}")
        if self.opens_at is not None and not count:
            at = when(self.opens_at, self.now or self.opens_at, self.zone)
            notes.append(f"the call window is shut until {at}")
        if not self.has_window:
            notes.append("this campaign has no call window, so calls go out at any hour")
        return "; ".join([started, *notes])
