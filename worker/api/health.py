"""Whether this process lives, and whether it can do its work."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from worker import tasks, wiring
from worker.domain.errors import Unavailable
from worker.domain.window import TZDB_VERSION
from worker.flow.server import held_back
from worker.store import migrate, ticks
from worker.store.database import once

router = APIRouter(tags=["Health"])

OLDEST_TICK_SECONDS = 30.0


@router.get("/healthz", summary="Is this process alive?")
async def healthz() -> dict[str, str]:
    """This process answers; it says nothing of the services behind it, and waits for no thread that waits for one."""
    return {"status": "ok", "tzdb": TZDB_VERSION}


@router.get("/readyz", summary="Can calls be placed?", responses={503: {"description": "Something is missing."}})
def readyz() -> Response:
    """Database, schema, broker, and whether somebody ticks: 200 when all are well, else 503, each with a word
    on how it is."""
    checks = {**_database(), "broker": "ok" if tasks.broker_answers() else "away"}
    is_ready = all(said == "ok" for said in checks.values())
    return JSONResponse({"status": "ok" if is_ready else "unavailable", **checks}, 200 if is_ready else 503)


def _database() -> dict[str, str]:
    def ask(conn: Connection) -> tuple[int | None, float | None, str | None]:
        found = migrate.version(conn)
        if found is None or found < migrate.newest():
            return found, None if found is None else ticks.age_seconds(conn, "tick"), None
        return found, ticks.age_seconds(conn, "tick"), held_back(conn)

    try:
        version, age, held = once(wiring.dialer().db, ask)
    except Unavailable:
        return {"database": "away", "schema": "unknown", "tick": "unknown"}
    why = {} if held is None else {"server": held}
    return {"database": "ok", "schema": _schema(version), "tick": _tick(age), **why}


def _schema(version: int | None) -> str:
    wanted = migrate.newest()
    return "ok" if version == wanted else f"version {version}, this code is for {wanted}; run the migrations"


def _tick(age: float | None) -> str:
    if age is None:
        return "never; start beat and a worker"
    return "ok" if age <= OLDEST_TICK_SECONDS else f"{age:.0f} s ago; start beat and a worker"
