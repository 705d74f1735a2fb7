"""Switch one protection of the dialer off, in a process that is about to become one of its.

A judge that has never condemned proves nothing; so the same trial is held over a dialer without one of its
protections, and must find it out. The product has no such setting: a trial names the protection in the environment,
the nursery (:mod:`tests.chaos.nursery`) calls :func:`switch_off`, and what is imported afterwards is the product.
Types are told to look away wherever something is replaced that is not meant to be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg
from sqlalchemy import text

VARIABLE = "CHAOS_WITHOUT"

EMPHASIS: Mapping[str, Mapping[str, int]] = {
    "send-fence": {"worker: SIGSTOP 6 s, calls in hand": 40},
    "claim-limit": {"redis: members removed": 30},
    "generation-key": {"redis: members added": 10, "worker: SIGKILL": 10},
    "write-ahead": {"worker: SIGKILL": 25, "worker: SIGSTOP 3 s": 10},
    "settle-once": {"web: SIGSTOP 3 s": 6, "web: SIGKILL": 4},
    "news-binding": {"carrier: news forged by another's key": 20},
}
"""Protection → what to put more of into the deck, so that it is needed."""


def switch_off(protection: str) -> None:
    """Let this process do without. Raises ``KeyError`` for one that is not known."""
    _SWITCHES[protection]()


def unguard(protection: str, database_url: str) -> None:
    """What of the protection lies in the database's own schema."""
    if protection != "settle-once":
        return
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("DROP TRIGGER calls_only_move_forward ON calls")
        admin.execute("ALTER TABLE counter_deltas DROP CONSTRAINT counter_deltas_call_id_key")


def _without_send_fence() -> None:
    """A request leaves however long ago it was committed."""
    from worker.flow import dial

    fenced = dial._sender
    dial._sender = lambda dialer, fence_at: fenced(dialer, math.inf)


def _without_claim_limit() -> None:
    """Live rows are not counted; what the slots in Redis grant is granted."""
    from worker.flow.plan import Rooms

    counted = Rooms.read.__func__  # type: ignore[attr-defined]
    Rooms.read = classmethod(lambda cls, rows, live: counted(cls, rows, []))  # type: ignore[method-assign]


def _without_generation_key() -> None:
    """Nobody asks whether the slots can be trusted, so nobody builds them anew.

    No limit breaks of it, for the claim counts rows: that is why there are two protections. What breaks is that
    slots which nobody can vouch for are never mended."""
    from worker.slots import semaphore

    asking = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then"
    load = semaphore.load_script  # type: ignore[attr-defined]

    def load_unasking(client: Any, name: str) -> Any:
        script = load(client, name)
        if name != "acquire":
            return script
        assert asking in script.script
        return client.register_script(script.script.replace(asking, "if false then"))

    semaphore.load_script = load_unasking  # type: ignore[attr-defined]
    semaphore.Slots.needs_rebuild = lambda self, generation: False  # type: ignore[method-assign]


def _without_write_ahead() -> None:
    """The request leaves first, and is written down afterwards."""
    from concurrent.futures import ThreadPoolExecutor

    from worker.clock import monotonic
    from worker.crashpoint import crashpoint
    from worker.flow import dial
    from worker.flow.results import record_results
    from worker.store.database import once

    placers = ThreadPoolExecutor(25)

    def send(dialer: Any, account_id: str, batch: Sequence[Any], senders: Any) -> list[Any]:
        fence_at = monotonic() + dialer.bounds.send_fence_seconds
        outcomes = list(placers.map(dial._sender(dialer, fence_at), batch))
        crashpoint("dial.after_request")
        committed = once(dialer.db, lambda conn: dial._commit(conn, dialer, batch))
        crashpoint("dial.after_commit")
        answered = zip(batch, outcomes, strict=True)
        results = [(ready.row, outcome) for ready, outcome in answered if ready.row.id in committed]
        return list(record_results(dialer, results))

    dial._send = send


def _without_settle_once() -> None:
    """An ended call ends again with every end that is told."""
    from worker.domain.lifecycle import Heard
    from worker.domain.model import CallState
    from worker.flow import settle
    from worker.store import calls

    weighed = settle.weigh  # type: ignore[attr-defined]

    def weigh(call: Any, heard: Any, carrier_call_id: str) -> Any:
        if heard is Heard.ENDED and call.state is CallState.ENDED:
            return CallState.ENDED
        return weighed(call, heard, carrier_call_id)

    settle.weigh = weigh  # type: ignore[attr-defined]
    stepped = settle._step
    settle._step = lambda *them: replace(stepped(*them), at_most="ended")
    unguarded = str(calls.ADVANCE.text)
    for guard in (" AND (k.ended_at IS NULL OR x.disposition IS NULL)", " AND was_ended_at IS NULL"):
        assert guard in unguarded, guard
        unguarded = unguarded.replace(guard, "")
    calls.ADVANCE = text(unguarded)


def _without_news_binding() -> None:
    """Whoever has any carrier's key speaks for every call whose token it knows."""
    from worker.flow import record, settle
    from worker.store import events

    record.is_foreign = lambda *_: False  # type: ignore[attr-defined]
    settle.is_foreign = lambda *_: False  # type: ignore[attr-defined]
    asking = "a.carrier <> CAST(:carrier AS carrier)"
    assert asking in events.INSERT.text
    events.INSERT = text(events.INSERT.text.replace(asking, "false"))


_SWITCHES: Mapping[str, Callable[[], None]] = {
    "send-fence": _without_send_fence,
    "claim-limit": _without_claim_limit,
    "generation-key": _without_generation_key,
    "write-ahead": _without_write_ahead,
    "settle-once": _without_settle_once,
    "news-binding": _without_news_binding,
}
PROTECTIONS = tuple(_SWITCHES)
