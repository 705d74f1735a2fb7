"""Contacts of the CRM: made one by one or many at once, found, edited."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from worker.api.envelope import success
from worker.api.idempotency import Answer
from worker.api.models_calls import ContactHistory
from worker.api.models_contacts import CONTACT_MODELS, ContactsAnswer, ContactUpsert, NewContactOrContacts, UpsertAnswer
from worker.api.models_resources import TEAM
from worker.api.openapi import takes
from worker.api.request_context import Context, PartOf, RequestContext, answered, refuse_unknown
from worker.domain.fields import wrong
from worker.flow.base import Dialer
from worker.operations import contacts as contact_operations
from worker.operations.country import region_of
from worker.operations.story import contact_story
from worker.operations.upsert import Upserted, upsert_by_external_id, upsert_by_number
from worker.process import celery_app

router = APIRouter(prefix="/api/crm/contacts", tags=["Contacts"])

TeamId = Annotated[str | None, Query(alias="teamId", description=TEAM)]
Country = Annotated[
    str | None,
    Query(description="Where numbers without a country code belong, such as US. Left out, the team's country."),
]


def region(context: RequestContext, country: str | None) -> str | None:
    """Where numbers without a country code of a request belong. Raises :class:`Invalid`."""
    return region_of(context.dialer, context.team_id, country)


@router.get("", response_model=CONTACT_MODELS.listing, summary="List contacts")
def list_contacts(
    context: Context,
    part: PartOf,
    team_id: TeamId = None,
    phone: Annotated[str | None, Query(description="A phone number, however it is written.")] = None,
    email: Annotated[str | None, Query(description="An e-mail address, without regard to case.")] = None,
    company_id: Annotated[str | None, Query(alias="companyId", description="Only contacts of this company.")] = None,
    tag: Annotated[str | None, Query(description="Only contacts with this tag.")] = None,
    do_not_call: Annotated[
        bool | None,
        Query(alias="doNotCall", description="Only who is, or is not, marked so or on the list."),
    ] = None,
    external_id: Annotated[str | None, Query(alias="externalId", description="Only who has this external id.")] = None,
    search: Annotated[
        str | None, Query(description="Only who has this in a name, the address, the number or the external id.")
    ] = None,
) -> Response:
    """The team's contacts, newest first. Read to its end by `after`, the list neither loses nor doubles a contact,
    whatever is added meanwhile. `count` is exact up to 10 000, which also stands for more; a page behind another is not
    counted."""
    context.own(team_id)
    found = contact_operations.list_contacts(
        context.dialer,
        context.team_id,
        part,
        phone=phone,
        email=email,
        company_id=company_id,
        tag=tag,
        do_not_call=do_not_call,
        external_id=external_id,
        search=search,
    )
    return success(**found.answer("contacts", part))


@router.post(
    "",
    response_model=CONTACT_MODELS.answer | ContactsAnswer,
    summary="Create contacts",
    openapi_extra=takes(NewContactOrContacts),
)
def create_contacts(context: Context, country: Country = None) -> Response:
    """Create a contact, or up to 10 000 at once.

    One contact is the body itself. Many are the list `contacts` in it: then all are created or none is, and the
    answer lists them in the same order. A phone number that cannot be called refuses nothing: the contact is
    kept, and its `phone_fault` says why it is not called.
    """
    sent, where = context.body(), region(context, country)
    if "contacts" in sent:
        return _create_many(context, sent, where)

    def work(dialer: Dialer) -> Answer:
        made = contact_operations.create_contact(dialer, context.team_id, sent, actor=context.actor, region=where)
        return answered(contact=made)

    return context.do(work)


def _create_many(context: Context, sent: dict[str, object], where: str | None) -> Response:
    refuse_unknown(sent, ("teamId", "contacts"))
    if not isinstance(sent.get("teamId"), str | None):
        raise wrong("teamId", "Give a text.")
    wanted = sent["contacts"]
    for contact in wanted if isinstance(wanted, list) else ():
        context.own(contact.get("teamId") if isinstance(contact, dict) else None)

    def work(dialer: Dialer) -> Answer:
        made = contact_operations.create_contacts(dialer, context.team_id, wanted, actor=context.actor, region=where)
        return answered(contacts=made, count=len(made))

    return context.do(work)


@router.get("/{id}", response_model=CONTACT_MODELS.answer, summary="Get a contact")
def get_contact(context: Context, id: str) -> Response:
    """Get one contact."""
    return success(contact=contact_operations.get_contact(context.dialer, context.team_id, id))


@router.get("/{id}/history", response_model=ContactHistory, summary="Get the story of a contact")
def get_contact_history(context: Context, id: str) -> Response:
    """The campaigns a contact is in and why it waits or is not called any more, its calls with all that carriers said,
    what was edited, and by which word it is not to be called."""
    found = contact_story(context.dialer, context.team_id, id, broker_answers=celery_app.broker_answers)
    return success(**found.answer())


@router.patch(
    "/{id}", response_model=CONTACT_MODELS.answer, summary="Edit a contact", openapi_extra=takes(CONTACT_MODELS.edit)
)
def edit_contact(context: Context, id: str, country: Country = None) -> Response:
    """Change the fields given; null clears one.

    A contact that waits in a campaign is called by its new number and in its new zone from then on. Marked
    do-not-call, it is not called any more, whatever has been prepared.
    """
    sent, where = context.body(), region(context, country)

    def work(dialer: Dialer) -> Answer:
        edited, steps = contact_operations.edit_contact(
            dialer, context.team_id, id, sent, actor=context.actor, region=where
        )
        return answered(*steps, contact=edited)

    return context.do(work)


@router.put(
    "/by-external-id/{id:path}",
    response_model=UpsertAnswer,
    summary="Create or edit a contact by its external id",
    openapi_extra=takes(ContactUpsert),
)
def put_contact_by_external_id(context: Context, id: str) -> Response:
    """Make the contact that has this external id, or change the fields given of the one there is.

    Sent again it changes nothing more, and two requests at once make one contact. What another team calls so is another
    contact.
    """
    sent = context.body()

    def work(dialer: Dialer) -> Answer:
        return _upserted(upsert_by_external_id(dialer, context.team_id, id, sent, actor=context.actor))

    return context.do(work)


@router.put(
    "/by-number/{number}",
    response_model=UpsertAnswer,
    summary="Create or edit a contact by its number",
    openapi_extra=takes(ContactUpsert),
)
def put_contact_by_number(context: Context, number: str) -> Response:
    """Make the contact that has this number, or change the fields given of the one there is, the oldest of several.

    The number may be written in any way that can be called. Sent again it changes nothing more, and two requests at
    once make one contact.
    """
    sent = context.body()

    def work(dialer: Dialer) -> Answer:
        return _upserted(upsert_by_number(dialer, context.team_id, number, sent, actor=context.actor))

    return context.do(work)


def _upserted(done: Upserted) -> Answer:
    return answered(*done.steps, contact=done.contact, created=done.created)
