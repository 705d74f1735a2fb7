"""Contacts from a CSV file, as long as it may be.

The body is written to disk as it comes in and read from there line by line, so memory does not grow with it. Lines that
are no contacts are reported and passed over; what ends the reading leaves nothing behind. What was read is written
batch by batch (:mod:`worker.operations.batches`), so that dialing, stops and the team's other requests pass in between.
If that breaks off, the answer says how far it came, and the same request again does the rest and nothing twice; under
the same ``Idempotency-Key`` it answers for both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Annotated, BinaryIO, cast

import structlog
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from worker.api.contacts import Country, TeamId
from worker.api.envelope import RETRY_AFTER_SECONDS, HttpError
from worker.api.idempotency import Answer
from worker.api.models_contacts import ImportAnswer, UndoneAnswer
from worker.api.request_context import Context, RequestContext, answered, request_context
from worker.domain.additions import DEFAULT_PRIORITY, PRIORITY
from worker.domain.contact import TAGS
from worker.domain.contact_file import ContactFile
from worker.domain.csv_text import choose_encoding, pieces_of, text_of
from worker.domain.encodings import declared_in
from worker.domain.errors import Unavailable
from worker.domain.fields import wrong
from worker.domain.paging import MOST_AT_ONCE
from worker.flow.base import Dialer
from worker.operations.batches import Bookmark
from worker.operations.country import region_of
from worker.operations.import_progress import ImportObserver, ImportProgress
from worker.operations.imports import load_contacts
from worker.operations.undo_import import undo_do_not_call
from worker.operations.views_crm import imported

log = structlog.get_logger()
router = APIRouter(prefix="/api/crm/contacts", tags=["Contacts"])

PATH = "/api/crm/contacts/import"
KEPT_IN_MEMORY_BYTES = 1024 * 1024

_CSV = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "phone,firstName,timezone,plan\n+12025550123,Ada,America/New_York,gold\n",
            }
        },
    }
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was let in, and the file it brought."""

    context: RequestContext
    file: SpooledTemporaryFile[bytes]
    charset: str | None


async def _spooled(request: Request) -> AsyncIterator[Sent]:
    context = await request_context(request)
    context.expect("text/csv")
    charset = declared_in(request.headers.get("content-type", ""))
    digest = sha256(b"" if charset is None else charset.encode("utf-8", "replace"))
    with SpooledTemporaryFile(max_size=KEPT_IN_MEMORY_BYTES) as file:
        async for chunk in request.stream():
            digest.update(chunk)
            await run_in_threadpool(file.write, chunk)
        # Bodies under an Idempotency-Key are compared by their digest; that of the file will do.
        yield Sent(replace(context, raw=digest.digest()), file, charset)


