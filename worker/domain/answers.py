"""What is only shown: what is in a campaign, the keys of a team, its do-not-call list. Declared as the fields of
resources are (:mod:`worker.domain.resources`); the answers and the OpenAPI document are made of it. What a request has
brought about says its own operation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from worker.domain import ids
from worker.domain.fields import Field, Kind
from worker.domain.kinds import UNBOUNDED, Flag, Freeform, Id, Instant, OneOf, State, Text, Texts, Whole
from worker.domain.model import CallState, CampaignStatus, ContactStatus, Disposition, EventKind, Reason, RunState
from worker.domain.resources import COUNT, CREATED_AT, NAME, owned, shown
from worker.domain.roles import Role
from worker.law.words import PURPOSES

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
    shown("callback_at", Instant(), help="When it asked to be called, until it is."),
    shown("priority", COUNT, nullable=False, help="Of those who are due, 1 is called first and 9 last."),
    *_always(Flag(), "called", "answered"), *_always(Instant(), "added_at"),
    shown("outcome_due_at", Instant(), help="Its call has ended and it waits for the outcome, until then."),
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
    shown("outcome", Text(), help="The latest word that its assistant reported."),
    shown("outcome_due_at", Instant(), help="Until when the contact waits for that, where it does."),
    *_each(Text(), "summary"), shown("data", Freeform(), help="What the assistant has noted."),
    shown("callback_at", Instant(), help="When the callee wants to be called again."),
    shown("do_not_call", Flag(), nullable=False, help="The callee said so in the call."),
    *_each(Text(), "transcript_url", "recording_url"), *_each(Instant(), "spoke_at", "reported_at"),
)
TEAM_CALL = (
    *CALL, shown("cause_meaning", Text(), help="What that code means, where it is a carrier's or one of SIP."),
    *_always(Text(), "carrier"),
    shown("carrier_call_id", Text(), help="What the carrier calls it; none before it took the call."),
)
EVIDENCE = (
    *_always(Id(), "id", "campaign_id"), *_always(Text(), "campaign"), *_always(Id(), "contact_id"),
    *_always(Text(), "from_number", "to_number"),
    shown("dialed_at", Instant(), nullable=False, help="When it was committed to be placed."),
    shown("valid_until", Instant(), help="Until when it could have been."),
    shown("place", Text(), nullable=False, help="Where the callee might be, as far as known; empty: by the clock of "
          "the campaign."),
    shown("areas", Texts(UNBOUNDED, Text()), nullable=False, help="By the law of which places; none where no rules "
          "were turned on.", example=["US-IN"]),
    shown("purpose", Text(), help="What it was for; none where no rules were turned on.", example="telemarketing"),
    shown("consent", Text(), help="The consent that was on record then.", example="written"),
    shown("pack", Text(), help="The version of the rules.", example="2026-11-27"),
    shown("attempt", COUNT, help="Which attempt of the campaign at the contact."),
    shown("calls_before", COUNT, nullable=False, help="Calls of the team that went to the number before, as far as "
          "they are kept."),
    *_each(Instant(), "ringing_at", "answered_at", "ended_at"),
    shown("disposition", State(Disposition), help=HOW_IT_ENDED), *_each(Text(), "cause", "machine_verdict", "outcome"),
)
"""What let a call pass."""
CALL_EVENT = (
    shown("kind", State(EventKind), nullable=False), shown("disposition", State(Disposition)),
    shown("sip_code", Whole(100, 999)), shown("sip_meaning", Text()),
    shown("verdict", Text(), help="Who answered, as the carrier judges."),
    shown("occurred_at", Instant(), help="By the carrier's clock."), *_always(Instant(), "received_at"),
    shown("outcome", Text(), help="What was done with it; none while it waits."),
)
"""What a carrier said of a call."""
STORY_CAMPAIGN = (
    *_always(Id(), "campaign_id"), *_always(Text(), "name"), *_always(State(CampaignStatus), "campaign_status"),
    *_always(State(ContactStatus), "status"), *_each(State(Reason), "reason"), *_always(COUNT, "attempts"),
    *_always(COUNT, "max_attempts_per_contact"),
    shown("next_call_at", Instant(), help="The earliest instant of the next call, for those that wait."),
    *_always(Flag(), "called", "answered"), *_always(Instant(), "added_at"),
)
"""A campaign that somebody is in."""
DO_NOT_CALL = (
    shown("by_flag", Flag(), nullable=False, help="The contact is marked."),
    shown("by_list", Flag(), nullable=False, help="Its number is on the team's list."),
    *_each(Text(), "list_reason"), *_each(Instant(), "listed_at"),
    shown("imports", Texts(UNBOUNDED, Text()), nullable=False,
          help="The imports that made the mark, where it is theirs alone."),
)
EDIT = (
    *_always(Instant(), "at"), *_always(Text(), "actor", "action"), *_always(Freeform(), "detail"),
)
"""What somebody did to a contact, or to its number on the do-not-call list."""
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
    shown("purpose", OneOf(PURPOSES), present=lambda purpose: purpose or None, example="telemarketing",
          help="Which calls it stops, and those of campaigns without a purpose; none: all."),
    *_each(Text(), "source", "evidence"), shown("added_by", Text(), help="The key that added it, or who else."),
)
"""A number that no campaign calls for a purpose, or for any, whoever has it."""
LISTED = (
    shown("for_all_teams", Flag(), nullable=False, help="It is on the list above teams, and not on the team's own."),
)
"""What is said besides of an entry, where those of both lists are shown together."""
