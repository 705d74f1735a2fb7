"""The tasks: what a message makes a worker do.

Each asks the rows what is to be done (:mod:`worker.process.celery_app` says why). A task that finds PostgreSQL or Redis
away says so in one line and ends. One message says what no row does yet, that a run is wanted: it alone is kept by the
broker until it was carried out.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from celery import Task
from celery.exceptions import Reject

from worker.clock import pause
from worker.crashpoint import crashpoint
from worker.domain import ids
from worker.domain.errors import Unavailable
from worker.flow import admit, reap, settle, stop, tick, wake
from worker.flow.base import Dial, Fill, FillMore, Settle, Step
from worker.process import wiring
from worker.process.celery_app import app
from worker.process.dispatch import carry_out, dial, forget_lost, logs_refusals, send
from worker.store import dialing
from worker.store.database import once

log = structlog.get_logger()

AWAY_PAUSE_SECONDS = 1.0
SETTLE_ROUNDS = 20
"""Batches one settle message drains before it makes room for others."""
CALLS_AT_ONCE = 100
"""Calls that one message takes in hand; the next are another's."""
TEAMS_AT_ONCE = 100
"""Campaigns of which calls have ended that one message has filled; the next are another's."""


@app.task(name="worker.run_campaign", bind=True, acks_late=True)
@logs_refusals
def run_campaign(message: Task[..., None], campaign_id: str, max_calls: int | None = None) -> None:
    """Open a run of at most ``max_calls`` calls. The message is acknowledged when that is done or refused; until
    then it comes again, if its worker died (after ``BROKER_VISIBILITY_SECONDS``) or a service was away (after a
    second). Its own id names the run, so that it opens one however often it comes."""
    crashpoint("run.after_message")
    run_id = ids.derived(ids.RUN, str(message.request.id))
    try:
        result, steps = admit.run_campaign(
            wiring.dialer(), campaign_id, opened_by="task", max_calls=max_calls, run_id=run_id
        )
    except Unavailable as error:
        log.warning("run_postponed", campaign_id=campaign_id, message=str(error))
        pause(AWAY_PAUSE_SECONDS)
        raise Reject(error, requeue=True) from error
    log.info("run_answered", campaign_id=campaign_id, message=result.message)
    carry_out(steps)


@app.task(name="worker.tick")
@logs_refusals
def tick_once() -> None:
    """Whatever is due. What one part of it fails with is this task's failure, after all the others were done."""
    steps: list[Step] = []
    try:
        tick.tick_into(wiring.dialer(), steps)
        steps += forget_lost(steps)
    finally:
        carry_out(steps)


@app.task(name="worker.settle")
@logs_refusals
def settle_events() -> None:
    """Fill the teams of which calls have ended, and drain the inbox if anybody said that news waits there. One name for
    both: a worker of the version before knows no other, and does what is left of it."""
    dialer = wiring.dialer()
    if not fill_teams():
        return
    for _ in range(SETTLE_ROUNDS):
        steps = settle.settle(dialer)
        more = Settle() in steps
        carry_out([step for step in steps if step != Settle()])
        if not more:
            return
    send([Settle()])


def fill_teams() -> bool:
    """Fill the teams of which calls have ended. Whether anybody has said that news waits in the inbox."""
    dialer = wiring.dialer()
    requests, has_more, is_news = dialer.fill_requests.take(TEAMS_AT_ONCE, dialer.nudge, "settle")
    if has_more:
        send([FillMore()])
    carry_out([Fill(team_id, (campaign_id,)) for team_id, campaign_id in requests])
    return is_news


@app.task(name="worker.dial")
@logs_refusals
def dial_calls(call_ids: Sequence[str] = ()) -> None:
    """Place calls that are reserved and that nobody has in hand, longest waiting first. Workers of the version before
    name them."""
    dialer = wiring.dialer()
    if call_ids:
        accounts = once(dialer.db, lambda conn: dialing.accounts_of_reserved(conn, call_ids))
        dial([Dial(account_id, tuple(of_it)) for account_id, of_it in accounts.items()])
    else:
        dialer.nudge.clear("dial")
        dial(reap.take_waiting(dialer, CALLS_AT_ONCE))


@app.task(name="worker.look_up")
@logs_refusals
def look_up(call_ids: Sequence[str]) -> None:
    """Ask the carriers about these calls."""
    reap.look_up(wiring.dialer(), call_ids)


@app.task(name="worker.stop")
@logs_refusals
def stop_calls() -> None:
    """End what stopped campaigns still hold."""
    carry_out(stop.stop_calls(wiring.dialer()))


@app.task(name="worker.wake")
@logs_refusals
def wake_more(after_team: str | None) -> None:
    """Look at the next of the campaigns that are due to be looked at."""
    carry_out(wake.wake_more(wiring.dialer(), after_team))
