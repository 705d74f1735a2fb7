"""A request that was let in: who sent it, what with it, and how its work is done and answered.

Endpoints are synchronous functions that are given a :data:`Context`. They read with :meth:`RequestContext.read`, write
with :meth:`RequestContext.do`, and hold no rule of the business themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Annotated, Any, NoReturn, TypeVar

import structlog
from fastapi import Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Connection

from worker.api.access import authenticate, authenticate_for_call, has_call_token
from worker.api.envelope import HttpError, answer, request_id_of
from worker.api.idempotency import (
    LONGEST_KEY,
    Answer,
    Work,
    WorkInBatches,
    WrittenAnswer,
    do_in_batches,
    do_once,
    write_answer,
)
from worker.api.parameters import parameter_faults
from worker.api.roles import refuse_role
from worker.domain.errors import Fault, Invalid, NotFound, Unavailable, every
from worker.domain.fields import NO_TEXT, storable, unknown_fields
from worker.domain.paging import FURTHEST, MOST_ROWS, USUAL_ROWS, Part, read_key, read_since
from worker.flow.base import Dialer, Step
from worker.operations.batches import ANEW
from worker.operations.keys import Bearer
from worker.process import dispatch, wiring
from worker.store.database import once
from worker.store.idempotency import KeyedRequest

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request of a bearer, with its body as it came."""

    request: Request
    bearer: Bearer
    raw: bytes
    key: str | None
    only_call: str | None = None
    """The one call that the bearer may speak for, where that call's token let the request in."""

    @property
    def team_id(self) -> str:
        """The team all of this is about."""
        return self.bearer.team_id

    @property
    def actor(self) -> str:
        """Who is noted in the audit log."""
        return self.bearer.key_id

    @property
    def dialer(self) -> Dialer:
        """The dialer of this process."""
        return wiring.dialer()

    def own(self, team_id: object) -> None:
        """The team named in the request must be the bearer's; anything but a text is for the rules to refuse."""
        if isinstance(team_id, str) and team_id != self.team_id:
            raise HttpError(403, "forbidden", "This key belongs to another team.")

    def body(self, *, is_optional: bool = False) -> dict[str, Any]:
        """The JSON object that was sent; ``{}`` for none where it ``is_optional``. Its ``teamId``, if it has
        one, is the bearer's."""
        if not self.raw and is_optional:
            return {}
        self.expect("application/json")
        sent = _read_json(self.raw)
        if not isinstance(sent, dict):
            raise Invalid([Fault("body", "Give a JSON object.")])
        self.own(sent.get("teamId"))
        return sent

    def nothing(self, *known: str) -> dict[str, Any]:
        """The body of an endpoint that needs none, and knows only these fields."""
        sent = self.body(is_optional=True)
        refuse_unknown(sent, known)
        return sent

    def expect(self, content_type: str) -> None:
        """Raises :class:`HttpError` (415) for a body of another kind."""
        given = self.request.headers.get("content-type", "")
        if given.partition(";")[0].strip().lower() != content_type:
            message = f"Send the body as {content_type}; this one is {given or 'of no declared type'}."
            raise HttpError(415, "unsupported_media_type", message)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Read from the database, in one transaction."""
        return once(self.dialer.db, work)

    def do(self, work: Work, *, in_one: bool = True) -> Response:
        """Do the work, once where the client gave an ``Idempotency-Key``; carry out the steps that follow; answer.

        ``work`` must use the dialer it is given and nothing else, for it may run again. ``in_one`` is whether it
        may be one transaction (see :mod:`worker.api.idempotency`).
        """
        if self.key is None:
            written = write_answer(work(self.dialer))
        else:
            written = do_once(self.dialer, self._keyed(self.key), request_id_of(self.request), work, in_one=in_one)
        _carry_out(written)
        return answer(written.text, written.status, written.headers)

    def do_in_batches(self, work: WorkInBatches) -> Response:
        """The same for work that lasts as long as its input is long, of which each batch is committed when it is done.
        ``work`` does nothing twice that was done before."""
        if self.key is None:
            written = write_answer(work(self.dialer, ANEW))
        else:
            written = do_in_batches(self.dialer, self._keyed(self.key), request_id_of(self.request), work)
        _carry_out(written)
        return answer(written.text, written.status, written.headers)

    def _keyed(self, key: str) -> KeyedRequest:
        url = self.request.url
        path = f"{url.path}?{url.query}" if url.query else url.path
        return KeyedRequest(self.team_id, key, self.request.method, path, sha256(self.raw).digest())


def _carry_out(written: WrittenAnswer) -> None:
    """The work is committed; what follows from it is in the rows, and the tick finds it if this is lost."""
    if not written.steps:
        return
    try:
        dispatch.carry_out(written.steps)
    except Unavailable as error:
        log.warning("steps_left_to_the_tick", steps=len(written.steps), message=str(error))


def answered(*steps: Step, **fields: Any) -> Answer:
    """What an endpoint's work returns."""
    return Answer(fields, steps)


