"""What is in a campaign: its contacts, its calls, its runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy import Connection

from worker.api.envelope import success
from worker.api.idempotency import Answer
from worker.api.models_campaigns import AskedCallback, Priorities
from worker.api.models_progress import (
    AddedContacts,
    CallbackAnswer,
    CallbackCancelled,
    CallList,
    CampaignContactList,
    DecisionAnswer,
    Prioritized,
    Removed,
    RunList,
)
from worker.api.models_selection import (
    AddedByFilter,
    ContactIdsOrFilter,
    ContactIdsOrFilterOfCampaign,
    RemovedByFilter,
)
from worker.api.openapi import takes
from worker.api.request_context import AFTER, Context, Paged, RequestContext, after_and_no_offset, answered
from worker.domain.additions import parse_additions, parse_priorities
from worker.domain.answers import CALL, RUN
from worker.domain.campaign import parse_contact_ids
from worker.domain.fields import MISSING
from worker.domain.model import ContactStatus
from worker.domain.paging import read_number
from worker.domain.selection import parse_filter
from worker.flow.base import Dialer
from worker.operations import by_filter, callbacks, views
from worker.operations.batches import Bookmark
from worker.operations.campaign_contacts import list_campaign_contacts as list_them
from worker.operations.campaigns import add_contacts as add
from worker.operations.campaigns import get_campaign
from worker.operations.campaigns import prioritize_contacts as prioritize
from worker.operations.decision import decide_contact, decision_view
from worker.operations.removal import remove_contacts as remove
from worker.operations.views import campaign_contact, view
from worker.store import runs
from worker.store.reads import campaign_calls

router = APIRouter(prefix="/api/crm/campaigns/{id}", tags=["Campaigns"])


@router.post(
    "/contacts",
    response_model=AddedByFilter | AddedContacts,
    summary="Add contacts to a campaign",
    openapi_extra=takes(ContactIdsOrFilter),
)
def add_campaign_contacts(context: Context, id: str) -> Response:
    """Add existing contacts, at most 10 000 at once, or, by a `filter`, all that match; with a `priority` (1 is called
    first of those who are due, 9 last) for all, or for each in `contacts`. One that is in the campaign already is left
    as it is. An unknown id refuses the whole request and is named. The answer counts those that are new, and of these
    those that cannot be called, by the reason."""
    sent = context.body()
    if "filter" in sent:
        return _add_matching(context, id, parse_filter(sent, in_campaign=False))
    wanted = parse_additions(sent)

    def work(dialer: Dialer, bookmark: Bookmark) -> Answer:
        added, steps = add(
            dialer,
            id,
            wanted.contact_ids,
            priorities=wanted.priorities,
            actor=context.actor,
            team_id=context.team_id,
            bookmark=bookmark,
        )
        return answered(*steps, **added.counts)

    return context.do_in_batches(work)


@router.post(
    "/contacts/priority",
    response_model=Prioritized,
    summary="Give contacts of a campaign another priority",
    openapi_extra=takes(Priorities),
)
def prioritize_contacts(context: Context, id: str) -> Response:
    """Of those who are due, those of priority 1 are called first and those of 9 last. Contacts that are not in the
    campaign are passed over."""
    contact_ids, priority = parse_priorities(context.body())

    def work(dialer: Dialer) -> Answer:
        changed = prioritize(dialer, context.team_id, id, contact_ids, priority, actor=context.actor)
        return answered(changed=changed)

    return context.do(work, in_one=False)


@router.post(
    "/contacts/{contactId}/callback",
    response_model=CallbackAnswer,
    summary="Call a contact back",
    openapi_extra=takes(AskedCallback),
)
def call_back(context: Context, id: str, contact_id: Annotated[str, Path(alias="contactId")]) -> Response:
    """The contact asked to be called `at` an instant: it is called then, before those merely due, or at the next
    instant at which the campaign may call it; `call_at` says which. Once it may be one call beyond
    `maxAttemptsPerContact`. One that was reached or given up waits again; one on the phone does once the call has
    ended. Asked again, the latest counts."""
    at = context.nothing("at").get("at", MISSING)

    def work(dialer: Dialer) -> Answer:
        asked = callbacks.call_back(dialer, context.team_id, id, contact_id, at, actor=context.actor)
        return answered(callback=views.callback(asked), message=asked.message)

    return context.do(work)


@router.delete("/contacts/{contactId}/callback", response_model=CallbackCancelled, summary="Take a callback back")
def cancel_callback(context: Context, id: str, contact_id: Annotated[str, Path(alias="contactId")]) -> Response:
    """The contact is as it was before it asked: waiting, reached or given up."""
    context.nothing()

    def work(dialer: Dialer) -> Answer:
        found = callbacks.cancel_callback(dialer, context.team_id, id, contact_id, actor=context.actor)
        return answered(cancelled=found)

    return context.do(work)


@router.get("/contacts/{contactId}/decision", response_model=DecisionAnswer, summary="Say whether a contact is called")
def get_contact_decision(
    context: Context,
    id: str,
    contact_id: Annotated[str, Path(alias="contactId")],
    at: Annotated[
        str | None,
        Query(description="When it would be called, in ISO 8601, by the callee's clock where it has no offset; the "
              "campaign counts as running then. Left out, now."),
    ] = None,
) -> Response:  # fmt: skip
    """Whether the contact is dialed, waits until when, or never is called in this campaign, and why: rules with where
    they are written, the campaign's window, a do-not-call. It is decided as the dialer decides it; `message` says it by
    the callee's clock."""
    get_campaign(context.dialer, context.team_id, id)
    found = decide_contact(context.dialer, context.team_id, id, contact_id, at=at)
    return success(decision=decision_view(found))


