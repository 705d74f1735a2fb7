"""Contacts from a CSV file, as long as it may be.

The body is written to disk as it comes in and read from there line by line, so memory does not grow with it. All of
it is one transaction: lines that are no contacts are told and passed over, but what ends the reading leaves nothing
behind.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from worker.api.asking import Asked, answered, knock
from worker.api.contacts import TeamId
from worker.api.idempotency import Answer
from worker.api.models_contacts import ImportAnswer
from worker.api.views_crm import imported
from worker.domain.contact import MOST_AT_ONCE, TAGS
from worker.domain.contact_file import read_contacts
from worker.domain.csv_text import pieces_of, text_of
from worker.flow.base import Dialer
from worker.flow.country import region_of
from worker.flow.load import load_contacts

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

    asked: Asked
    file: SpooledTemporaryFile[bytes]


async def _spooled(request: Request) -> AsyncIterator[Sent]:
    asked = await knock(request)
    asked.expect("text/csv")
    digest = sha256()
    with SpooledTemporaryFile(max_size=KEPT_IN_MEMORY_BYTES) as file:
        async for chunk in request.stream():
            digest.update(chunk)
            await run_in_threadpool(file.write, chunk)
        # What tells one body from another under an Idempotency-Key is its digest; that of the file will do.
        yield Sent(replace(asked, raw=digest.digest()), file)


@router.post("/import", response_model=ImportAnswer, summary="Import contacts", openapi_extra=_CSV)
def import_contacts(
    sent: Annotated[Sent, Depends(_spooled)],
    team_id: TeamId = None,
    company_id: Annotated[str | None, Query(alias="companyId", description="The company of all of them.")] = None,
    tag: Annotated[list[str] | None, Query(description="A tag for all of them; may be repeated.")] = None,
) -> Response:
    """Create contacts from a CSV file, and merge those the team has.

    The first line names the columns, as the API names the fields (`phone`, `firstName` or `first_name`, …) or as
    people do (`number`, `mobile`, `surname`, …); one must be `phone`, `tags` are separated by semicolons, columns
    that are no fields become custom fields. Comma, semicolon, tab and `|` separate them; UTF-8, UTF-16 and
    Windows-1252 are told apart. Lines with the same number in E.164 are one contact (without a country code it belongs
    to the team's country), and a contact of the team that has it is updated: what a line says replaces what was there,
    an empty field changes nothing, and nobody is taken off do-not-call. The answer counts, gives up to 10 000 ids (by a
    `tag` the list of contacts finds them all) and
    says what is wrong with up to 1000 lines.
    """
    sent.asked.own(team_id)
    tags = TAGS(tag or [], "tag")

    def work(dialer: Dialer) -> Answer:
        text = text_of(sent.file)  # type: ignore[arg-type]  # what it lacks of a BinaryIO is a name
        try:
            loaded = load_contacts(
                dialer,
                sent.asked.team_id,
                company_id,
                read_contacts(pieces_of(text)),
                tags=tuple(tags),
                region=region_of(dialer, sent.asked.team_id),
                whole=True,
                actor=sent.asked.actor,
                most_ids=MOST_AT_ONCE,
            )
        finally:
            text.detach()  # or it would close the file, which another attempt may want to read again
        return answered(*loaded.steps, **imported(loaded))

    return sent.asked.do(work)
