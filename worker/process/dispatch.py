"""Where steps become work: fills in the same task, calls for the pool of this worker, messages for the rest.

Fills are carried out where they arise, because a freed slot is worth most at once. The calls they commit leave by the
pool of the same worker (:mod:`worker.process.dial_pool`), and those they only reserve wait there; what it has no room
for is any worker's, and one message says that there is some. A message is one of :mod:`worker.process.tasks`, by its
name: who sends one need not have them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, assert_never

import structlog
from celery.signals import worker_ready
from kombu.exceptions import KombuError, OperationalError

from worker.bulkheads import Taken
from worker.domain.errors import Refused, Unavailable
from worker.flow import dial as placing
from worker.flow import fill, finish, reconcile
from worker.flow.base import (
    Batch,
    Dial,
    Dialer,
    DialMore,
    Fill,
    FillMore,
    LookUp,
    RebuildSlots,
    Settle,
    Step,
    Stop,
    Wake,
)
from worker.process import queues, wiring
from worker.process.broker import OURS
from worker.process.celery_app import DIAL, app
from worker.process.dial_pool import DialPool
from worker.process.fill_turns import FillTurns
from worker.process.settings import settings

log = structlog.get_logger()


def logs_refusals(task: Callable[..., None]) -> Callable[..., Any]:
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


class _Placing:
    """Calls leave by the threads of their account."""

    can = True

    def __init__(self, pool: DialPool) -> None:
        self._pool = pool

    def senders(self, account_id: str, most: int) -> Taken:
        return self._pool.senders(account_id, most)

    def room(self, account_id: str) -> int:
        return self._pool.room(account_id)

    def leave(self, batch: Batch) -> None:
        self._pool.run(batch.account_id, partial(_leave, batch))


@logs_refusals
def _leave(batch: Batch) -> None:
    carry_out(placing.place(wiring.dialer(), batch))


_KINDS: Mapping[type[Step], str] = {DialMore: "dial", Dial: "dial", Settle: "settle"}
"""Steps of which one message at a time is on its way, and how it is called."""
_pool: DialPool | None = None
"""Of a worker that takes the messages of dialing; see :mod:`worker.process.dial_pool`."""


@worker_ready.connect
def _open_pool(sender: Any, **_: Any) -> None:
    global _pool
    if any(queue.name == DIAL for queue in sender.task_consumer.queues):
        preparing = max(1, settings().worker_concurrency // 2)
        _pool = DialPool(wiring.dialer().bulkheads, place, preparing=preparing, together=settings().dial_batch)
        wiring.place_by(_Placing(_pool))


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


@logs_refusals
def place(call_ids: tuple[str, ...], senders: Taken | None = None) -> None:
    carry_out(placing.dial(wiring.dialer(), call_ids, senders))


def dial(steps: Iterable[Step]) -> None:
    """Place the calls that these steps name, and carry out the others: a message that asks for it is not sent on."""
    for step in steps:
        if isinstance(step, Dial) and _pool is None:
            place(step.call_ids)
        else:
            carry_out([step])


def carry_out(steps: Iterable[Step]) -> None:
    """Fill where it arises, and send the rest on."""
    messages: list[Step] = []
    fills: dict[str, dict[str, None]] = {}
    for step in steps:
        if isinstance(step, Fill):
            fills.setdefault(step.team_id, {}).update(dict.fromkeys(step.campaign_ids))
        else:
            messages.append(step)
    for team_id, campaign_ids in fills.items():
        _fill_turns.take(team_id, campaign_ids)
    if RebuildSlots() in messages:
        reconcile.reconcile(wiring.dialer())
    send(step for step in messages if step != RebuildSlots())


wiring.follow_up_by(logs_refusals(carry_out))


def _fill(team_id: str, campaign_ids: Sequence[str]) -> None:
    dialer = wiring.dialer()
    filled = fill.fill(dialer, team_id, campaign_ids)
    finish.finish(dialer, filled.idle)
    if RebuildSlots() in filled.steps:
        reconcile.reconcile(dialer)
    send(step for step in filled.steps if step != RebuildSlots())


_fill_turns = FillTurns(_fill)


_loading = threading.Lock()


def send(steps: Iterable[Step]) -> None:
    """Hand steps to the pool of this worker, or to the workers as messages. If the broker is away nothing is lost:
    the rows say what is to be done, and the tick sends it again."""
    with _loading:  # Celery reads its settings at first use; two threads of the web process at once recurse for ever
        app.conf.get("broker_url")
    dialer = wiring.dialer()
    messages = dict.fromkeys(_message(step) for step in dict.fromkeys(steps) if not _is_taken(step, dialer))
    if not messages:
        return
    try:
        producer: Any  # kombu's stubs know no batch
        ours = app.producer_pool.acquire(block=True, timeout=10)
        with ours as producer, _unbroken(producer), producer.batch(max_size=100):
            for task, arguments in messages:
                app.send_task(task, arguments, producer=producer, ignore_result=True)
    except KombuError as error:  # no connection, none free, or a batch that may have arrived in part
        log.warning("broker_away", messages=len(messages), message=str(error))


def _message(step: Step) -> tuple[str, tuple[object, ...]]:
    """The task of :mod:`worker.process.tasks` that a step becomes a message for, and its arguments."""
    match step:
        case Dial() | DialMore():
            return "worker.dial", ()
        case LookUp(call_ids):
            return "worker.look_up", (call_ids,)
        case FillMore() | Settle():
            return "worker.settle", ()
        case Stop():
            return "worker.stop", ()
        case Wake(after_team):
            return "worker.wake", (after_team,)
        case Fill() | RebuildSlots():
            raise ValueError(f"{step} is carried out where it arises")
        case never:
            assert_never(never)


def _is_taken(step: Step, dialer: Dialer) -> bool:
    """Whether a step needs no message: this worker's pool places the calls, or a settle is on its way already."""
    match step:
        case Dial(account_id, call_ids):
            return (_pool is not None and _pool.take(account_id, call_ids)) or not dialer.nudge.take(_KINDS[Dial])
        case DialMore() | Settle():
            return not dialer.nudge.take(_KINDS[type(step)])
        case Fill() | FillMore() | LookUp() | Stop() | Wake() | RebuildSlots():
            return False
        case never:
            assert_never(never)


def forget_lost(steps: Iterable[Step]) -> list[Step]:
    """What the tick has found to be done and no message waits for: its message was lost, and another is to be sent.
    The steps that the tick has not found itself."""
    dialer = wiring.dialer()
    found = {type(step) for step in steps} & _KINDS.keys()
    wants_fills = dialer.fill_requests.are_waiting()
    if not found and not wants_fills:
        return []
    waiting = queues.waiting_tasks()
    for kind in found:
        if f"{OURS}{_KINDS[kind]}" not in waiting:
            dialer.nudge.clear(_KINDS[kind])
    return [FillMore()] if wants_fills and f"{OURS}settle" not in waiting else []


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
