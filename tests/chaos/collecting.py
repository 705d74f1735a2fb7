"""Collects what a trial left behind: observes it while it runs, and reads the tables when it is over."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import math
import re
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis.exceptions
from sqlalchemy.exc import SQLAlchemyError

from tests.chaos import barren, history
from tests.chaos.api_client import done, is_in_doubt
from tests.chaos.evidence import (
    UNKNOWN_CAMPAIGN,
    CampaignFacts,
    Deed,
    Evidence,
    Held,
    InvariantCheck,
    Left,
    Row,
    TeamFacts,
)
from tests.chaos.hanging import end_requests
from tests.chaos.harness import Chaos
from tests.chaos.invariant_checks import check_all, check_safety
from tests.chaos.judgements_progress import Progress
from worker.domain.errors import Unavailable
from worker.process.celery_app import CONTROL, DIAL
from worker.simulator import ledger
from worker.store import counters
from worker.store.database import once

if TYPE_CHECKING:
    from tests.chaos.trial import Trial

LOOK_EVERY_SECONDS = 0.3
INVARIANTS_EVERY = 6
SETTLED_AFTER_SECONDS = 15.0
"""How long after the last fault what must come about in time may still be on its way."""
LATE = re.compile(r"late_evidence +call_id=(\S+)")


class Observer:
    """Reads the messages that wait, checks the invariants (:mod:`tests.chaos.invariant_checks`), and, on request,
    reads who holds a slot. ``healed_at`` is when no fault was left, by this machine's monotonic clock."""

    healed_at = math.inf

    def __init__(self, chaos: Chaos) -> None:
        self._chaos = chaos
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="observer", daemon=True)
        self.messages: set[str] = set()
        self.held: list[tuple[float, str]] = []
        self.invariant_checks: list[InvariantCheck] = []

    def __enter__(self) -> Observer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(15)

    def read_slots(self) -> bool:
        """Note who holds a slot; whether anybody does."""
        try:
            at = _seconds(self._chaos.redis.time())
            members = {call for calls in self._chaos.dialer.slots.members().values() for call in calls}
        except (redis.exceptions.RedisError, Unavailable):
            return True
        self.held += [(at, call) for call in members]
        return bool(members)

    def check_invariants(self) -> None:
        """Those that hold at any instant; and all of them, once there was time to mend everything. Where a service is
        away nothing is checked."""
        settled = time.monotonic() > self.healed_at + SETTLED_AFTER_SECONDS
        with contextlib.suppress(Unavailable, SQLAlchemyError, redis.exceptions.RedisError):
            check = check_all if settled else check_safety
            self.invariant_checks += check(self._chaos.dialer)

    def _watch(self) -> None:
        for n in itertools.count():
            if self._over.wait(LOOK_EVERY_SECONDS):
                return
            if n % INVARIANTS_EVERY == 0:
                self.check_invariants()
            with contextlib.suppress(redis.exceptions.RedisError):
                for queue in (CONTROL, DIAL):
                    self.messages.update(self._chaos.redis.lrange(f"{self._chaos.name}:{queue}", 0, 50))
                self.messages.update(self._chaos.redis.hvals(f"{self._chaos.name}:unacked")[:50])


def _seconds(time: tuple[int, int]) -> float:
    return time[0] + time[1] / 1e6


def collect(trial: Trial, healed_at: float) -> Evidence:
    """Everything the judgements need."""
    chaos, keys = trial.chaos, {campaign_id: key for key, campaign_id in trial.factory.ids.items()}
    over_at = trial.clock.now()
    tokens = {row.id: row.token for row in chaos.sql("SELECT id, token FROM calls")}
    logs = [(path.name, path.read_text(errors="replace")) for path in chaos.logs]
    late = {row.id for row in chaos.sql("SELECT id FROM calls WHERE late_evidence_at IS NOT NULL")}
    late |= {call_id for _, said in logs for call_id in LATE.findall(said)}
    book = ledger.read(chaos.ledger_path)
    return Evidence(
        ledger=book,
        teams=[
            TeamFacts(team.id, team.account, team.numbers, _limits(team), team.calls_per_second, team.caps)
            for team in trial.workload.teams
        ],
        campaigns=[
            _facts(trial, campaign) for campaign in trial.workload.campaigns if campaign.key in trial.factory.ids
        ],
        deeds=_deeds(trial.journal.entries),
        patience=trial.patience,
        clock=trial.business,
        healed_at=healed_at,
        over_at=over_at,
        redis_losses=trial.nemesis.redis_losses,
        ghosts=trial.nemesis.ghosts,
        can_search=trial.terms.carrier != "telnyx",
        rows=[
            Row(row.token, keys.get(row.campaign_id, UNKNOWN_CAMPAIGN), row.contact_id, row.to_number, row.disposition)
            for row in chaos.sql("SELECT token, campaign_id, contact_id, to_number, disposition::text FROM calls")
        ],
        left=_left(trial, keys),
        counters={key: _counted(chaos, campaign_id) for key, campaign_id in trial.factory.ids.items()},
        held=[Held(at, call, tokens.get(call)) for at, call in trial.observer.held],
        acked=trial.relay.acked,
        inbox={
            (row.token, row.event_id)
            for row in chaos.sql("SELECT token, event_id FROM call_events WHERE outcome IS NOT NULL")
        },
        reports={
            (row.call_id, row.word)
            for row in chaos.sql(
                "SELECT call_id, r.value ->> 'outcome' AS word FROM call_outcomes CROSS JOIN jsonb_each(reports) AS r"
            )
        },
        said=_said(trial, logs),
        starts={
            keys.get(row.campaign_id, UNKNOWN_CAMPAIGN): row.n
            for row in chaos.sql(
                "SELECT campaign_id, count(*) AS n FROM runs WHERE opened_by = 'schedule' GROUP BY campaign_id"
            )
        },
        progress=_progress(trial, book),
        late=sorted(late),
        history=history.changes(chaos.sql(history.READ)),
        invariant_checks=[*trial.observer.invariant_checks, *check_all(chaos.dialer)],
        processes=len(chaos.logs),
        ended_by_themselves=trial.nemesis.ended_by_themselves,
        mistakes=chaos.mistakes(services_fail=True),
    )


