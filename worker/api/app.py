"""The web process: the carriers' callbacks, and whether we are alive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from worker import logs, tasks, wiring
from worker.carriers.base import BadEvent, BadSignature
from worker.domain.errors import NotFound, Unavailable
from worker.domain.window import TZDB_VERSION
from worker.flow.base import Step
from worker.flow.record import receive
from worker.settings import settings

log = structlog.get_logger()

LARGEST_EVENT_BYTES = 256 * 1024


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    logs.configure(settings().log_level, settings().log_format)
    yield


app = FastAPI(title="campaign-dialer", lifespan=_lifespan, docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """This process answers; it says nothing of the services behind it."""
    return {"status": "ok", "tzdb": TZDB_VERSION}


@app.post("/carriers/{carrier}/events/{token}")
async def carrier_event(carrier: str, token: str, request: Request) -> Response:
    """One callback: 204 after its row is committed, 503 if it could not be, so that the carrier tries again."""
    body = await request.body()
    if len(body) > LARGEST_EVENT_BYTES:
        return JSONResponse({"success": False, "message": "The event is too large."}, 413)
    return await run_in_threadpool(_receive, carrier, token, request, body)


def _receive(carrier: str, token: str, request: Request, body: bytes) -> Response:
    dialer = wiring.dialer()
    url = f"{dialer.public_base_url}{request.url.path}"
    try:
        steps = receive(dialer, carrier, token, url, dict(request.headers), body)
    except NotFound as error:
        return JSONResponse({"success": False, "message": str(error)}, 404)
    except BadSignature:
        log.warning("callback_refused", carrier=carrier, reason="signature")
        return JSONResponse({"success": False, "message": "The signature does not match."}, 403)
    except BadEvent as error:
        log.warning("callback_refused", carrier=carrier, reason=str(error))
        return JSONResponse({"success": False, "message": "This is no event of this carrier."}, 400)
    except Unavailable as error:
        return JSONResponse({"success": False, "message": str(error)}, 503)
    _nudge(steps)
    return Response(status_code=204)


def _nudge(steps: list[Step]) -> None:
    """The event is safe by now; if Redis is away the tick will find it."""
    try:
        tasks.send(steps)
    except Unavailable as error:
        log.warning("nudge_lost", message=str(error))
