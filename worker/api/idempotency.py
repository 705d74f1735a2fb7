"""``Idempotency-Key``: a POST that is sent again does its work once, and is given the first answer.

The key is taken in a transaction of its own, so that a second request sees at once that the first is running.
Then there are three kinds of work:

*In one* (all but those named below): everything the endpoint does, and the answer, commit in one
transaction. Either all of it happened, and the same answer is given for a day, or nothing did.

*In steps* (``run``, ``resume``: they take slots in Redis between transactions, and holding the campaign's row
meanwhile could cross with a worker filling it): each transaction that changed anything notes on the key's row
that there was work. If the process dies before the answer is kept, the work is not done again: the key answers
409 ``idempotency_answer_lost``, and the caller looks at what the first request did.

*In batches* (a file of contacts, many contacts into a campaign or out of it, many numbers onto the do-not-call list,
an import's do-not-call taken back: under the team's lock or the campaign's, which must not be held for as long as the
input is long): each batch commits with how far the work has come, on the key's row. If the process dies, the same
request again takes the key with that, does the rest, and answers for the whole: its counts are those of all tries.
A batch that is committed stays, and binds; who does not send the request again has it done in part.

A request that gave no sign for 60 s and did no work, or work that can go on, counts as dead and its key is free; the
latter for the same request only. Should it be alive after all, it finds its key taken when it wants to commit, and is
rolled back. So under one key work is never committed twice; what is not promised is that it is done at all, which only
an answer says.

A refusal (400, 404, 409) is an answer like any other, and kept. What is our fault (500, 503) is not kept: nothing
was done, or what was done is known, and the same request may be sent again at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Engine

from worker.api.envelope import HttpError, refusal, render
from worker.domain.errors import Refused, Unavailable
from worker.flow.base import Dialer, Step
from worker.operations.batches import Bookmark
from worker.store import idempotency
from worker.store.database import CommitHook, Joined, once, transact
from worker.store.idempotency import GIVEN_UP_AFTER_SECONDS, KeyedRequest, TakenKey

log = structlog.get_logger()

REPLAYED = {"Idempotency-Replayed": "true"}
LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answers with: the fields beside ``success``, and the steps to carry out once it is so. Those
    that are ``unkept`` only the first answer has; where it is given again they are null. ``status`` is 202 for what is
    begun and not done."""

    fields: dict[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    unkept: tuple[str, ...] = ()
    status: int = 200


@dataclass(frozen=True, slots=True)
class WrittenAnswer:
    """An answer in writing; ``kept`` is what is kept of it, where that is another text."""

    status: int
    text: str
    steps: tuple[Step, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    kept: str | None = None


Work = Callable[[Dialer], Answer]
"""What an endpoint does, given the dialer whose transactions it is to use."""
WorkInBatches = Callable[[Dialer, Bookmark], Answer]
"""The same in batches, given how far tries before this one have come."""


def write_answer(answer: Answer) -> WrittenAnswer:
    """The answer, written."""
    whole = {"success": True, **answer.fields}
    kept = render(whole | dict.fromkeys(answer.unkept)) if answer.unkept else None
    return WrittenAnswer(answer.status, render(whole), answer.steps, kept=kept)


def do_once(dialer: Dialer, request: KeyedRequest, request_id: str, work: Work, *, in_one: bool) -> WrittenAnswer:
    """Do the work, or give the answer it was given before. Raises :class:`HttpError` (409, 422) where the key does
    not allow either, and whatever the work raises but refusals."""
    taken = _take(dialer, request)
    if isinstance(taken, WrittenAnswer):
        return taken
    do = _in_one if in_one else _in_steps
    return _or_refusal(dialer, request, taken.at, request_id, partial(do, dialer, request, taken.at, work))


def do_in_batches(dialer: Dialer, request: KeyedRequest, request_id: str, work: WorkInBatches) -> WrittenAnswer:
    """Do the work, or the rest of it, or give the answer it was given before. Raises as :func:`do_once` does."""
    taken = _take(dialer, request)
    if isinstance(taken, WrittenAnswer):
        return taken
    return _or_refusal(dialer, request, taken.at, request_id, partial(_in_batches, dialer, request, taken, work))


def _or_refusal(
    dialer: Dialer, request: KeyedRequest, taken_at: datetime, request_id: str, do: Callable[[], WrittenAnswer]
) -> WrittenAnswer:
    """Do it under the key that was taken; a refusal is kept as the answer, after anything else the key is let go."""
    try:
        return do()
    except Refused as error:
        status, body = refusal(request_id, error)
        written = WrittenAnswer(status, render(body))
        once(dialer.db, lambda conn: _keep(conn, request, taken_at, written))
        return written
    except BaseException:
        with suppress(Unavailable):  # then it becomes free by itself
            once(dialer.db, lambda conn: idempotency.free(conn, request, taken_at))
        raise


def _take(dialer: Dialer, request: KeyedRequest) -> TakenKey | WrittenAnswer:
    def work(conn: Connection) -> TakenKey | WrittenAnswer | None:
        taken = idempotency.take(conn, request)
        if taken is not None:
            return taken
        seen = idempotency.seen(conn, request)
        if seen is None:
            return None
        if not seen.is_same:
            message = "This Idempotency-Key was used for another request; use a new key for each."
            raise HttpError(422, "idempotency_key_reused", message)
        if seen.status is not None:
            return WrittenAnswer(seen.status, seen.response or "", headers=REPLAYED)
        if seen.is_lost:
            message = "The first request with this key did its work, but its answer was lost; look at what it did."
            raise HttpError(409, "idempotency_answer_lost", message)
        return None

    found = transact(dialer.db, work)
    if found is None:
        message = "The first request with this key is still running; try again in a moment."
        raise HttpError(409, "idempotency_key_in_use", message, {"Retry-After": "1"})
    return found


def _in_one(dialer: Dialer, request: KeyedRequest, taken_at: datetime, work: Work) -> WrittenAnswer:
    def whole(conn: Connection) -> WrittenAnswer:
        written = write_answer(work(replace(dialer, db=Joined(conn))))
        _keep(conn, request, taken_at, written)
        return written

    return transact(dialer.db, whole)


def _in_steps(dialer: Dialer, request: KeyedRequest, taken_at: datetime, work: Work) -> WrittenAnswer:
    def before_commit(conn: Connection) -> None:
        if idempotency.has_written(conn) and not idempotency.note_work(conn, request, taken_at):
            raise _given_up()

    assert isinstance(dialer.db, Engine)
    return _kept(
        dialer, request, taken_at, write_answer(work(replace(dialer, db=CommitHook(dialer.db, before_commit))))
    )


def _in_batches(dialer: Dialer, request: KeyedRequest, taken: TakenKey, work: WorkInBatches) -> WrittenAnswer:
    def keep(conn: Connection, come: Mapping[str, Any]) -> None:
        if not idempotency.note_progress(conn, request, taken.at, come):
            raise _given_up()

    def is_at_it(conn: Connection) -> None:
        if not idempotency.keep_alive(conn, request, taken.at):
            raise _given_up()

    return _kept(dialer, request, taken.at, write_answer(work(dialer, Bookmark(taken.progress or {}, keep, is_at_it))))


def _kept(dialer: Dialer, request: KeyedRequest, taken_at: datetime, written: WrittenAnswer) -> WrittenAnswer:
    """The answer to work that is done already, kept if it can be."""
    try:
        once(dialer.db, lambda conn: _keep(conn, request, taken_at, written))
    except Unavailable as error:  # the work is done: this caller gets it, and who sends it again reads that it is lost
        log.warning("answer_not_kept", message=str(error))
    return written


def _keep(conn: Connection, request: KeyedRequest, taken_at: datetime, written: WrittenAnswer) -> None:
    text = written.text if written.kept is None else written.kept
    if not idempotency.answer(conn, request, taken_at, written.status, text):
        raise _given_up()


def _given_up() -> HttpError:
    message = f"This request took longer than {GIVEN_UP_AFTER_SECONDS} s, and another one with its key is at it now."
    return HttpError(409, "idempotency_key_in_use", message)
