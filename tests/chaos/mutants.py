"""Switch one protection of the dialer off, in a process that is about to become one of its.

A judge that has never condemned proves nothing; so the same trial is held over a dialer without one of its
protections, and must find it out. The product has no such setting: a trial names the protection in the environment,
the fork server (:mod:`tests.chaos.fork_server`) calls :func:`switch_off`, and what is imported afterwards is the
product. Types are ignored wherever something is replaced that is not meant to be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg
from sqlalchemy import text

from tests.chaos.mutant import Mutant
from tests.chaos.mutants_bulkheads import BULKHEADS

VARIABLE = "CHAOS_WITHOUT"


def switch_off(protection: str) -> None:
    """Let this process do without. Raises ``KeyError`` for one that is not known."""
    MUTANTS[protection].switch_off()


def aims(protection: str) -> Mapping[str, int]:
    """What operators are to aim more often, so that it is needed; nothing where nothing is switched off."""
    return MUTANTS[protection].aims if protection else {}


def unguard(protection: str, database_url: str) -> None:
    """Take out what of the protection lies in the database's own schema."""
    if not protection or not MUTANTS[protection].unguard:
        return
    with psycopg.connect(database_url, autocommit=True) as admin:
        for statement in MUTANTS[protection].unguard:
            admin.execute(statement)


def _without_send_fence() -> None:
    """A request leaves however long ago it was committed."""
    from worker.flow import dial

    fenced = dial._sender
    dial._sender = lambda dialer, fence_at: fenced(dialer, math.inf)


def _without_claim_limit() -> None:
    """Live rows are not counted; what the slots in Redis grant is granted."""
    from worker.flow.plan import Rooms

    counted = Rooms.read.__func__  # type: ignore[attr-defined]  # of the bound method
    Rooms.read = classmethod(lambda cls, rows, live: counted(cls, rows, []))


def _without_generation_key() -> None:
    """Nothing checks whether the slots can be trusted, so nothing rebuilds them.

    No limit breaks of it, for the claim counts rows: that is why there are two protections. What breaks is that
    slots which nobody can vouch for are never mended."""
    from worker.slots import semaphore

    check = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then"
    load = semaphore.load_script  # type: ignore[attr-defined]  # it is imported there, not exported

    def load_unchecked(client: Any, name: str) -> Any:
        script = load(client, name)
        if name != "acquire":
            return script
        assert check in script.script
        return client.register_script(script.script.replace(check, "if false then"))

    semaphore.load_script = load_unchecked  # type: ignore[attr-defined]  # it is imported there, not exported
    semaphore.Slots.needs_rebuild = lambda self, generation: False


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
    """An ended call ends again with every end that is reported."""
    from worker.domain.model import CallState, EventKind
    from worker.flow import follow
    from worker.store import moves

    moved = follow.transition  # type: ignore[attr-defined]  # it is imported there, not exported

    def transition(call: Any, event: Any, carrier_call_id: str) -> Any:
        if event is EventKind.ENDED and call.state is CallState.ENDED:
            return CallState.ENDED
        return moved(call, event, carrier_call_id)

    follow.transition = transition  # type: ignore[attr-defined]  # it is imported there, not exported
    stepped = follow._step
    follow._step = lambda *them: replace(stepped(*them), at_most="ended")
    unguarded = str(moves.ADVANCE.text)
    for guard in (" AND (k.ended_at IS NULL OR x.disposition IS NULL)", " AND was_ended_at IS NULL"):
        assert guard in unguarded, guard
        unguarded = unguarded.replace(guard, "")
    moves.ADVANCE = text(unguarded)


def _without_news_binding() -> None:
    """Whoever has any carrier's key speaks for every call whose token it knows."""
    from worker.flow import receipt, record, settle
    from worker.store import events

    receipt.is_foreign = lambda *_: False  # type: ignore[attr-defined]  # it is imported there, not exported
    record.is_foreign = lambda *_: False  # type: ignore[attr-defined]  # it is imported there, not exported
    settle.is_foreign = lambda *_: False  # type: ignore[attr-defined]  # it is imported there, not exported
    check = "a.carrier <> CAST(:carrier AS carrier)"
    assert check in events.INSERT.text
    events.INSERT = text(events.INSERT.text.replace(check, "false"))


