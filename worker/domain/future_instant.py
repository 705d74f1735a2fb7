"""Instants that somebody asks for: to come, written with an offset, or as the clock of a zone reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from worker.domain.fields import wrong
from worker.domain.kinds import Instant
from worker.domain.local_times import around_the_gap, readings, written
from worker.domain.window import RULES_END

LONGEST_QUOTED = 40
_HAS_TIME = re.compile("[T ]", re.IGNORECASE)
_FIRST_YEAR = 1970
_FARTHEST = timedelta(days=1)
"""No clock is farther from UTC."""


@dataclass(frozen=True, slots=True)
class Start(Instant):
    """A future instant in ISO 8601, not later than ``latest``. One without an offset is what the clock of ``zone``
    reads; where there is no zone it is refused, and ``zoneless`` says where one would come from."""

    now: datetime = RULES_END
    zone: str | None = None
    latest: datetime = RULES_END
    zoneless: str = ""

    def __call__(self, value: object, path: str) -> datetime:
        if not isinstance(value, str):
            raise wrong(path, "Give an ISO 8601 date and time, such as 2027-03-01T09:00:00Z.")
        quoted = f'"{value[:LONGEST_QUOTED]}{"…" if len(value) > LONGEST_QUOTED else ""}"'
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            like = "write it like 2027-03-01T09:00:00Z"
            raise wrong(path, f"{quoted} is not an ISO 8601 date and time; {like}.") from None
        if not _HAS_TIME.search(value):
            raise wrong(path, f"{quoted} has no time of day; write it like 2027-03-01T09:00:00Z.")
        if at.utcoffset() is None:
            at = self._by_the_clock(at, quoted, path)
        try:
            at = at.astimezone(UTC)
        except OverflowError:
            raise wrong(path, f"{quoted} is out of range; give a date before 2038.") from None
        if at >= RULES_END:
            raise wrong(path, f"{quoted} is after 2037, where time zones have no rules; give an earlier date.")
        if at <= self.now:
            raise wrong(path, f"{quoted} is in the past; give a future instant or leave it out.")
        if at > self.latest:
            raise wrong(
                path, f"{quoted} is too far away; give an instant until {written(self.latest, self.zone or 'UTC')}."
            )
        return at

    def _by_the_clock(self, at: datetime, quoted: str, path: str) -> datetime:
        """The instant at which the clock of the zone reads this; it must read it once."""
        if self.zone is None:
            raise wrong(path, f"{quoted} has no offset; add Z or an offset such as -05:00{self.zoneless}.")
        if not _FIRST_YEAR <= at.year <= RULES_END.year:
            return at.replace(tzinfo=UTC)  # far out of range by any clock
        if at.replace(tzinfo=UTC) > self.latest + _FARTHEST:  # and so are those that would be meant
            return at.replace(tzinfo=UTC)
        instants = readings(at, self.zone)
        if len(instants) == 1:
            return instants[0]
        either = " or ".join(written(each, self.zone) for each in instants or around_the_gap(at, self.zone))
        what = "comes twice" if instants else "is skipped"
        raise wrong(path, f"{quoted} {what} on the clocks of {self.zone}, which are moved then; give {either}.")
