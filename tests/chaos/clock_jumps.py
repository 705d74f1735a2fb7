"""The database's clock is set forward or back by up to an hour, and right again after a while.

Only in trials of their own. There nothing that is judged rests on where the clock stood when: campaigns have no window,
no schedule and no retry delay, and nobody gives them one, for whether a call was inside a window whose clock jumped
while the call was on its way has no answer that would condemn nobody falsely. All else is judged as ever, by the
carrier's ledger and by instants that :class:`tests.chaos.journal.DatabaseClock` reads off the true clock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from random import Random

import psycopg

from tests import shadow_clock
from tests.chaos.faults import Undoing
from tests.chaos.harness import Chaos
from tests.chaos.operators import Order
from tests.chaos.plan import Workload

LONGEST_SECONDS = 3600
LASTS_SECONDS = (3.0, 8.0)
RESTS_ON_THE_CLOCK = ("window", "zone")

WAITING = """
SELECT (SELECT count(*) FROM campaign_contacts cc JOIN campaigns c ON c.id = cc.campaign_id
        WHERE c.status = 'running' AND cc.due_at <= dialer_now() + interval '2 minutes'
          AND cc.status IN ('pending', 'queued') AND NOT starts_with(c.id, :barren))
     + (SELECT count(*) FROM calls WHERE ended_at IS NULL)
     + (SELECT count(*) FROM call_events WHERE outcome IS NULL)
"""
"""What is still to come; who was put back while the clock stood an hour ahead waits for that hour, as he would."""


def jump(sign: int, chaos: Chaos, dice: Random) -> Undoing:
    """Forward or back, a moment or an hour."""
    seconds = sign * dice.choice((7, 90, LONGEST_SECONDS))
    _move(chaos, seconds)
    return dice.choice(LASTS_SECONDS), partial(_move, chaos, -seconds)


def _move(chaos: Chaos, seconds: int) -> None:
    """A server that is away has its clock set when it is back: a machine's goes on without it."""
    for _ in range(20):
        with contextlib.suppress(psycopg.Error):
            shadow_clock.move(chaos.environment["DATABASE_URL"], seconds)
            return


def without_the_clock(workload: Workload) -> Workload:
    """The workload where nothing rests on it."""
    bare = (
        replace(
            it,
            window=None,
            starts_in=None,
            ends_in=None,
            delay=0,
            delays={},
            people=tuple(replace(p, zone="") for p in it.people),
        )
        for it in workload.campaigns
    )
    return replace(workload, campaigns=tuple(bare))


def orders_without_the_clock(orders: Sequence[Order]) -> list[Order]:
    return [it for it in orders if it.what.removeprefix("aim: ") not in RESTS_ON_THE_CLOCK]


FAULTS: Mapping[str, Callable[[Chaos, Random], Undoing]] = {
    "postgresql: clock set forward": partial(jump, 1),
    "postgresql: clock set back": partial(jump, -1),
}
