"""What a request to run a campaign, or to cancel one, may contain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from worker.domain.fields import Rule, flag, read_fields, text, whole

MOST_CALLS = 2_000_000_000

RUN: Mapping[str, Rule] = {
    "accountSlug": Rule("account_slug", text(100, least=1)),
    "maxCalls": Rule("max_calls", whole(1, MOST_CALLS)),
    "dryRun": Rule("dry_run", flag, null=False),
}

CANCEL: Mapping[str, Rule] = {"hangUp": Rule("hang_up", flag, null=False)}


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
