"""A page of a list that is read behind a row, or by what has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worker.domain.paging import Part
from worker.operations.instants import instant
from worker.operations.views import View


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list: the things, how many there are (``None``: not counted), what the next page begins behind
    (``None``: there is none), and from when on to read what will have changed."""

    shown: Sequence[View]
    count: int | None
    next: str | None
    read_at: datetime

    def answer(self, name: str, part: Part) -> dict[str, Any]:
        """The fields of the API's answer; the things are called ``name``."""
        paged = {"limit": part.limit, "offset": part.offset, "next": self.next}
        return {name: self.shown, "count": self.count, **paged, "read_at": instant(self.read_at)}