def _progress(trial: Trial, book: ledger.Ledger) -> Progress:
    """What was seen of whether anything stands still."""
    return Progress(
        end_requests=end_requests(trial.chaos.ledger_path),
        ended=trial.nemesis.ended,
        bulkheads=trial.hanging.seen(book),
        senders=trial.nemesis.roles["worker"] * int(trial.chaos.environment["PLACING_THREADS"]),
        resumed=list(trial.hanging.resumed(book).items()),
        unhealed=trial.unhealed,
    )


def _said(trial: Trial, logs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Everything that was written for others to read."""
    messages = [("a message", _readable(it)) for it in trial.observer.messages]
    return [*logs, *messages, *(("an answer", it) for it in trial.client.answers)]


def _limits(team: Any) -> dict[str, int]:
    return {team.id: team.limit, team.account: team.limit, **dict.fromkeys(team.numbers, team.number_limit)}


def _facts(trial: Trial, plan: Any) -> CampaignFacts:
    phones = {phone: person.id for person in plan.everybody for phone in (person.phone, person.spare)}
    return CampaignFacts(
        key=plan.key,
        team=plan.team.id,
        callers={plan.team.numbers[number_id] for number_id in plan.callers},
        phones=phones,
        limit=plan.limit,
        attempts=plan.attempts,
        delays={"": plan.delay, **plan.delays},
        window=trial.factory.windows.get(plan.key),
        zones={person.id: person.zone for person in plan.everybody},
        purpose=plan.purpose,
    )


def _deeds(entries: Sequence[Mapping[str, Any]]) -> list[Deed]:
    """Those that were done, and those of which nobody knows."""
    return [
        Deed(entry["name"], entry["subject"], entry["at"], entry.get("done_at"), entry["value"])
        for entry in entries
        if entry["what"] == "deed" and (done(entry["status"]) or is_in_doubt(entry["status"]))
    ]


def _left(trial: Trial, keys: Mapping[str, str]) -> list[Left]:
    rows = trial.chaos.sql(
        """SELECT cc.campaign_id, c.status::text AS campaign_status, cc.contact_id, cc.status::text AS status,
                  extract(epoch FROM cc.due_at)::float AS due_at
           FROM campaign_contacts cc JOIN campaigns c ON c.id = cc.campaign_id
           WHERE cc.status IN ('pending', 'queued', 'calling') AND c.status <> 'draft'
             AND NOT starts_with(c.id, :barren)""",
        barren=barren.PREFIX,
    )
    return [
        Left(
            keys.get(it.campaign_id, UNKNOWN_CAMPAIGN),
            it.campaign_status,
            it.contact_id,
            it.status,
            trial.business.real(it.due_at),
        )
        for it in rows
    ]


def _counted(chaos: Chaos, campaign_id: str) -> dict[str, int]:
    counts = once(chaos.dialer.db, lambda conn: counters.read(conn, [campaign_id])[campaign_id])
    ended = once(chaos.dialer.db, lambda conn: counters.dispositions(conn, campaign_id))
    return {"called": counts["called"], "answered": counts["answered"], **{f"calls {k}": n for k, n in ended.items()}}


def _readable(message: str) -> str:
    """A message as it lies in the queue, its body unwrapped."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        whole = json.loads(message)
        envelope = whole[0] if isinstance(whole, list) else whole
        return message + base64.b64decode(envelope["body"]).decode(errors="replace")
    return message


def keep(trial: Trial, directory: Path) -> None:
    """Copy what was written, for whoever wants to find out."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in (trial.chaos.ledger_path, trial.journal.path, *trial.chaos.logs):
        with contextlib.suppress(OSError):
            (directory / path.name).write_bytes(path.read_bytes())
