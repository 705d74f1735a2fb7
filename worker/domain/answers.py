"""What is only shown: what is in a campaign, the keys of a team, its do-not-call list. Declared as the fields of
resources are (:mod:`worker.domain.resources`); the answers and the OpenAPI document are made of it. What a request has
brought about says its own operation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from worker.domain import ids
from worker.domain.fields import Field, Kind
from worker.domain.kinds import Flag, Id, Instant, OneOf, State, Text
from worker.domain.model import CallState, ContactStatus, Disposition, Reason, RunState
from worker.domain.resources import COUNT, CREATED_AT, NAME, owned, shown
from worker.domain.roles import Role

HOW_IT_ENDED = f"How it ended. {'; '.join(f'{each}: {each.traits.sentence}' for each in Disposition)}."
OPENED_BY = OneOf(("api", "cli", "task", "schedule"))


def _each(kind: Kind, *names: str, **more: Any) -> Iterator[Field]:
    """Fields of one kind."""
    return (shown(name, kind, **more) for name in names)


def _always(kind: Kind, *names: str) -> Iterator[Field]:
    """The same, of which none is ever null."""
    return _each(kind, *names, nullable=False)


# Fields of one kind share a line; one a line would hide what a call is made of.
# fmt: off

CAMPAIGN_CONTACT = (
    *_always(Id(), "contact_id"), *_always(Text(), "first_name", "last_name"), *_each(Text(), "phone", "timezone"),
    shown("do_not_call", Flag(), nullable=False, help="By its own word or by the team's list: no campaign calls it."),
    *_always(State(ContactStatus), "status"),
    shown("reason", State(Reason), help="Why it was skipped or given up."),
    *_always(COUNT, "attempts"),
    shown("due_at", Instant(), help="The earliest instant of the next attempt, for those that wait."),
    shown("next_call_at", Instant(), help="The earliest that also lies in the call window; none for who is not to be "
          "called."),
    *_always(Flag(), "called", "answered"), *_always(Instant(), "added_at"),
)
CALL = (
    *_always(Id(), "id", "campaign_id", "run_id", "contact_id"), *_always(Text(), "from_number", "to_number"),
    shown("status", State(CallState), column="state", nullable=False),
    shown("attempt", COUNT, help="Which attempt at this contact it is; none for a call that was never placed."),
    shown("disposition", State(Disposition), help=HOW_IT_ENDED),
    shown("cause", Text(), help="The carrier's code for that, or ours."),
    *_each(Text(), "machine_verdict"),
    shown("created_at", Instant(), column="reserved_at", nullable=False),
    *_each(Instant(), "placed_at", "ringing_at", "answered_at", "ended_at"),
)
RUN = (
    *_always(Id(), "id", "campaign_id"), shown("status", State(RunState), column="state", nullable=False),
    *_always(OPENED_BY, "opened_by"), *_each(COUNT, "max_calls"), *_always(COUNT, "calls_used"),
    *_always(Instant(), "opened_at"), *_each(Instant(), "ended_at"), *_each(Text(), "end_reason"),
)
KEY = (
    *owned(ids.KEY), NAME, *_always(State(Role), "role"), CREATED_AT, *_each(Instant(), "last_used_at", "revoked_at"),
)
"""A bearer key, without what it is known by."""
BANNED = (
    shown("number", Text(), nullable=False, help="In E.164.", example="+12025550123"),
    shown("reason", Text(), nullable=False, example="asked by mail"), CREATED_AT,
)
"""A number that no campaign calls, whoever has it."""
