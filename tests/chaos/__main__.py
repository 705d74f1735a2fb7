"""``python -m tests.chaos --seconds 60 --seed 1``: break the dialer by the hundred, and judge it by the carrier.

Starts the whole stack, runs campaigns under a seeded nemesis for so many seconds, lets it recover, and prints one
JSON document. Progress goes to standard error.

The document has, for every judgement by name, how many occasions it had: how often what it judges could have been
violated. One without any is listed under ``unproven``; where a trial of that length owes it one
(:mod:`tests.chaos.verdict`), under ``owed``, too. It ends with 0 only if nothing was violated and nothing is owed, with
1 if anything was violated, and with 3 if nothing was, and yet something is unproven that should have been proved. A
mutant is condemned by 1 alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tests.chaos import mutants
from tests.chaos.collecting import keep
from tests.chaos.evidence import Evidence
from tests.chaos.judgements import liveness
from tests.chaos.trial import Terms, Trial, carrier_faults, staged
from tests.chaos.verdict import BY_NAME, Verdict, judge, together
from worker import logs
from worker.cli.processes import unwound_by_sigterm
from worker.crashpoint import POINTS

CARRIERS = ("simulator", "telnyx", "twilio")
MOST_SHOWN = 20


@click.command()
@click.option("--seconds", type=click.FloatRange(10, 3600), default=60.0, show_default=True, help="Under faults.")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides who, what and when.")
@click.option("--seeds", help="A range such as 1-20, one trial after the other, instead of one seed.")
@click.option("--carrier", type=click.Choice(CARRIERS), default="simulator", show_default=True, help="Whose protocol.")
@click.option("--without", type=click.Choice(mutants.PROTECTIONS), help="Switch a protection off: a mutant.")
@click.option("--clock-jumps", is_flag=True, help="Set the database's clock too, and judge nothing that rests on it.")
@click.option(
    "--keep", "directory", type=click.Path(file_okay=False, path_type=Path), help="Keep logs, verdicts, history."
)
def main(
    seconds: float,
    seed: int,
    seeds: str | None,
    carrier: str,
    without: str | None,
    clock_jumps: bool,
    directory: Path | None,
) -> None:
    """Try the dialer.

    Ends with 0 if nothing was violated and every judgement that a trial of this length owes an occasion had one, 1 if
    anything was violated, 3 if nothing was violated but something owed is unproven.
    """
    logs.configure("error")
    runs, verdicts = [], []
    with unwound_by_sigterm():
        for one in _range(seeds) if seeds else [seed]:
            document, verdict = hold(Terms(one, seconds, carrier, without or "", clock_jumps), directory)
            runs.append(document)
            verdicts.append(verdict)
    whole = together(verdicts)
    click.echo(json.dumps(runs[0] if not seeds else _together(runs, whole, seconds)))
    sys.exit(whole.status(seconds))


def _range(seeds: str) -> range:
    first, _, last = seeds.partition("-")
    try:
        return range(int(first), int(last or first) + 1)
    except ValueError:
        raise click.BadParameter(f"{seeds!r} is no range such as 1-20.", param_hint="--seeds") from None


def hold(terms: Terms, directory: Path | None) -> tuple[dict[str, Any], Verdict]:
    """One trial; what it came to, and in how many words."""
    began_at = time.monotonic()
    with staged(terms) as trial:
        if terms.carrier not in trial.chaos.dialer.carriers:
            raise click.UsageError(f"This dialer knows no carrier {terms.carrier}.")
        try:
            e = trial.run()
            verdict = judge(e)
            found = [name for name, those in verdict.violations.items() if those]
            owed = verdict.owed(terms.seconds)
            trial.say(f"{verdict.violations_total} violations {found}; unproven though owed: {owed}")
            document = _document(trial, e, verdict, time.monotonic() - began_at)
            if directory is not None:
                (directory / f"seed-{terms.seed}").mkdir(parents=True, exist_ok=True)
                (directory / f"seed-{terms.seed}" / "verdict.json").write_text(json.dumps(document, indent=1))
                changes = "".join(f"{json.dumps(asdict(change))}\n" for change in e.history)
                (directory / f"seed-{terms.seed}" / "history.jsonl").write_text(changes)
            return document, verdict
        finally:
            if directory is not None:
                keep(trial, directory / f"seed-{terms.seed}")


def _document(trial: Trial, e: Evidence, verdict: Verdict, seconds: float) -> dict[str, Any]:
    nemesis, terms = trial.nemesis, trial.terms
    times = liveness(e, nemesis.at)
    faults = Counter(nemesis.injected) + carrier_faults(trial, e)
    deeds = Counter(f"{it['name']} {it['status']}" for it in trial.journal.entries if it["what"] == "deed")
    return {
        "seed": terms.seed,
        "seconds": terms.seconds,
        "carrier": terms.carrier,
        "without": terms.without or None,
        "condemned_by": _condemned_by(terms.without, verdict),
        "took_seconds": round(seconds, 1),
        "calls": len(e.ledger.placed),
        "answered": sum(call.answered_at is not None for call in e.ledger.placed),
        "faults_total": faults.total(),
        "faults": dict(sorted(faults.items())),
        "deeds": dict(sorted(deeds.items())),
        "callbacks_acknowledged": len(e.acked),
        "crash_points_met": dict(sorted(nemesis.met.items())),
        "crash_points_missed": sorted(POINTS - nemesis.met.keys()),
        "did_not_end_on_sigterm": nemesis.stubborn,
        "longest_end_seconds": round(max((took for _, took in nemesis.ended), default=0.0), 1),
        "paces": [asdict(it) for it in e.progress.bulkheads],
        "resumed_seconds": dict(e.progress.resumed),
        "liveness_seconds": {"p50": _quantile(times, 0.5), "p99": _quantile(times, 0.99), "of": len(times)},
        **_judged(verdict, terms.seconds),
        "schedule": [[fault.at, fault.kind] for fault in trial.schedule],
        "orders": [[round(it.at, 3), it.what, trial.workload.campaigns[it.campaign].key] for it in trial.orders],
    }


def _condemned_by(protection: str, verdict: Verdict) -> list[str] | None:
    """Those of a mutant's own judgements that have found it out; what else was violated follows from that."""
    if not protection:
        return None
    return [name for name in mutants.MUTANTS[protection].condemned_by if verdict.violations[name]]


def _judged(verdict: Verdict, seconds: float) -> dict[str, Any]:
    return {
        "violations_total": verdict.violations_total,
        "violations": {name: those[:MOST_SHOWN] for name, those in verdict.violations.items() if those},
        "occasions": {name: verdict.occasions[name] for name in BY_NAME},
        "unproven": verdict.unproven,
        "owed": verdict.owed(seconds),
    }


def _quantile(times: list[float], share: float) -> float | None:
    return round(times[min(len(times) - 1, int(len(times) * share))], 2) if times else None


def _together(runs: list[dict[str, Any]], whole: Verdict, seconds: float) -> dict[str, Any]:
    """Several trials in one document."""
    met: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    for run in runs:
        met.update(run["crash_points_met"])
        faults.update(run["faults"])
    return {
        "runs": runs,
        "calls": sum(run["calls"] for run in runs),
        "faults_total": faults.total(),
        "faults": dict(sorted(faults.items())),
        "crash_points_met": dict(sorted(met.items())),
        "crash_points_missed": sorted(POINTS - met.keys()),
        **_judged(whole, seconds),
        "at_most_per_fault": round(3 / faults.total(), 6) if faults else None,
    }


if __name__ == "__main__":
    main()
