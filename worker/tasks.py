"""The Celery app, its beat table, its tasks: where steps become messages, and messages steps.

A message carries ids and means "look again". Lost, doubled, late or replayed, it changes nothing but latency:
every task asks the rows what is to be done. So there is no ETA and no retry here, no result, no revocation;
time lives in ``due_at``, stops live in rows, and the tick rings lost doorbells again. A task that finds
PostgreSQL or Redis away says so in one line and ends. One message says what no row does yet, that a run is wanted:
it alone is kept by the broker until it was carried out.

Fills are carried out where they arise, in the same task, because a freed slot is worth most at once. The calls they
reserve go to the pool of the same worker (:mod:`worker.dial_pool`), or into messages where that has no room.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import structlog
from celery import Celery, Task
from celery.exceptions import Reject
from celery.schedules import schedule
from celery.signals import before_task_publish, setup_logging, worker_ready
from kombu import Queue
from kombu.exceptions import KombuError, OperationalError

from worker import logs, wiring
from worker.broker import Broker
from worker.bulkheads import Taken
from worker.clock import pause, steady, wall
from worker.crashpoint import crashpoint
from worker.dial_pool import DialPool
from worker.domain import ids
from worker.domain.errors import Refused, Unavailable
from worker.flow import admit, dial, fill, finish, reap, reconcile, settle, stop, tick, wake
from worker.flow.base import Dial, Dialer, Fill, LookUp, Mend, Settle, Step, Stop, Wake
from worker.settings import Settings, settings
from worker.store import calls
from worker.store.database import once

log = structlog.get_logger()

CONTROL, DIAL = "control", "dial"
SENT_AT = "sent_at"
"""The header of a message that says when it was sent; see :mod:`worker.queues`."""
TICK_SECONDS = 1.0
AWAY_PAUSE_SECONDS = 1.0
SETTLE_ROUNDS = 20
"""Batches one settle message drains before it makes room for others."""


def configure(app: Celery, chosen: Settings) -> None:
    """How we use Celery; why, with measurements, stands in the README's settings and in this module."""
    app.conf.update(
        broker_url=chosen.broker_url,
        broker_read_url=chosen.broker_url,  # or Celery takes CELERY_BROKER_URL itself, in our spelling
        broker_write_url=chosen.broker_url,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": chosen.broker_visibility_seconds,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "socket_timeout": 5,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 5,  # a consumer whose connection fell silent notices after twice as long
            "global_keyprefix": f"{chosen.redis_prefix}:",
            "priority_steps": [0],
        },
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue=CONTROL,
        task_routes={"worker.dial": {"queue": DIAL}, "worker.look_up": {"queue": DIAL}},
        task_queues=[Queue(CONTROL, routing_key=CONTROL), Queue(DIAL, routing_key=DIAL)],
        worker_pool="threads",
        worker_concurrency=chosen.worker_concurrency,
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,
        beat_scheduler="celery.beat:Scheduler",
        beat_schedule={"tick": {"task": "worker.tick", "schedule": schedule(TICK_SECONDS, nowfun=steady)}},
        beat_max_loop_interval=TICK_SECONDS,
    )


app = Celery("worker", amqp=Broker)


@app.on_configure.connect
def _configure(sender: Celery, **_: Any) -> None:
    configure(sender, settings())


@setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    logs.configure(settings().log_level, settings().log_format)


@before_task_publish.connect
def _stamp(headers: dict[str, Any], **_: Any) -> None:
    headers[SENT_AT] = wall()


def told(task: Callable[..., None]) -> Callable[..., Any]:
    """Say in one line what a task could not do, when that is nobody's bug: a service is away (the tick will
    look again), or the caller asked for something that cannot be. False in the first case: nothing was done."""

    @wraps(task)
    def run(*args: Any, **kwargs: Any) -> bool:
        try:
            task(*args, **kwargs)
        except Unavailable as error:
            log.warning("service_away", task=task.__name__, message=str(error))
            return False
        except Refused as error:
            log.error("request_refused", task=task.__name__, message=str(error))
        return True

    return run


