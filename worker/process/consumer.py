"""The part of a worker that reads from the broker: it reads, and sends nothing itself.

Celery has it also greet other workers, send heartbeats and follow those of others, for remote control, revocation and
monitors, none of which is used here. Celery (5.7) sends them from the thread that reads, with retries that have no end:
where the broker goes at that moment, kombu tries again and again without a word, with pauses of up to half a minute.
The worker does not say that its broker is away, and does not read from it when it is back.
"""

from __future__ import annotations

from typing import Any

from celery.worker import consumer


class Consumer(consumer.Consumer):
    """Celery's, without those, whatever the command line says."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, without_mingle=True, without_gossip=True, without_heartbeat=True, **options)
