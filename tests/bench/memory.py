"""P8: what Redis holds for contacts that wait, and for a call in flight."""

from __future__ import annotations

from statistics import median

from tests.bench.bare import MOST_CALLS, TEAM, Bare, bare
from tests.bench.effort import Effort
from tests.bench.report import Figure, say
from worker.dev.stack import Stack
from worker.flow.admit import run_campaign
from worker.flow.fill import fill
from worker.flow.stop import pause_campaign, stop_calls
from worker.slots import connect

FEW, MANY = 10_000, 1_000_000
FEW_CALLS = 10


def measure(stack: Stack, effort: Effort) -> list[Figure]:
    """A campaign of few contacts and one of many are run with ten calls each, then one with a thousand."""
    with bare(stack, "bench_memory") as there:
        there.furnish()
        few_contacts, many_contacts = effort.of(FEW), effort.of(MANY)
        few = there.load("camp_few", few_contacts, digit=2, limit=FEW_CALLS)
        many = there.load("camp_many", many_contacts, digit=3, limit=FEW_CALLS)
        crowded = there.load("camp_calls", 2 * MOST_CALLS, digit=4, limit=MOST_CALLS)
        for campaign, calls in ((few, FEW_CALLS), (many, FEW_CALLS), (crowded, MOST_CALLS)):
            _grown(there, campaign, calls)  # connections, scripts and buffers are in place
        made = []
        for n in range(effort.rounds):
            of_few, of_many = _grown(there, few, FEW_CALLS), _grown(there, many, FEW_CALLS)
            of_calls = _grown(there, crowded, MOST_CALLS)
            made.append(((of_many - of_few) / (many_contacts - few_contacts), of_calls / MOST_CALLS))
            say(f"P8 round {n + 1}: {of_few:,} bytes for {few_contacts:,} contacts, {of_many:,} for {many_contacts:,}; "
                f"{of_calls:,} for {MOST_CALLS:,} calls")  # fmt: skip
        there.check()
    contact, call = (median(figures) for figures in zip(*made, strict=True))
    return [
        Figure("P8", "P8 Redis bytes a waiting contact", contact, None, "bytes", ratio=contact, at_most=0.01,
             rounds=[a for a, _ in made]),
        Figure("P8 call", "   Redis bytes a call in flight", call, None, "bytes", ratio=call, at_most=1024,
             rounds=[b for _, b in made]),
    ]  # fmt: skip


def _grown(there: Bare, campaign: str, calls: int) -> int:
    """By how much Redis grows when a run of the campaign has so many calls; they are put back."""
    with connect(there.stack.valkey.url) as redis:
        before = int(redis.info("memory")["used_memory"])
        run_campaign(there.dialer, campaign, opened_by="cli")
        while fill(there.dialer, TEAM, [campaign]).reserved:
            pass
        held = sum(len(members) for scope, members in there.dialer.slots.members().items() if scope.id == campaign)
        assert held == calls, f"{held} slots are held"
        grown = int(redis.info("memory")["used_memory"]) - before
    pause_campaign(there.dialer, campaign, "bench", actor="bench")
    stop_calls(there.dialer)
    assert not there.dialer.slots.members(), "a slot was not given back"
    return grown
