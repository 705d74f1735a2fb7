"""The web process of the benchmarks, ``uvicorn tests.bench.web:app``: the product's own, which also says what it
has sent to PostgreSQL and Redis."""

from __future__ import annotations

from tests.bench.tally import Tally
from worker.api.app import app
from worker.process import wiring

tally = Tally("nobody")
tally.watch_redis()
tally.watch(wiring.dialer().db)


@app.get("/tally")
def read() -> dict[str, float]:
    """What was sent so far."""
    return tally.read()


__all__ = ["app"]
