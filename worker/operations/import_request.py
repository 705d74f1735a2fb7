"""A request to import a file of contacts, and what became of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TypedDict

from worker.domain.contact_file import LineFault
from worker.domain.model import CampaignStatus
from worker.domain.places import Basis
from worker.flow.base import Dialer, Step
from worker.operations.batches import Bookmark
from worker.operations.import_progress import ImportObserver


class LineKinds(TypedDict):
    """Whether a file has lines of these kinds."""

    exported: bool
    uncallable: bool
    external: bool


@dataclass(slots=True)
class Loaded:
    """What became of a file.

    ``lines`` were read; ``refused`` of them are no contacts, ``merged`` are the same person as an earlier line, the
    others are contacts: ``created``, ``changed``, or as they were. ``uncallable`` lines are contacts without a number
    that can be called; ``do_not_call`` lines say that theirs is not to be called, ``unreadable`` of these in words
    nobody could read, ``elsewhere`` in a column of something else. ``added`` contacts are new in the campaign. ``ids``,
    in the order of the file, and ``faults``, notes on lines, may be cut short, the counts never are.
    ``placed`` counts the lines with a number that can be called by what says where they are.
    ``is_refused``: ``strict`` found something wrong, and nothing was written. ``warnings`` are about numbers that are
    where the campaign's clock is not. A dry run has no ``import_id``.
    """

    import_id: str = ""
    lines: int = 0
    refused: int = 0
    uncallable: int = 0
    do_not_call: int = 0
    unreadable: int = 0
    elsewhere: int = 0
    exported: int = 0
    external: int = 0
    merged: int = 0
    written: int = 0
    created: int = 0
    changed: int = 0
    added: int = 0
    ids: list[str] = field(default_factory=list)
    faults: list[LineFault] = field(default_factory=list)
    placed: Counter[Basis] = field(default_factory=Counter)
    is_refused: bool = False
    campaign_status: str | None = None
    warnings: tuple[str, ...] = ()
    steps: list[Step] = field(default_factory=list)

    @property
    def to_write(self) -> int:
        """The contacts the file has."""
        return self.lines - self.refused - self.merged

    @property
    def unchanged(self) -> int:
        return self.written - self.created - self.changed

    @property
    def kinds(self) -> LineKinds:
        """Which lines there are that are found in ways of their own."""
        return {"exported": self.exported > 0, "uncallable": self.uncallable > 0, "external": self.external > 0}

    def room(self, most: int | None) -> int | None:
        """How many more ids are remembered, if ``most`` are; ``None``: all."""
        return None if most is None else max(most - len(self.ids), 0)


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """One file and what is to be done with it; ``most_ids`` bounds how many of its contacts' ids are remembered."""

    dialer: Dialer
    team_id: str
    company_id: str | None
    campaign_id: str | None
    tags: tuple[str, ...]
    region: str | None
    actor: str
    most_ids: int | None
    observer: ImportObserver
    bookmark: Bookmark


def waits_for_next_run(loaded: Loaded) -> bool:
    """Whether contacts were added to a campaign that had been completed: nobody is called before it is run again."""
    return loaded.added > 0 and loaded.campaign_status == CampaignStatus.COMPLETED
