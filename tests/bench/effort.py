"""How much a figure is worth: how many rounds, and of what size."""

from __future__ import annotations

from dataclasses import dataclass

QUICK_SHARE = 10
"""A quick figure works on so small a part of what a full one does, where it does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Effort:
    """``rounds`` of each figure; a ``quick`` one is smaller, and less certain."""

    rounds: int = 3
    is_quick: bool = False

    def of(self, count: int, quick: int | None = None) -> int:
        """So many of something, or so many seconds; of a quick figure ``quick``, a tenth where that is not given."""
        if not self.is_quick:
            return count
        return count // QUICK_SHARE if quick is None else quick
