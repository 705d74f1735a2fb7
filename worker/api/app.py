"""The web process: the API, the carriers' callbacks, and whether we are alive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from worker import logs
from worker.api import campaigns, carriers, health
from worker.api.doorway import Doorway
from worker.api.envelope import add_handlers
from worker.settings import settings

ROUTERS = (campaigns.router, carriers.router, health.router)


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    logs.configure(settings().log_level, settings().log_format)
    yield


def make_app() -> FastAPI:
    """The application. Nothing is connected before the first request."""
    made = FastAPI(
        title="campaign-dialer",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a POST that is redirected loses its body with half of all clients
    )
    add_handlers(made)
    made.add_middleware(Doorway, most_bytes=lambda: settings().max_body_bytes)
    for router in ROUTERS:
        made.include_router(router)
    return made


app = make_app()
