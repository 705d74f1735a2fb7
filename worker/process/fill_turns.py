"""Fills of a team, one at a time in a process: who finds one under way leaves its campaigns to the next turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence


class FillTurns:
    """``fill`` is called with a team and its campaigns with free slots. Safe to share between threads.

    Fills of a team wait for each other's lock anyhow; waiting here costs no thread and no connection, and the turn that
    follows takes more at once. What a crash leaves here, the tick finds.
    """

    def __init__(self, fill: Callable[[str, Sequence[str]], None]) -> None:
        self._fill = fill
        self._wanted: dict[str, dict[str, None]] = {}  # team → campaigns that no thread has looked at yet
        self._filling: set[str] = set()  # teams a thread fills now
        self._lock = threading.Lock()

    def take(self, team_id: str, campaign_ids: Iterable[str]) -> None:
        """Fill, unless another thread fills the team already: that one will take these campaigns in its next turn."""
        with self._lock:
            self._wanted.setdefault(team_id, {}).update(dict.fromkeys(campaign_ids))
            if team_id in self._filling:
                return
            self._filling.add(team_id)
        done = False
        try:
            while (wanted := self._next(team_id)) is not None:
                self._fill(team_id, wanted)
            done = True
        finally:
            if not done:  # whoever comes next takes over what is left
                with self._lock:
                    self._filling.discard(team_id)

    def _next(self, team_id: str) -> list[str] | None:
        """The campaigns of the next turn; ``None`` ends this thread's turns, decided under the lock, so that nobody
        leaves campaigns to a thread that has just gone."""
        with self._lock:
            wanted = self._wanted.pop(team_id, None)
            if wanted is None:
                self._filling.discard(team_id)
                return None
            return list(wanted)