@app.task(name="worker.run_campaign", bind=True, acks_late=True)
@told
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
        log.warning("run_put_off", campaign_id=campaign_id, message=str(error))
        pause(AWAY_PAUSE_SECONDS)
        raise Reject(error, requeue=True) from error
    log.info("run_answered", campaign_id=campaign_id, message=result.message)
    carry_out(steps)


@app.task(name="worker.tick")
@told
def tick_once() -> None:
    """Whatever is due. What one part of it fails with is this task's failure, after all the others were done."""
    steps: list[Step] = []
    try:
        tick.tick_into(wiring.dialer(), steps)
    finally:
        carry_out(steps)


@app.task(name="worker.settle")
@told
def settle_events() -> None:
    """Drain the inbox."""
    dialer = wiring.dialer()
    dialer.nudge.clear()
    for _ in range(SETTLE_ROUNDS):
        steps = settle.settle(dialer)
        more = Settle() in steps
        carry_out([step for step in steps if step != Settle()])
        if not more:
            return
    send([Settle()])


_pool: DialPool | None = None
"""Of a worker that takes the messages of dialing; see :mod:`worker.dial_pool`."""


@worker_ready.connect
def _open_pool(sender: Any, **_: Any) -> None:
    global _pool
    if any(queue.name == DIAL for queue in sender.task_consumer.queues):
        preparing = max(1, settings().worker_concurrency // 2)
        _pool = DialPool(wiring.dialer().bulkheads, _place, preparing=preparing)


def close_pool() -> None:
    """Place nothing any more; what waits is left to others. It may be asked again."""
    if _pool is not None and (dropped := _pool.close()):
        log.info("calls_left_to_others", calls=dropped)


def await_answers(seconds: float) -> None:
    """Wait, so long at most, until the answers to all requests to place calls are written down."""
    if _pool is not None and not _pool.wait(seconds):
        log.warning("answers_not_awaited", seconds=seconds)


def pool_stands_still(seconds: float) -> bool:
    """Whether calls wait for this worker's pool, and have for so long, though their accounts have senders free."""
    return _pool is not None and _pool.stands_still(seconds)


@app.task(name="worker.dial")
@told
def dial_calls(call_ids: Sequence[str]) -> None:
    """Place reserved calls, from this worker's pool. Whose they are the rows say, so that workers of any version take
    each other's messages."""
    if _pool is None:
        _place(tuple(call_ids))
        return
    accounts = once(wiring.dialer().db, lambda conn: calls.accounts_of_reserved(conn, call_ids))
    for account_id, of_it in accounts.items():
        _pool.take(account_id, of_it)


@told
def _place(call_ids: tuple[str, ...], senders: Taken | None = None) -> None:
    carry_out(dial.dial(wiring.dialer(), call_ids, senders))


@app.task(name="worker.look_up")
@told
def look_up(call_ids: Sequence[str]) -> None:
    """Ask the carriers about these calls."""
    reap.look_up(wiring.dialer(), call_ids)


@app.task(name="worker.stop")
@told
def stop_calls() -> None:
    """End what stopped campaigns still hold."""
    carry_out(stop.stop_calls(wiring.dialer()))


@app.task(name="worker.wake")
@told
def wake_more(after_team: str | None) -> None:
    """Look at the next of the campaigns that are due to be looked at."""
    carry_out(wake.wake_more(wiring.dialer(), after_team))


def carry_out(steps: Iterable[Step]) -> None:
    """Fill where it arises, and send the rest on."""
    dialer = wiring.dialer()
    messages: list[Step] = []
    fills: dict[str, dict[str, None]] = {}
    for step in steps:
        if isinstance(step, Fill):
            fills.setdefault(step.team_id, {}).update(dict.fromkeys(step.campaign_ids))
        else:
            messages.append(step)
    for team_id, campaign_ids in fills.items():
        _fill(dialer, team_id, campaign_ids)
    if Mend() in messages:
        reconcile.reconcile(dialer)
    send(step for step in messages if step != Mend())


wiring.follow_up_by(told(carry_out))

_wanted: dict[str, dict[str, None]] = {}
"""Team → campaigns with free slots that no thread has looked at yet."""
_filling: set[str] = set()
"""Teams a thread of this worker fills now."""
_turns = threading.Lock()


def _fill(dialer: Dialer, team_id: str, campaign_ids: Iterable[str]) -> None:
    """Fill, unless a thread of this worker fills the team already: that one will take these campaigns in its
    next turn. Fills of a team wait for each other's lock anyhow; waiting here costs no thread and no
    connection, and the turn that follows takes more at once. What a crash leaves here, the tick finds."""
    with _turns:
        _wanted.setdefault(team_id, {}).update(dict.fromkeys(campaign_ids))
        if team_id in _filling:
            return
        _filling.add(team_id)
    done = False
    try:
        while (wanted := _next_wanted(team_id)) is not None:
            filled = fill.fill(dialer, team_id, wanted)
            finish.finish(dialer, filled.idle)
            if Mend() in filled.steps:
                reconcile.reconcile(dialer)
            send(step for step in filled.steps if step != Mend())
        done = True
    finally:
        if not done:  # whoever comes next takes over what is left
            with _turns:
                _filling.discard(team_id)


def _next_wanted(team_id: str) -> list[str] | None:
    """The campaigns of the next turn; ``None`` ends this thread's turns, decided under the lock, so that
    nobody leaves campaigns to a thread that has just gone."""
    with _turns:
        wanted = _wanted.pop(team_id, None)
        if wanted is None:
            _filling.discard(team_id)
            return None
        return list(wanted)


_TASKS: dict[type, Task[..., None]] = {
    Dial: dial_calls,
    LookUp: look_up,
    Settle: settle_events,
    Stop: stop_calls,
    Wake: wake_more,
}


_loading = threading.Lock()


def send(steps: Iterable[Step]) -> None:
    """Hand steps to the pool of this worker, or to the workers as messages. If the broker is away nothing is lost:
    the rows say what is to be done, and the tick sends it again."""
    with _loading:  # Celery reads its settings at first use; two threads of the web process at once recurse for ever
        app.conf.get("broker_url")
    dialer = wiring.dialer()
    messages = [step for step in dict.fromkeys(steps) if not _is_taken(step, dialer)]
    if not messages:
        return
    try:
        producer: Any  # kombu's stubs know no batch
        ours = app.producer_pool.acquire(block=True, timeout=10)
        with ours as producer, _unbroken(producer), producer.batch(max_size=100):
            for step in messages:
                _TASKS[type(step)].apply_async(_arguments(step), producer=producer)
    except KombuError as error:  # no connection, none free, or a batch that may have arrived in part
        log.warning("broker_away", messages=len(messages), message=str(error))


def _arguments(step: Step) -> tuple[object, ...]:
    match step:
        case Dial(_, call_ids) | LookUp(call_ids):
            return (list(call_ids),)
        case Wake(after_team):
            return (after_team,)
        case _:
            return ()


def _is_taken(step: Step, dialer: Dialer) -> bool:
    """Whether a step needs no message: this worker's pool places the calls, or a settle is on its way already."""
    match step:
        case Dial(account_id, call_ids):
            return _pool is not None and _pool.offer(account_id, call_ids)
        case Settle():
            return not dialer.nudge.take()
        case _:
            return False


@contextmanager
def _unbroken(producer: Any) -> Iterator[None]:
    """Where a connection breaks while a publish declares its queue anew, kombu closes the channel under that publish,
    which goes on with it and finds no connection (5.7: ``Producer._publish`` keeps the channel in a local variable
    across ``maybe_declare``, whose own retry replaces it)."""
    try:
        yield
    except AttributeError as error:
        if producer.channel.connection is not None:
            raise
        raise OperationalError("The connection broke while the queue was declared.") from error


def broker_answers(*, within_seconds: int = 2) -> bool:
    """Whether the broker can be reached."""
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=within_seconds)
    except OperationalError:
        return False
    return True
