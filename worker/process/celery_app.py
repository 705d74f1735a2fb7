"""The Celery app and its beat table: queues, routes, and how Celery is used here.

A message carries ids and means "look again". Lost, doubled, late or replayed, it changes nothing but latency: every
task asks the rows what is to be done. So there is no ETA and no retry here, no result, no revocation; time lives in
``due_at``, stops live in rows, and the tick sends again what was lost.
"""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.schedules import schedule
from celery.signals import before_task_publish, setup_logging
from kombu import Queue
from kombu.exceptions import OperationalError

from worker import logs
from worker.clock import steady, wall
from worker.process.broker import Broker
from worker.process.settings import Settings, settings

CONTROL, DIAL = "control", "dial"
SENT_AT = "sent_at"
"""The header of a message that says when it was sent; see :mod:`worker.process.queues`."""
TICK_SECONDS = 1.0


def configure(app: Celery, chosen: Settings) -> None:
    """How we use Celery; why, the module says."""
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
        worker_consumer="worker.process.consumer:Consumer",
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


def broker_answers(*, within_seconds: int = 2) -> bool:
    """Whether the broker can be reached."""
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=within_seconds)
    except OperationalError:
        return False
    return True