def _without_clauses(module: Any, name: str, *clauses: str) -> None:
    """A statement does not check this."""
    statement = str(getattr(module, name).text)
    for clause in clauses:
        assert statement.count(clause) == 1, clause
        statement = statement.replace(clause, "")
    setattr(module, name, text(statement))


# The last moment before a call is one of two: the claim by which it leaves at once, and the commit of one that waited
# as reserved. Whatever else may come to commit a call to be placed must be named here, too.


def _without_dial_do_not_call() -> None:
    """Who came on the list, or was marked, is called: whether before the claim, or after his call was reserved."""
    from worker.store import claims, dialing
    from worker.store.bans import CALLS_FOR, is_erased, is_listed

    listed = is_listed("k.team_id", "k.phone_e164", "due.purpose")
    erased = is_erased(":team", "k.phone_e164")
    _without_clauses(claims, "PICK", f"k.do_not_call OR {listed}\n       OR {erased} AS do_not_call,\n")
    claims.PICK = text(claims.PICK.text.replace("AS own_zone,\n", "AS own_zone, false AS do_not_call,\n", 1))
    _without_clauses(
        dialing,
        "COMMIT_DIALING",
        " AND NOT p.do_not_call",
        f" AND NOT {is_listed('k.team_id', 'k.to_number', CALLS_FOR)}",
    )


def _without_places() -> None:
    """A claim takes a contact to be where it waits, wherever it is now, and so does the commit."""
    from worker.store import claims
    from worker.store.rules import key

    own = key("k", "due.by_place")
    assert claims.PICK.text.count(own) == 1
    claims.PICK = text(claims.PICK.text.replace(own, "due.zone"))
    _without_commit_place()


def _without_commit_place() -> None:
    """Where a contact is by the time of the commit is not looked at."""
    from worker.store import dialing
    from worker.store.rules import BY_PLACE, key

    _without_clauses(dialing, "COMMIT_DIALING", f"{key('p', BY_PLACE)} = k.zone AND ")


def _without_consent() -> None:
    """Everybody is taken for one who has consented in writing, when the call is claimed and when it is committed."""
    from worker.store import claims, dialing
    from worker.store.bans import CALLS_FOR
    from worker.store.consents import best_consent, still_consents

    for module, name, number, purpose in (
        (claims, "PICK", "k.phone_e164", "due.purpose"),
        (dialing, "RESERVED_CALLS", "k.to_number", CALLS_FOR),
    ):
        found = f"{best_consent('k.team_id', number, purpose)} ELSE 0 END AS consent,"
        statement = str(getattr(module, name).text)
        assert statement.count(found) == 1, name
        setattr(module, name, text(statement.replace(found, "2 ELSE 0 END AS consent,")))
    still = still_consents("x.law", "k.team_id", "k.to_number", "now.at")
    _without_clauses(dialing, "COMMIT_DIALING", f"\n      AND {still}")


def _without_dial_running() -> None:
    """A call is placed though its campaign has stopped, has a newer run or another policy since it was reserved."""
    from worker.store import candidates, claims, dialing

    for module, name in ((claims, "LOCK"), (candidates, "CANDIDATES")):
        _without_clauses(module, name, "c.status = 'running' AND c.deleted_at IS NULL\n    AND ")
    _without_clauses(
        dialing,
        "COMMIT_DIALING",
        "c.status = 'running' AND ",
        "c.deleted_at IS NULL AND ",
        "c.run_id = k.run_id\n      AND ",
        "c.policy_version = x.policy_version AND ",
        "AND EXISTS (SELECT FROM campaign_numbers o WHERE o.campaign_id = k.campaign_id AND o.number_id = k.number_id)",
    )


def _without_frequency() -> None:
    """Whoever is due is called, however often the number was called before."""
    from worker.flow import claim, dial

    for module in (claim, dial):
        module.rest_of = lambda *_: None  # type: ignore[attr-defined]  # it is imported there, not exported


