"""``celery -A tests.bench.stock worker``: the reference, Celery and kombu as they come, with our settings and tasks
that do nothing. The product's own app looks at every message before it takes it; an empty task must not pay for it."""

from __future__ import annotations

from celery import Celery

from worker.process import celery_app
from worker.process.settings import settings

app = Celery("stock")
celery_app.configure(app, settings())


@app.task(name="bench.noop")
def noop() -> None:
    """Nothing: what a task costs before it does anything."""


@app.task(name="bench.chain")
def chain(left: int) -> None:
    """Nothing, and then the next: what a task costs that hands on."""
    if left > 1:
        chain.delay(left - 1)
