"""Whether this process lives, and whether calls can be placed.

Neither uses the threads that requests wait in, nor the connections they wait for: when those are all taken is when one
wants to know.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from worker.background import in_background
from worker.domain.standstill import OF_AN_ACCOUNT, Standstill
from worker.domain.window import TZDB_VERSION
from worker.operations.instants import instant
from worker.operations.readiness import NO_ANSWER, OK, Readiness, find_out
from worker.operations.standstill import Reading
from worker.process import celery_app, wiring

router = APIRouter(tags=["Health"])

ANSWER_SECONDS = 5.0
"""Readiness is answered within this time, with what is known by then."""
MOST_AT_ONCE = 4
"""So many ask at once; whoever comes when as many wait for an answer gets theirs."""


@router.get("/healthz", summary="Is this process alive?")
async def healthz() -> dict[str, str]:
    """This process answers; it says nothing of the services behind it, and waits for no thread that waits for one."""
    return {"status": OK, "tzdb": TZDB_VERSION}


@router.get("/readyz", summary="Can calls be placed?", responses={503: {"description": "Something is missing."}})
async def readyz() -> Response:
    """A word on each of database, schema, writes, broker, tick and work: 200 when all are well, else 503. Under
    `standing_still` is what should move and does not, since when and what to do; under `waiting` how many calls of each
    carrier account wait for what, and for how many seconds the oldest."""
    probe = _begin()
    answers: list[asyncio.Future[Any]] = [asyncio.wrap_future(probe.database), asyncio.wrap_future(probe.broker)]
    await asyncio.wait(answers, timeout=ANSWER_SECONDS)
    words = probe.found.words() | {"broker": _broker_word(probe.broker)}
    is_ready = all(word == OK for word in words.values())
    body = {"status": OK if is_ready else "unavailable", **words, **_detail(probe.found.reading)}
    return JSONResponse(body, 200 if is_ready else 503)


@dataclass(frozen=True, slots=True)
class _Probe:
    """Whoever is asked, and what is found out meanwhile."""

    found: Readiness
    database: Future[None]
    broker: Future[bool]


_under_way: list[_Probe] = []
"""Touched by the event loop alone."""


def _begin() -> _Probe:
    _under_way[:] = [probe for probe in _under_way if not (probe.database.done() and probe.broker.done())]
    if len(_under_way) >= MOST_AT_ONCE:
        return _under_way[-1]
    dialer, found = wiring.dialer(), Readiness()
    database = in_background("readiness", partial(find_out, dialer.db, dialer.bounds, found))
    probe = _Probe(found, database, in_background("readiness", celery_app.broker_answers))
    _under_way.append(probe)
    return probe


def _broker_word(answers: Future[bool]) -> str:
    if not answers.done():
        return NO_ANSWER
    return OK if answers.exception() is None and answers.result() else "away"


def _detail(reading: Reading | None) -> dict[str, Any]:
    """By ids: names are nobody's business here, where no key is probe for."""
    if reading is None:
        return {"standing_still": [], "waiting": {}}
    waiting: dict[str, dict[str, Any]] = {}
    for each in reading.waiting:
        if each.kind in OF_AN_ACCOUNT:
            shown = {"count": each.count, "seconds": round(each.seconds, 1)}
            waiting.setdefault(each.subject, {})[each.kind.value] = shown
    return {"standing_still": [_still(each) for each in reading.still], "waiting": waiting}


def _still(each: Standstill) -> dict[str, Any]:
    return {
        "what": each.waiting.kind.value,
        "of": each.waiting.subject or None,
        "since": instant(each.since),
        "seconds": round(each.waiting.seconds, 1),
        "count": each.waiting.count,
        "message": each.sentence(by_name=False),
    }
