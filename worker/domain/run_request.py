"""What a request to run a campaign, or to cancel one, may contain."""

from __future__ import annotations

from dataclasses import dataclass

from worker.domain.fields import Field, read_fields
from worker.domain.kinds import Flag, Text, Whole

MOST_CALLS = 2_000_000_000

RUN = (
    Field("accountSlug", Text(100, least=1), help="The slug of the campaign's team."),
    Field("maxCalls", Whole(1, MOST_CALLS), help="Most calls this run places, retries included."),
    Field("dryRun", Flag(), default=False, help="Say what would happen now, and change nothing."),
)
CANCEL = (Field("hangUp", Flag(), default=False, help="End its live calls too."),)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """``max_calls`` caps the run (``None``: no cap); ``dry_run`` only says what it would do; ``account_slug``, where
    given, must be the slug of the campaign's team."""

    account_slug: str | None = None
    max_calls: int | None = None
    dry_run: bool = False


def parse_run(body: object) -> RunRequest:
    """Check the fields by the names of the API page. Raises :class:`Invalid` with every fault."""
    return RunRequest(**read_fields(body, RUN))


def parse_cancellation(body: object) -> bool:
    """Whether live calls are to be ended too. Raises :class:`Invalid` with every fault."""
    return bool(read_fields(body, CANCEL).get("hang_up"))
