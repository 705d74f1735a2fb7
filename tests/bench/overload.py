"""P11: more is wanted than a worker does, for long; then it is stopped for a minute, and goes on.

Everything is as deployed but who rings the phones: the calls live in a process of their own, which keeps the ledger and
posts their news one by one to a web process (:mod:`tests.bench.courier`). First it is found out what the worker does;
then calls are made so long that a fifth of the slots is enough for that: a fifth of the slots is the calm reference,
all of them are the overload. Goodput is calls that ended as answered a second, by the rows. A contact is in one
campaign and is called once: a number that the ledger shows twice was rung twice, and the run is void.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from tests.bench.deployment import Deployment, deployed
from tests.bench.effort import Effort
from tests.bench.report import Figure, say
from tests.bench.shape import STANDARD, Shape, begin, furnish, load_contacts, made
from tests.bench.throughput import unbroken
from tests.bench.watching import Watch
from worker.dev.stack import Stack
from worker.domain.errors import Conflict
from worker.flow.stop import pause_campaign
from worker.simulator import ledger

CONNECTIONS = 32
TIMES = 5
"""Demand ÷ what the worker does."""
MESSAGES = 100
"""What a queue may hold for one worker: beat goes on for the minute it is stopped."""
NORMAL_SHARE, NORMAL_SECONDS, NORMAL_NEWS_SECONDS = 0.9, 2, 2.0
"""It is as before when so large a share of the goodput before the stop is settled in so many seconds, and no news has
waited for longer."""
SHORTEST, LONGEST = 0.2, 1.8
"""How long calls last, as shares of their mean."""
TRIED_SECONDS, QUICK_TRIED_SECONDS = 15, 3
CALM_SECONDS, QUICK_CALM_SECONDS = 30, 3
LONG_SECONDS, QUICK_LONG_SECONDS = 120, 6
STOPPED_SECONDS, QUICK_STOPPED_SECONDS = 60, 5
AFTER_SECONDS, QUICK_AFTER_SECONDS = 30, 12
VARIANT_SECONDS, QUICK_VARIANT_SECONDS = 60, 5
QUICK_SLOW_SECONDS = 5
BEGUN_CALLS, BEGUN_PATIENCE_SECONDS = 200, 120
"""A phase has begun when so many calls have ended, and not before is anything measured."""
LONGEST_MEAN_SECONDS = 8.0
"""Calls need not be longer, on average, than this, however slow the machine is."""
MOST_CALLS_PER_SECOND = 2_000
"""No worker does more calls than this, so many contacts are enough to find out how many it does."""
CALLBACKS, QUICK_CALLBACKS = 20_000, 2_000
CALLBACKS_A_CALL = 3
REQUEST_SECONDS = 5.0
SENDERS = 100
"""The default of ``PLACING_THREADS``."""
CALM = replace(STANDARD, slots=STANDARD.slots // TIMES)

ENDED = """
SELECT floor(extract(epoch FROM ended_at))::bigint AS second, count(*) AS n FROM calls
WHERE disposition = 'answered' AND ended_at >= to_timestamp(:since) AND ended_at < to_timestamp(:until) GROUP BY 1
"""


BUSY = """
SELECT 1 WHERE EXISTS (SELECT FROM calls WHERE ended_at IS NULL)
            OR EXISTS (SELECT FROM call_events WHERE outcome IS NULL)
"""


@dataclass(frozen=True, slots=True)
class Window:
    """Seconds of the database's clock."""

    since: float
    until: float