@router.post("/import", response_model=ImportAnswer, summary="Import contacts", openapi_extra=_CSV)
def import_contacts(
    sent: Annotated[Sent, Depends(_spooled)],
    team_id: TeamId = None,
    company_id: Annotated[str | None, Query(alias="companyId", description="The company of all of them.")] = None,
    tag: Annotated[list[str] | None, Query(description="A tag for all of them; may be repeated.")] = None,
    country: Country = None,
    campaign_id: Annotated[
        str | None, Query(alias="campaignId", description="The campaign to put all of them into.")
    ] = None,
    priority: Annotated[
        int | None,
        Query(
            ge=PRIORITY.least,
            le=PRIORITY.most,
            description="That in the campaign of those to whom the file gives none; left out, 5.",
        ),
    ] = None,
) -> Response:
    """Create contacts from a CSV file, and merge those the team has.

    The first line names the columns, as the API names the fields (`phone`, `firstName` or `first_name`, …) or as
    people do (`Mobile #`, `Full Name`, `Do Not Call?`, …); one must hold phone numbers, `tags` are separated by
    semicolons, columns that are no fields become custom fields, and one that may be a ban on calls and is not known
    refuses the file. Comma, semicolon, tab and `|` separate them. A `charset` of the Content-Type counts; without one
    UTF-8, UTF-16 and Windows-1252 are distinguished. Lines with the same number in E.164 are one contact (without a
    country code it belongs to the team's country), and a contact of the team that has it is updated: what a line says
    replaces what was there, an empty field changes nothing, and nobody is taken off do-not-call. A do-not-call that
    cannot be read binds; where most cannot, the file is refused. The answer counts, gives up to 10 000 ids (by a `tag`
    the list of contacts finds them all) and says what is wrong with up to 1000 lines. With a `campaignId` they are put
    into the campaign, too; a column `priority` (1, called first, to 9) is theirs in it, also of those who were in it.

    The file is read to its end first, then written in batches, so that calling goes on beside it. If a service goes
    away meanwhile, the 503 says how many contacts were imported and how many are left; send the same file again: it
    does the rest, and nothing twice. Under the same `Idempotency-Key` the answer then counts both.
    """
    sent.context.own(team_id)
    if priority is not None and campaign_id is None:
        raise wrong("priority", "It is one within a campaign; give campaignId, too.")
    tags = TAGS(tag or [], "tag")

    def work(dialer: Dialer, bookmark: Bookmark) -> Answer:
        file = cast(BinaryIO, sent.file)
        encoding = choose_encoding(file, sent.charset)
        text = text_of(file, encoding)
        try:
            region = region_of(dialer, sent.context.team_id, country)
            lines = ContactFile(pieces_of(text), region=region, for_campaign=campaign_id is not None)
            with _saying_how_far() as observer:
                loaded = load_contacts(
                    dialer,
                    sent.context.team_id,
                    company_id,
                    lines,
                    campaign_id=campaign_id,
                    priority=DEFAULT_PRIORITY if priority is None else priority,
                    tags=tuple(tags),
                    region=region,
                    actor=sent.context.actor,
                    most_ids=MOST_AT_ONCE,
                    observer=observer,
                    bookmark=bookmark,
                )
        finally:
            text.detach()  # or it would close the file, which is not its own
        return answered(*loaded.steps, **imported(loaded, lines, encoding))

    return sent.context.do_in_batches(work)


@contextmanager
def _saying_how_far() -> Iterator[ImportObserver]:
    """Follow how far it comes, and say of a service that went away how much was done by then."""
    latest: list[ImportProgress] = []
    try:
        yield ImportObserver(on_progress=lambda progress: latest.__setitem__(slice(None), [progress]))
    except Unavailable as error:
        if not (latest and latest[0].written):
            raise
        done, contacts = latest[0].written, latest[0].to_write
        log.warning("import_interrupted", written=done, contacts=contacts, message=str(error))
        so_far = f"{done} of the file's {contacts} contacts were imported before, {contacts - done} are left"
        message = f"The service is not available now. {so_far}: send the same file again, it does the rest."
        raise HttpError(503, "unavailable", message, {"Retry-After": str(RETRY_AFTER_SECONDS)}) from error


@router.post("/imports/{id}/undo-do-not-call", response_model=UndoneAnswer, summary="Take an import's do-not-call back")
def undo_import_do_not_call(context: Context, id: str) -> Response:
    """Take back whom an import marked do-not-call, for an administrator who finds that it was not meant.

    Only what this import set goes: who was do-not-call before, or was marked again since by somebody or by another
    import, stays so. It is noted in the audit log, and doing it again changes nothing. Contacts that were left out of a
    campaign for it come back with its next run.
    """
    context.nothing("teamId")

    def work(dialer: Dialer, bookmark: Bookmark) -> Answer:
        undone = undo_do_not_call(dialer, context.team_id, id, actor=context.actor, bookmark=bookmark)
        return answered(taken_back=undone.taken_back, kept=undone.kept)

    return context.do_in_batches(work)
