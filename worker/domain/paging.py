"""How much of a list is shown at once, from where on, and how much one request may bring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from worker.domain.fields import wrong

USUAL_ROWS = 50
MOST_ROWS = 500
FURTHEST = 2_000_000_000
"""How many rows a page may leave out before it."""
MOST_AT_ONCE = 10_000
"""How many contacts, numbers or ids one request may bring."""
MOST_COUNTED = 10_000
"""Of a list whose length nothing else knows no more are counted."""
LONGEST_KEY = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_YET = "none"
_NOT_A_KEY = "It is not what `next` of an answer said; give that, or begin without it."


@dataclass(frozen=True, slots=True)
class Key:
    """The place of a row in a list: the instant by which the list is ordered (``None``: of what has not come to it yet,
    which stands last), and the row's id, which decides between equals."""

    at: datetime | None
    id: str

    def __str__(self) -> str:
        """What ``next`` of an answer says."""
        at = _NOT_YET if self.at is None else str((self.at - _EPOCH) // timedelta(microseconds=1))
        return f"{at}.{self.id}"


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a list is wanted: ``limit`` rows after ``offset``, or those behind the row ``after``, which were
    not counted in between; of what has changed since an instant only, in the order in which it did."""

    limit: int = USUAL_ROWS
    offset: int = 0
    after: Key | None = None
    updated_since: datetime | None = None


def read_key(text: str, path: str = "after") -> Key:
    """The place that ``next`` of an answer named. Raises :class:`Invalid` for any other text."""
    at, _, row_id = text.partition(".")
    digits = at.removeprefix("-")
    if not row_id or len(text) > LONGEST_KEY or not (at == _NOT_YET or (digits.isascii() and digits.isdigit())):
        raise wrong(path, _NOT_A_KEY)
    try:
        return Key(None if at == _NOT_YET else _EPOCH + timedelta(microseconds=int(at)), row_id)
    except (OverflowError, ValueError):
        raise wrong(path, _NOT_A_KEY) from None


def read_number(text: str, path: str = "after") -> int:
    """The same where the rows are numbered."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(2**63))) or int(text) >= 2**63:
        raise wrong(path, _NOT_A_KEY)
    return int(text)


def read_since(text: str, path: str) -> datetime:
    """An instant of the past or the future, in ISO 8601 with an offset. Raises :class:`Invalid`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.utcoffset() is None:
        raise wrong(path, "Give an ISO 8601 date and time with an offset, such as 2027-03-01T09:00:00Z.")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise wrong(path, "It is out of range; give a date between the years 1 and 9999.") from None