class Site:
    """One deployment under load. Each phase has contacts of its own, so that the ledger knows every number once."""

    def __init__(self, there: Deployment, room: Shape = STANDARD) -> None:
        self.there, self._contacts, self._phases = there, 0, 0
        with there.dialer.db.begin() as conn:
            furnish(conn, [], room)

    @contextmanager
    def demand(self, shape: Shape, each: int, begun: int = BEGUN_CALLS) -> Iterator[None]:
        """Campaigns of this shape run, with so many contacts each, from when ``begun`` calls have ended until this is
        left; returns when all is quiet."""
        first, count = self._contacts, shape.campaigns * each
        self._contacts += count
        self._phases += 1
        with self.there.dialer.db.begin() as conn:
            load_contacts(conn, [f"cont_{n:07d}" for n in range(first, first + count)], first)
        campaigns = made(self.there, f"camp_{self._phases}_", shape, each=each, first=first)
        for table in ("contacts", "campaign_contacts", "campaigns"):
            self.there.sql(f"ANALYZE {table}")
        begin(self.there, campaigns)
        self.there.wait(lambda: self._ended(campaigns) >= begun, "a phase began", seconds=BEGUN_PATIENCE_SECONDS)
        yield
        running = "SELECT id FROM campaigns WHERE id = ANY(:ids) AND status = 'running'"
        for (campaign,) in self.there.sql(running, ids=campaigns):
            with suppress(Conflict):  # it has completed meanwhile
                pause_campaign(self.there.dialer, campaign, "bench", actor="bench")
        self.there.wait(lambda: not self.there.sql(BUSY), "the last calls of a phase ended", seconds=180, every=0.2)

    def passed(self, seconds: float) -> Window:
        """Let so much time go by."""
        since = self.now()
        threading.Event().wait(seconds)
        if any(child.exit_code is not None for child in self.there.children):
            raise self.there.broken("a process ended under load")
        return Window(since, self.now())

    def _ended(self, campaigns: Sequence[str]) -> int:
        statement = "SELECT count(*) FROM calls WHERE campaign_id = ANY(:ids) AND disposition = 'answered'"
        return int(self.there.sql(statement, ids=campaigns)[0][0])

    def now(self) -> float:
        return float(self.there.sql("SELECT extract(epoch FROM clock_timestamp())::float")[0][0])

    def goodput(self, window: Window) -> float:
        """Calls a second that ended as answered in whole seconds of this time."""
        counts = self.by_second(window)
        return sum(counts) / len(counts) if counts else 0.0

    def by_second(self, window: Window) -> list[int]:
        first, last = int(window.since) + 1, int(window.until)
        found = {row.second: row.n for row in self.there.sql(ENDED, since=first, until=last)}
        return [found.get(second, 0) for second in range(first, last)]

    def check(self) -> None:
        """Nobody was rung twice, and no invariant is broken."""
        rung = Counter(call.to_number for call in ledger.read(self.there.outside.ledger).placed)
        twice = [number for number, times in rung.items() if times > 1]
        assert not twice, f"{len(twice)} of {len(rung)} numbers were rung twice"
        unbroken(self.there)
        say(f"P11 {self.there.name}: {len(rung):,} numbers rung by the ledger, none twice; no invariant is broken")


def measure(stack: Stack, effort: Effort) -> list[Figure]:
    """The overload, and the stop."""
    long, stopped, after = (
        effort.of(LONG_SECONDS, QUICK_LONG_SECONDS),
        effort.of(STOPPED_SECONDS, QUICK_STOPPED_SECONDS),
        effort.of(AFTER_SECONDS, QUICK_AFTER_SECONDS),
    )
    with deployed(stack, "bench_overload", connections=CONNECTIONS) as there:
        site = Site(there)
        best = _best(site, effort)
        with Watch(there) as watch, site.demand(STANDARD, _enough(best, long + stopped + after)):
            overloaded = site.passed(long)
            os.kill(there.worker.pid, signal.SIGSTOP)
            try:
                site.passed(stopped)
            finally:
                os.kill(there.worker.pid, signal.SIGCONT)
            recovering = site.passed(after)
        goodput = site.goodput(overloaded)
        back = _back_to_normal(site.by_second(recovering), goodput, watch, overloaded, recovering)
        tens = " ".join(f"{rate:,.0f}" for rate in _by_tens(site.by_second(overloaded)))
        say(f"P11: {goodput:,.0f} calls/s overloaded, best {best:,.0f}; by tens of seconds {tens}")
        say(f"P11: after the stop, calls by second: {' '.join(map(str, site.by_second(recovering)))}")
        site.check()
    what = f"   normal again after {stopped} s of stop"
    missing = None if back is not None else f"not within {after} s"
    return [
        *_figures("P11", f"P11 {TIMES} times what the worker does", goodput, best, watch),
        Figure("P11 back", what, back, unit="s", ratio=back or 0.0, at_most=10.0, missing=missing),
    ]


def burst(stack: Stack, effort: Effort) -> list[Figure]:
    """Very many callbacks at once: the news of all calls is kept back until all are placed."""
    calls = effort.of(CALLBACKS, QUICK_CALLBACKS) // CALLBACKS_A_CALL
    a_number = calls // (STANDARD.campaigns * STANDARD.numbers) + 1
    shape = replace(STANDARD, slots=STANDARD.numbers * a_number)
    with deployed(stack, "bench_burst", connections=CONNECTIONS) as there:
        site = Site(there, shape)
        there.outside.tell("hold")
        with site.demand(shape, shape.slots, begun=0):
            live = "SELECT count(*) FROM calls WHERE carrier_call_id IS NOT NULL"
            there.wait(lambda: there.sql(live)[0][0] >= shape.all_slots, "all calls were placed", seconds=300)
            with Watch(there) as watch:
                began_at = site.now()
                there.outside.tell("go")
                there.wait(lambda: not there.sql(BUSY), "all calls ended", seconds=600, every=0.2)
                seconds = site.now() - began_at
        site.check()
    callbacks = CALLBACKS_A_CALL * shape.all_slots
    say(f"P11 burst: {callbacks:,} callbacks settled in {seconds:.1f} s; {watch}")
    return [
        Figure("P11 burst", f"   {callbacks:,} callbacks at once: queue", callbacks / seconds, None, "callbacks/s",
             ratio=watch.most, at_most=MESSAGES)
    ]  # fmt: skip


