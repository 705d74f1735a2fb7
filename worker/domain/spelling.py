"""Which known name somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 64
"""Signs of a name that is compared; what is longer resembles none of ours."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that this one resembles: written another way (``retry_delays``, ``RetryDelays``), or a slip of
    the fingers away, two in longer names. ``None`` where it resembles none."""
    plain = _plain(name)
    if not plain or len(name) > LONGEST:
        return None
    ranked = sorted((_distance(plain, _plain(other)), other) for other in known if other != name)
    if not ranked:
        return None
    slips, other = ranked[0]
    return other if slips <= (0 if len(other) < 4 else 1 if len(other) < 8 else 2) else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` did you mean retryDelays?``, to follow a semicolon; empty where nothing resembles."""
    other = nearest(name, known)
    return "" if other is None else f" did you mean {other}?"


def _plain(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _distance(one: str, other: str) -> int:
    """How many signs were left out, put in, changed, or swapped with their neighbour (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, sign in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (sign != wanted))
            if earlier and j > 1 and sign == other[j - 2] and one[i - 2] == wanted:
                best = min(best, earlier[j - 2] + 1)
            row.append(best)
    return row[-1]