async def request_context(request: Request) -> RequestContext:
    """Let a request in without its body, which is still to be read, if its key may do what it asks for."""
    return _checked(request, await run_in_threadpool(authenticate, request))


def _checked(request: Request, bearer: Bearer) -> RequestContext:
    """The request of this bearer, its path, query and headers checked."""
    refuse_role(request, bearer.role)
    if any("\x00" in str(value) for value in request.path_params.values()):
        raise NotFound("thing", "with a NUL character in it")
    faults = parameter_faults(request)
    key = request.headers.get("idempotency-key")
    if key is not None and not (1 <= len(key) <= LONGEST_KEY and key.isprintable()):
        faults.append(Fault("Idempotency-Key", f"Give a text of 1 to {LONGEST_KEY} printable characters."))
    if faults:
        raise Invalid(faults)
    return RequestContext(request, bearer, b"", key)


def refuse_unknown(sent: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raises :class:`Invalid` naming every field that is not known."""
    faults = unknown_fields(sent, known)
    if faults:
        raise Invalid(faults)


async def _let_in(request: Request) -> RequestContext:
    return await _with_body(await request_context(request))


async def _let_in_for_call(request: Request) -> RequestContext:
    call_id = str(request.path_params["id"])
    if "\x00" in call_id:
        raise NotFound("call", "with a NUL character in it")
    bearer = await run_in_threadpool(authenticate_for_call, request, call_id)
    return await _with_body(_checked(request, bearer))


async def _let_in_for_named_call(request: Request) -> RequestContext:
    if not has_call_token(request):
        return await _let_in(request)
    raw = await request.body()
    call_id = _call_named(raw)
    bearer = await run_in_threadpool(authenticate_for_call, request, call_id)
    return replace(_checked(request, bearer), raw=raw, only_call=call_id)


def _call_named(raw: bytes) -> str:
    """The ``callId`` of a body, ``""`` where it names none."""
    try:
        sent = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    named = sent.get("callId") if isinstance(sent, dict) else None
    return named if isinstance(named, str) and not NO_TEXT.search(named) else ""


async def _with_body(context: RequestContext) -> RequestContext:
    request = context.request
    return context if request.method == "GET" else replace(context, raw=await request.body())


Context = Annotated[RequestContext, Depends(_let_in)]
"""What an endpoint takes: the request, let in."""
CallContext = Annotated[RequestContext, Depends(_let_in_for_call)]
"""The same for one about the call ``id`` of its path, which that call's own token opens, too."""
NamedCallContext = Annotated[RequestContext, Depends(_let_in_for_named_call)]
"""The same for one about the call its body names as ``callId``."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list is wanted."""

    limit: int
    offset: int


Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Maximum number of records to return.")]
Offset = Annotated[int, Query(ge=0, le=FURTHEST, description="Number of records to skip.")]


def _page(limit: Limit = USUAL_ROWS, offset: Offset = 0) -> PageRequest:
    return PageRequest(limit, offset)


Paged = Annotated[PageRequest, Depends(_page)]
"""What the endpoint of a list takes: ``limit`` 1-500, 50 unless given, and ``offset`` from 0."""


AFTER = "Begin behind this row: what `next` of the page before said. Nothing is counted then, and there is no offset."


def after_and_no_offset(after: str | None, offset: int, read: Callable[[str], T]) -> T | None:
    """The place that ``after`` names, if it does. Raises :class:`Invalid` for one that is none, or has an ``offset``
    beside it."""
    if after is not None and offset:
        raise Invalid([Fault("offset", "Give offset or after, not both.")])
    return None if after is None else read(after)


def _part(
    limit: Limit = USUAL_ROWS,
    offset: Offset = 0,
    after: Annotated[str | None, Query(description=AFTER)] = None,
    updated_since: Annotated[
        str | None,
        Query(
            alias="updatedSince",
            description="Only what has changed since this instant, in the order in which it did; `read_at` of an "
            "answer is the one to give the next time.",
        ),
    ] = None,
) -> Part:
    since = None if updated_since is None else read_since(updated_since, "updatedSince")
    return Part(limit, offset, after_and_no_offset(after, offset, read_key), since)


PartOf = Annotated[Part, Depends(_part)]
"""What the endpoint of a list takes that is read behind a row, and by what has changed."""


def _read_json(raw: bytes) -> object:
    try:
        sent = json.loads(raw, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Invalid([Fault("body", f"The body is not valid JSON: {_first_line(error)}.")]) from None
    every(partial(_check_field, name, value) for name, value in (sent.items() if isinstance(sent, dict) else ()))
    return sent


def _check_field(name: str, value: object) -> None:
    storable(name, "body")
    storable(value, name)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


def _first_line(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error).partition("\n")[0]
