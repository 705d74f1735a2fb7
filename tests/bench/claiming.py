"""P4: what a claim costs, however many wait; and what the last claims of a long campaign cost."""

from __future__ import annotations

from statistics import median
from time import perf_counter

from tests.bench.bare import MOST_CALLS, TEAM, Bare, bare
from tests.bench.effort import Effort
from tests.bench.report import Figure, say
from worker.dev.stack import Stack
from worker.flow.admit import run_campaign
from worker.flow.fill import fill

FEW, MANY, DRAINED = 10_000, 1_000_000, 200_000
CLAIM, WAVE = 10, 200
CLAIMS = 40


def measure(stack: Stack, effort: Effort) -> list[Figure]:
    """Claims of ten among many and among few in turns; then a campaign is drained to its last contact."""
    with bare(stack, "bench_claim") as there:
        there.furnish()
        few_contacts, many_contacts, drained_contacts = map(effort.of, (FEW, MANY, DRAINED))
        few = there.load("camp_few", few_contacts, digit=2, limit=CLAIM)
        many = there.load("camp_many", many_contacts, digit=3, limit=CLAIM)
        for campaign in (few, many):
            empty(there, campaign)
        made = []
        for n in range(effort.rounds):
            taken = [(claim(there, few, CLAIM), claim(there, many, CLAIM)) for _ in range(CLAIMS)]
            of_few, of_many = (median(seconds) for seconds in zip(*taken, strict=True))
            made.append((of_few, of_many))
            say(
                f"P4 round {n + 1}: {1000 * of_few:.1f} ms of {few_contacts:,}, "
                f"{1000 * of_many:.1f} ms of {many_contacts:,}"
            )
        drained = there.load("camp_drained", drained_contacts, digit=4, limit=WAVE)
        empty(there, drained)
        waves = [claim(there, drained, WAVE) for _ in range(drained_contacts // WAVE - 1)]
        there.check()
    eighth = len(waves) // 8
    first, last = median(waves[:eighth]), median(waves[-eighth:])
    say(f"P4 drain: {1000 * first:.1f} ms a claim of {WAVE} in the first eighth, {1000 * last:.1f} ms in the last")
    of_few, of_many = (median(seconds) for seconds in zip(*made, strict=True))
    return [
        Figure("P4", f"P4 claim of {CLAIM} of {many_contacts:,}", 1000 * of_many, 1000 * of_few, "ms",
             reference=f"of {few_contacts:,}", ratio=of_many / of_few, at_most=1.5, rounds=[b / a for a, b in made]),
        Figure("P4 drain", f"   last eighth of {drained_contacts:,} drained", 1000 * last, 1000 * first, "ms",
             reference="first eighth", ratio=last / first, at_most=2.0),
    ]  # fmt: skip


def empty(there: Bare, campaign: str) -> None:
    """Open its run, which claims at once, and end those calls."""
    run_campaign(there.dialer, campaign, opened_by="cli")
    there.answer([row.id for row in there.sql("SELECT id FROM calls WHERE ended_at IS NULL")])


def claim(there: Bare, campaign: str, count: int) -> float:
    """The seconds one claim takes, slots and transaction; its calls are ended afterwards."""
    began_at = perf_counter()
    filled = fill(there.dialer, TEAM, [campaign])
    seconds = perf_counter() - began_at
    assert len(filled.reserved) == count <= MOST_CALLS, f"{len(filled.reserved)} calls were reserved"
    there.answer([reservation.call_id for reservation in filled.reserved])
    return seconds
