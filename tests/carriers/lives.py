"""What becomes of calls in the tests of the carriers' protocols, by the number that is called."""

from __future__ import annotations

from typing import Any

ANSWERS, RINGS, MACHINE, FAX, DECLINES, NOWHERE = (f"+1202555010{n}" for n in range(6))
TALKS_LONG, PLACED_500, NO_ID, RESET, HANGS = (f"+1202555011{n}" for n in range(5))
BUSY, DOUBLED, LOST, REVERSED, QUEUED = (f"+1202555012{n}" for n in range(5))

LIVES: dict[str, Any] = {
    ANSWERS: {"ring": 1, "talk": 20},
    RINGS: {"answer": False},
    MACHINE: {"ring": 1, "talk": 40, "machine": True},
    FAX: {"ring": 1, "talk": 40, "fax": True},
    DECLINES: {"ring": 1, "end": "declined", "sip": 607},
    NOWHERE: {"ring": 0, "end": "failed", "sip": 404},
    TALKS_LONG: {"ring": 1, "talk": 600},
    PLACED_500: {"ring": 1, "talk": 1, "place": "then_500"},
    NO_ID: {"ring": 1, "talk": 1, "place": "then_no_id"},
    RESET: {"ring": 1, "talk": 1, "place": "then_reset"},
    HANGS: {"ring": 1, "talk": 1, "place": "then_timeout"},
    BUSY: {"ring": 1, "end": "busy"},
    DOUBLED: {"ring": 1, "end": "busy", "callbacks": "twice"},
    LOST: {"ring": 1, "end": "busy", "callbacks": "none"},
    REVERSED: {"ring": 1, "talk": 1, "callbacks": "reversed"},
    QUEUED: {"queue": 600},
}
"""In the words of the simulator's script (:mod:`worker.simulator.script`)."""