def _add_matching(context: RequestContext, id: str, chosen: Mapping[str, Any]) -> Response:
    def work(dialer: Dialer, bookmark: Bookmark) -> Answer:
        done = by_filter.add_matching(
            dialer, context.team_id, id, chosen, actor=context.actor, bookmark=bookmark
        )  # fmt: skip
        return answered(*done.steps(context.team_id, id), matched=done.matched, added=done.done)

    return context.do_in_batches(work)


@router.delete(
    "/contacts",
    response_model=RemovedByFilter | Removed,
    summary="Remove contacts from a campaign",
    openapi_extra=takes(ContactIdsOrFilterOfCampaign),
)
def remove_campaign_contacts(context: Context, id: str) -> Response:
    """Take contacts out that have not been called in this campaign; those that are not in it are passed over. A
    contact with calls refuses the whole request, for calls are history; of those that match a `filter` it stays."""
    sent = context.body()
    if "filter" in sent:
        return _remove_matching(context, id, parse_filter(sent, in_campaign=True))
    contact_ids = parse_contact_ids(sent)

    def work(dialer: Dialer, bookmark: Bookmark) -> Answer:
        removed, steps = remove(dialer, context.team_id, id, contact_ids, actor=context.actor, bookmark=bookmark)
        return answered(*steps, removed=removed)

    return context.do_in_batches(work)


def _remove_matching(context: RequestContext, id: str, chosen: Mapping[str, Any]) -> Response:
    def work(dialer: Dialer, bookmark: Bookmark) -> Answer:
        done = by_filter.remove_matching(
            dialer, context.team_id, id, chosen, actor=context.actor, bookmark=bookmark
        )  # fmt: skip
        counts = {"removed": done.done, "matched": done.matched, "kept": done.refused}
        return answered(*done.steps(context.team_id, id), **counts)

    return context.do_in_batches(work)


@router.get("/contacts", response_model=CampaignContactList, summary="List the contacts of a campaign")
def list_campaign_contacts(
    context: Context,
    page: Paged,
    id: str,
    status: Annotated[ContactStatus | None, Query(description="Only contacts in this status.")] = None,
    after: Annotated[str | None, Query(description=AFTER)] = None,
) -> Response:
    """Those added last first; read to its end by `after`, the list neither loses nor doubles a contact. `due_at` is the
    earliest instant of the next attempt, `next_call_at` the earliest that also lies in the call window; `reason` says
    why a contact was skipped or given up."""
    place = after_and_no_offset(after, page.offset, read_number)
    found = list_them(
        context.dialer, context.team_id, id, status, limit=page.limit, offset=page.offset, after=place
    )  # fmt: skip
    return success(
        contacts=[campaign_contact(each.row, each.next_call_at) for each in found.contacts],
        count=found.count,
        limit=page.limit,
        offset=page.offset,
        next=None if len(found.contacts) < page.limit else str(found.contacts[-1].row.id),
    )


@router.get("/calls", response_model=CallList, summary="List the calls of a campaign")
def list_campaign_calls(context: Context, page: Paged, id: str) -> Response:
    """Every call, live or ended, newest first."""
    get_campaign(context.dialer, context.team_id, id)

    def read(conn: Connection) -> Response:
        count, rows = campaign_calls.page(conn, id, limit=page.limit, offset=page.offset)
        return success(calls=[view(CALL, row) for row in rows], count=count, limit=page.limit, offset=page.offset)

    return context.read(read)


@router.get("/runs", response_model=RunList, summary="List the runs of a campaign")
def list_campaign_runs(context: Context, page: Paged, id: str) -> Response:
    """Every run, newest first; the newest governs."""
    get_campaign(context.dialer, context.team_id, id)

    def read(conn: Connection) -> Response:
        count, rows = runs.of_campaign(conn, id, limit=page.limit, offset=page.offset)
        return success(runs=[view(RUN, row) for row in rows], count=count, limit=page.limit, offset=page.offset)

    return context.read(read)
