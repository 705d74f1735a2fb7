"""``python -m tests.bench.api A1 A3``: how soon the API answers where there is much to answer about.

Every request takes turns with one for ``/healthz``, which asks nobody anything, on the same connection to the same
web process: what that costs is what the machine, HTTP and the framework cost just then. Seconds are shown beside
their targets and judged by nobody but the reader. It ends with 0 when everything could be measured and every answer
was as it must be.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import click
import httpx2

from tests.bench import report
from tests.bench.crowd import CAMPAIGN, COMPANION, Crowd, crowd
from worker import logs
from worker.dev.stack import Stack

NAMES = ("A1", "A2", "A3")
CAMPAIGNS = "/api/crm/campaigns"
AT_ONCE = 10_000
PAGE = 50


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds of one figure's rounds and of the bare requests between them."""

    what: str
    target_seconds: float
    rounds: Sequence[float]
    bare: Sequence[float]

    def __str__(self) -> str:
        verdict = "met" if median(self.rounds) < self.target_seconds else "missed"
        rounds = " ".join(_ms(seconds) for seconds in self.rounds)
        return (
            f"{self.what}: {_ms(median(self.rounds))} (rounds {rounds}), bare {_ms(median(self.bare))}; "
            f"target < {_ms(self.target_seconds)}, {verdict}"
        )


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--contacts", type=click.IntRange(1), default=1_000_000, show_default=True, help="In the campaign of A1.")
@click.option("--campaigns", type=click.IntRange(PAGE), default=10_000, show_default=True, help="In the list of A2.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Three at least mean something.")
def main(names: Sequence[str], contacts: int, campaigns: int, rounds: int) -> None:
    """Measure NAMES; all without."""
    wanted = names or NAMES
    logs.configure("error")
    with Stack() as stack:
        click.echo(f"{report.machine(stack)}; load {_load()}")
        with crowd(stack, contacts if "A1" in wanted else 1, campaigns, AT_ONCE * (rounds + 1)) as there:
            click.echo(f"{there.contacts:,} contacts and {campaigns:,} campaigns in {there.seconds:.0f} s")
            if "A1" in wanted:
                click.echo("\n".join(run_campaign(there, contacts, rounds)))  # first: the others raise the peak
            if "A2" in wanted:
                click.echo(str(list_campaigns(there, campaigns, rounds)))
            if "A3" in wanted:
                click.echo(str(add_contacts(there, rounds)))
        click.echo(f"load {_load()}")


def run_campaign(there: Crowd, contacts: int, rounds: int) -> list[str]:
    """A1. A small campaign is run first, so that what the process keeps from its first run is not held against
    the size of the campaign; in between the campaign is paused, and its calls released."""
    _run(there, COMPANION)
    before = there.web_bytes()
    timed = _timed(there, f"A1 run, {contacts:,} pending", 2.0, rounds, lambda n: _run(there, CAMPAIGN))
    after = there.web_bytes()
    grown = (after - before) / 1024**2
    return [
        str(timed),
        f"   the web process's peak: {before / 1024**2:.1f} MB before, {after / 1024**2:.1f} MB after, {grown:+.1f} MB",
    ]


def list_campaigns(there: Crowd, campaigns: int, rounds: int) -> Timed:
    """A2."""

    def request(n: int) -> float:
        seconds, body = _timed_request(
            lambda: there.client.get(CAMPAIGNS, params={"teamId": there.team, "limit": PAGE})
        )
        assert body["count"] == campaigns
        assert len(body["campaigns"]) == PAGE
        assert all(shown["total_contacts"] for shown in body["campaigns"]), "a campaign has lost its counters"
        return seconds

    return _timed(there, f"A2 list {PAGE} of {campaigns:,} campaigns", 0.020, 4 * rounds, request)


def add_contacts(there: Crowd, rounds: int) -> Timed:
    """A3."""

    def request(n: int) -> float:
        before = there.contacts_in(COMPANION)
        chosen = {"contactIds": there.spare(n * AT_ONCE, AT_ONCE)}
        seconds, _ = _timed_request(lambda: there.client.post(f"{CAMPAIGNS}/{COMPANION}/contacts", json=chosen))
        assert there.contacts_in(COMPANION) - before == AT_ONCE
        return seconds

    return _timed(there, f"A3 add {AT_ONCE:,} contacts", 1.0, rounds, request)


def _run(there: Crowd, campaign: str) -> float:
    seconds, body = _timed_request(lambda: there.client.post(f"{CAMPAIGNS}/{campaign}/run"))
    assert body["started"] == there.slots, body["message"]
    there.put_back(campaign)
    return seconds


def _timed(there: Crowd, what: str, target_seconds: float, rounds: int, request: Callable[[int], float]) -> Timed:
    """``rounds`` times the request and a bare one, in turns, after one of each that is not counted."""
    made, bare = [], []
    for n in range(rounds + 1):
        bare.append(_timed_request(lambda: there.client.get("/healthz"))[0])
        made.append(request(n))
    return Timed(what, target_seconds, made[1:], bare[1:])


def _timed_request(request: Callable[[], httpx2.Response]) -> tuple[float, dict[str, Any]]:
    began_at = perf_counter()
    answer = request()
    seconds = perf_counter() - began_at
    assert answer.status_code == 200, answer.text
    return seconds, answer.json()


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
