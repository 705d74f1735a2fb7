"""The web process: the API, the carriers' callbacks, and whether we are alive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from worker import logs
from worker.api import (
    call_outcomes,
    calls,
    campaign_contacts,
    campaign_copies,
    campaign_files,
    campaign_life,
    campaigns,
    carriers,
    contact_import,
    contacts,
    do_not_call,
    docs,
    health,
    one_call,
    policies,
    requeue,
    resources,
    teams,
    watchdog,
)
from worker.api.envelope import add_handlers, success
from worker.api.middleware import Middleware
from worker.api.openapi import document
from worker.process.settings import settings

ROUTERS = (
    campaigns.router,
    campaign_life.router,
    campaign_contacts.router,
    call_outcomes.router,
    campaign_copies.router,
    campaign_files.router,
    requeue.router,
    one_call.router,
    contact_import.router,
    contacts.router,
    calls.router,
    *resources.ROUTERS,
    do_not_call.router,
    policies.router,
    teams.router,
    health.router,
)


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    logs.configure(settings().log_level, settings().log_format)
    pulse = watchdog.Pulse()
    beating = asyncio.create_task(watchdog.beat(pulse))
    watchdog.watch(pulse)
    yield
    beating.cancel()


def _most_bytes(path: str) -> int:
    """How large the body of a request may be."""
    return settings().max_import_bytes if path == contact_import.PATH else settings().max_body_bytes


def make_app() -> FastAPI:
    """The application. Nothing is connected before the first request."""
    made = FastAPI(
        title="campaign-dialer",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        redirect_slashes=False,  # a POST that is redirected loses its body with half of all clients
    )
    add_handlers(made)
    made.add_middleware(carriers.Callbacks)
    made.add_middleware(Middleware, most_bytes=_most_bytes)
    for router in ROUTERS:
        made.include_router(router)
    made.add_api_route("/docs", lambda: _docs(made), include_in_schema=False)
    made.add_api_route("/", _welcome, include_in_schema=False)
    made.openapi = lambda: document(made)  # type: ignore[method-assign]  # the way FastAPI documents
    return made


def _docs(app: FastAPI) -> Response:
    """The API for people."""
    return HTMLResponse(docs.page(document(app)), headers=docs.HEADERS)


def _welcome(request: Request) -> Response:
    """Where everything is: a browser is led to the page for people, a program gets JSON."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/docs", 307)
    return success(name="campaign-dialer", docs="/docs", openapi="/openapi.json", api="/api/crm", health="/healthz")


app = make_app()
