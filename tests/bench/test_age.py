"""The years that P13 lays in are as the verbs would have left them, and go as they would."""

from __future__ import annotations

import pytest

from tests.bench import age
from tests.bench.bare import bare
from worker.dev.stack import Stack
from worker.operations.report import read_report
from worker.store import past_calls
from worker.store.database import once

CALLS = 1000


@pytest.mark.slow
def test_what_is_laid_in_keeps_every_invariant_and_reports_the_same_when_it_goes(stack: Stack) -> None:
    with bare(stack, "bench_age_test") as there:
        age.fill(there, CALLS, 100)
        there.check()
        before = read_report(there.dialer, "team_old", "camp_old0")
        gone = once(there.dialer.db, lambda conn: past_calls.retire(conn, days=age.DAYS_KEPT))
        assert 0 < gone < CALLS / 2
        there.check()
        after = read_report(there.dialer, "team_old", "camp_old0")
        assert (after.counts, after.hours, after.attempts) == (before.counts, before.hours, before.attempts)
        ((events,),) = there.sql("SELECT count(*) FROM call_events")
        assert events == 3 * (CALLS - gone)
