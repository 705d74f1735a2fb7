"""How much a figure is worth: how many rounds, and of what size."""

from __future__ import annotations

from dataclasses import dataclass

QUICK_SHARE = 10
"""A quick figure works on so small a part of what a full one does."""


@dataclass(frozen=True, slots=True)
class Effort:
    """``rounds`` of each figure; a ``quick`` one is smaller, and less certain."""

    rounds: int = 3
    is_quick: bool = False

    def of(self, count: int) -> int:
        """So many of something, or of a quick figure a tenth."""
        return count // QUICK_SHARE if self.is_quick else count
