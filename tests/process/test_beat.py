"""Beat keeps time though its machine's clock is set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from celery import Celery
from celery.beat import ScheduleEntry

from worker.process import celery_app
from worker.process.settings import Settings


@pytest.mark.parametrize("set_by", [timedelta(hours=-1), timedelta(hours=1)])
def test_the_next_tick_is_due_a_second_after_the_last_whatever_the_clock_reads(
    set_by: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Celery("test")
    celery_app.configure(app, Settings())
    entry = ScheduleEntry(name="tick", app=app, **app.conf.beat_schedule["tick"])
    monkeypatch.setattr(app, "now", lambda: datetime.now(UTC) + set_by)
    is_due, wait = entry.is_due()
    assert not is_due
    assert 0 < wait <= celery_app.TICK_SECONDS
    assert entry.last_run_at is not None
    entry.last_run_at -= timedelta(seconds=celery_app.TICK_SECONDS)
    assert entry.is_due()[0]
