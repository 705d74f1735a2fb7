"""What a request to run a campaign, to cancel one, to try one with a call, or to make another of one may contain."""

from __future__ import annotations

from dataclasses import dataclass

from worker.domain.fields import Field, read_fields
from worker.domain.kinds import Flag, Number164, Text, Whole
from worker.domain.resources import with_kinds

MOST_CALLS = 2_000_000_000
LONGEST_NAME = 200

RUN = (
    Field("accountSlug", Text(100, least=1), help="The slug of the campaign's team."),
    Field("maxCalls", Whole(1, MOST_CALLS), help="Most calls this run places, retries included."),
    Field("dryRun", Flag(), default=False, help="Say what would happen now, and change nothing."),
)
TEST_CALL = (
    Field("to", Number164(), required=True, help="The phone to call, such as +12025550123.", example="+12025550123"),
)
REDIAL = (Field("name", Text(LONGEST_NAME, least=1), help="What the new campaign is called."),)
CLONE = (*REDIAL, Field("withContacts", Flag(), default=False, help="Put the same contacts into it, too."))
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


def parse_test_call(body: object, region: str | None) -> str:
    """The number to call, in E.164; one without a country code is of the ``region``. Raises :class:`Invalid`."""
    number: str = read_fields(body, with_kinds(TEST_CALL, {"to": Number164(region=region)}))["to"]
    return number


def parse_clone(body: object) -> tuple[str | None, bool]:
    """The new campaign's name, if it is given one, and whether it has the same contacts. Raises :class:`Invalid`."""
    read = read_fields(body, CLONE)
    return read.get("name"), bool(read.get("with_contacts"))


def parse_redial(body: object) -> str | None:
    """The new campaign's name, if it is given one. Raises :class:`Invalid`."""
    name: str | None = read_fields(body, REDIAL).get("name")
    return name
