"""Contacts from a CSV file, as long as it may be.

The body is written to disk as it comes in and read from there line by line, so memory does not grow with it. All of
it is one transaction: lines that are no contacts are told and passed over, but what ends the reading leaves nothing
behind.
"""

from __future__ import annotations

import io
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
from worker.domain.contact import MOST_AT_ONCE
from worker.domain.contact_file import read_contacts
from worker.domain.fields import texts
from worker.flow.base import Dialer
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
_tags = texts(100, 100)


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
    """Create contacts from a CSV file in UTF-8.

    The first line names the columns, as the API names the fields (`phone`, `firstName` or `first_name`, …); `phone`
    must be one, `tags` are separated by semicolons, columns that are no fields become custom fields. The answer
    counts the contacts `imported` and the lines `refused`, gives up to 10 000 ids (by a `tag` the list of contacts
    finds them all) and says what is wrong with up to 1000 lines.
    """
    sent.asked.own(team_id)
    tags = _tags(tag or [], "tag")

    def work(dialer: Dialer) -> Answer:
        sent.file.seek(0)
        lines = io.TextIOWrapper(sent.file, "utf-8", "surrogateescape", newline="")
        try:
            loaded = load_contacts(
                dialer, sent.asked.team_id, company_id, read_contacts(lines), tags=tuple(tags), most_ids=MOST_AT_ONCE
            )
        finally:
            lines.detach()  # or it would close the file, which another attempt may want to read again
        return answered(
            imported=loaded.count,
            refused=loaded.refused,
            contact_ids=loaded.ids,
            errors=[{"path": fault.path, "message": fault.message} for fault in loaded.faults],
        )

    return sent.asked.do(work)