def slow(stack: Stack, effort: Effort) -> list[Figure]:
    """A carrier that takes five seconds a request: the best is what the threads of its account can make of that."""
    best = SENDERS / REQUEST_SECONDS
    seconds = effort.of(VARIANT_SECONDS, QUICK_SLOW_SECONDS)
    requests = {"BENCH_REQUEST_SECONDS": str(REQUEST_SECONDS), "PLACING_THREADS": str(SENDERS)}
    with deployed(stack, "bench_slow", connections=CONNECTIONS, **requests) as there:
        site = Site(there)
        with Watch(there) as watch, site.demand(STANDARD, _enough(best, seconds), begun=SENDERS // 2):
            goodput = site.goodput(site.passed(seconds + 1))
        site.check()
    say(f"P11 slow carrier: {goodput:,.1f} calls/s of {best:,.0f}; {watch}")
    return _figures("P11 slow", f"   a carrier takes {REQUEST_SECONDS:g} s a request", goodput, best, watch)


def one_a_message(stack: Stack, effort: Effort) -> list[Figure]:
    """P1's calls, which want more than five times what the worker does, where no more than one is handed on at a time;
    the best is their beginning, when the queue is not long yet."""
    seconds = effort.of(VARIANT_SECONDS, QUICK_VARIANT_SECONDS)
    with deployed(stack, "bench_one", connections=CONNECTIONS, DIAL_BATCH="1") as there:
        site = Site(there)
        best = _tried(site, effort)
        with Watch(there) as watch, site.demand(STANDARD, _enough(best, seconds)):
            goodput = site.goodput(site.passed(seconds))
        site.check()
    say(f"P11 one call a message: {goodput:,.0f} calls/s overloaded, best {best:,.0f}; {watch}")
    return _figures("P11 one", "   one call a message", goodput, best, watch)


def _tried(site: Site, effort: Effort) -> float:
    """What the worker does with calls of P1."""
    seconds = effort.of(TRIED_SECONDS, QUICK_TRIED_SECONDS)
    with site.demand(STANDARD, MOST_CALLS_PER_SECOND * seconds // STANDARD.campaigns):
        return max(1.0, site.goodput(site.passed(seconds)))


def _best(site: Site, effort: Effort) -> float:
    """The best goodput, of what the worker does with calls of P1 and of what it does where calls are so long that a
    fifth of the slots is enough for it. Calls are so long from here on."""
    tried = _tried(site, effort)
    mean = min(LONGEST_MEAN_SECONDS, CALM.all_slots / tried)
    site.there.outside.tell("lasts", SHORTEST * mean, LONGEST * mean)
    seconds = effort.of(CALM_SECONDS, QUICK_CALM_SECONDS)
    with site.demand(CALM, _enough(tried, seconds)):
        calm = site.goodput(site.passed(seconds))
    say(f"P11 {site.there.name}: {tried:,.0f} calls/s tried, {calm:,.0f} calm; calls last {mean:.2f} s on average")
    return max(tried, calm)


def _enough(calls_per_second: float, seconds: float) -> int:
    """Contacts for each campaign that last so long, and half as long again."""
    return (
        int(1.5 * calls_per_second * seconds / STANDARD.campaigns)
        + 2 * STANDARD.slots
        + BEGUN_CALLS // STANDARD.campaigns
    )


def _back_to_normal(
    by_second: Sequence[int], goodput: float, watch: Watch, before: Window, after: Window
) -> float | None:
    """After how many seconds it was as before the stop; ``None`` if it was not."""
    usual = max((waited for at, waited in watch.news if before.since <= at <= before.until), default=0.0)
    for n in range(len(by_second) - NORMAL_SECONDS + 1):
        since = int(after.since) + 1 + n
        waited = [seconds for at, seconds in watch.news if since <= at <= since + NORMAL_SECONDS]
        is_settled = max(waited, default=0.0) <= max(NORMAL_NEWS_SECONDS, usual)
        if is_settled and sum(by_second[n : n + NORMAL_SECONDS]) >= NORMAL_SHARE * goodput * NORMAL_SECONDS:
            return float(n + 1)
    return None


def _by_tens(by_second: Sequence[int]) -> list[float]:
    tens = [by_second[n : n + 10] for n in range(0, len(by_second), 10)]
    return [sum(ten) / len(ten) for ten in tens]


def _figures(key: str, what: str, goodput: float, best: float, watch: Watch) -> list[Figure]:
    return [
        Figure(key, what, goodput, best, "calls/s", reference="calls/s at best", ratio=goodput / best, at_least=0.9),
        Figure(f"{key} queue", "   longest queue", watch.most, None, "messages", ratio=watch.most, at_most=MESSAGES),
    ]
