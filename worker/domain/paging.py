"""How much of a list is shown at once, and how much one request may bring."""

from __future__ import annotations

USUAL_ROWS = 50
MOST_ROWS = 500
FURTHEST = 2_000_000_000
"""How many rows a page may leave out before it."""
MOST_AT_ONCE = 10_000
"""How many contacts, numbers or ids one request may bring."""