_OWN: Mapping[str, Mutant] = {
    "send-fence": Mutant(
        _without_send_fence,
        ("worker.flow.dial._sender",),
        ("stops_reach_the_carrier",),
        faults={"worker: SIGSTOP 6 s, calls in hand": 40},
    ),
    "claim-limit": Mutant(
        _without_claim_limit,
        ("worker.flow.plan.Rooms.read",),
        ("calls_within_limits", "limit_held", "limit_held_at_carrier"),
        faults={"redis: members removed": 30},
    ),
    "generation-key": Mutant(
        _without_generation_key,
        ("worker.slots.semaphore.load_script", "worker.slots.semaphore.Slots.needs_rebuild"),
        ("slots_are_released", "no_slot_leaks"),
        faults={"redis: flushall": 10, "redis: members added": 20, "worker: SIGKILL": 5},
    ),
    "write-ahead": Mutant(
        _without_write_ahead,
        ("worker.flow.dial._send",),
        ("requested_once", "records_match_carrier", "one_call_to_a_callee"),
        faults={"worker: SIGKILL": 25, "worker: SIGSTOP 3 s": 10},
    ),
    "settle-once": Mutant(
        _without_settle_once,
        ("worker.flow.follow.transition", "worker.flow.follow._step", "worker.store.moves.ADVANCE"),
        ("records_match_carrier", "counters_add_up"),
        faults={"web: SIGSTOP 3 s": 6, "web: SIGKILL": 4},
        unguard=(
            "DROP TRIGGER calls_only_move_forward ON calls",
            "ALTER TABLE counter_deltas DROP CONSTRAINT counter_deltas_call_id_key",
        ),
    ),
    "news-binding": Mutant(
        _without_news_binding,
        (
            "worker.flow.receipt.is_foreign",
            "worker.flow.record.is_foreign",
            "worker.flow.settle.is_foreign",
            "worker.store.events.INSERT",
        ),
        ("one_call_to_a_callee", "calls_within_limits", "records_match_carrier", "closed_calls_are_over"),
        faults={"carrier: news forged by another's key": 20},
    ),
    "dial-do-not-call": Mutant(
        _without_dial_do_not_call,
        ("worker.store.claims.PICK", "worker.store.dialing.COMMIT_DIALING"),
        ("do_not_call_binds_commits",),
        aims={"ban": 10, "mark": 10},
    ),
    "places": Mutant(
        _without_places,
        ("worker.store.claims.PICK", "worker.store.dialing.COMMIT_DIALING"),
        ("contacts_bind_commits",),
        aims={"zone": 10},
    ),
    "commit-place": Mutant(
        _without_commit_place,
        ("worker.store.dialing.COMMIT_DIALING",),
        ("contacts_bind_commits",),
        aims={"zone": 10},
    ),
    "consent": Mutant(
        _without_consent,
        ("worker.store.claims.PICK", "worker.store.dialing.COMMIT_DIALING", "worker.store.dialing.RESERVED_CALLS"),
        ("consents_hold",),
    ),
    "frequency": Mutant(
        _without_frequency,
        ("worker.flow.claim.rest_of", "worker.flow.dial.rest_of"),
        ("calls_within_caps", "caps_hold"),
    ),
    "dial-running": Mutant(
        _without_dial_running,
        ("worker.store.claims.LOCK", "worker.store.candidates.CANDIDATES", "worker.store.dialing.COMMIT_DIALING"),
        ("stops_bind_commits", "newer_runs_bind_commits", "policy_binds_commits"),
        aims={"pause": 10, "run again": 4, "window": 4},
    ),
}

MUTANTS: Mapping[str, Mutant] = {**_OWN, **BULKHEADS}
"""Protection → the dialer without it. Those of one kind may stand in a module of their own, and are taken in here."""
PROTECTIONS = tuple(MUTANTS)
EMPHASIS: Mapping[str, Mapping[str, int]] = {name: mutant.faults for name, mutant in MUTANTS.items()}
"""Protection → what to put more of into the nemesis' deck, so that it is needed."""
