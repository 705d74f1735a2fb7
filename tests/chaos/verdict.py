"""All judgements by name, and what a trial came to: what was violated, and what was never put to the test.

A judgement that found nothing has proved something only if it had occasions. Whether it must have had one is a
matter of how long the trial was: in ``owed_after`` seconds under faults its schedule gives it one, on a slow machine,
too. Where it had none by then the trial is *unproven*, which is not passed; one that is owed none is only listed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from tests.chaos import judgements, judgements_books, judgements_progress
from tests.chaos.evidence import Evidence
from tests.chaos.judgements import Findings
from tests.chaos.judgements_commits import gate
from tests.chaos.judgements_progress import Progress
from worker.store.invariants import INVARIANTS

NEVER = math.inf
PASSED, VIOLATED, UNPROVEN = 0, 1, 3
"""How a trial ends for its shell; 2 is a mistake in the command line."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What must never be otherwise, as a sentence; ``check`` goes through its occasions."""

    name: str
    holds: str
    check: Callable[[Evidence], Findings]
    owed_after: float = NEVER


def _invariant(name: str, e: Evidence) -> Findings:
    """One of the product's own invariants."""
    checks = [it for it in e.invariant_checks if it.name == name]
    yield from dict.fromkeys(offender for it in checks for offender in it.offenders)
    yield from (None for it in checks for _ in range(it.occasions - len(it.offenders)))


def _processes(e: Evidence) -> Findings:
    yield from e.ended_by_themselves
    yield from (None for _ in range(e.processes - len(e.ended_by_themselves)))


def _mistakes(e: Evidence) -> Findings:
    yield from e.mistakes
    yield from (None for _ in range(e.processes - len(e.mistakes)))


_OWED: Mapping[str, float] = {
    "limit_held": 20,
    "one_live_call_per_contact": 20,
    "counters_add_up": 20,
    "attempts_within_limit": 60,
    "stops_hold": 60,
    "limit_held_at_carrier": 60,
}


def _named(check: Callable[[Evidence], Findings], holds: str, owed_after: float) -> Judgement:
    """A judgement by the name of the function that checks it."""
    return Judgement(check.__name__, holds, check, owed_after)


def _commits(name: str, holds: str, owed_after: float) -> Judgement:
    """One of the commits to place a call (:mod:`tests.chaos.judgements_commits`)."""
    return Judgement(name, holds, gate(name), owed_after)


def _progress(check: Callable[[Progress], Findings], holds: str, owed_after: float) -> Judgement:
    """One of whether it goes on (:mod:`tests.chaos.judgements_progress`)."""
    return Judgement(check.__name__, holds, lambda e: check(e.progress), owed_after)


JUDGEMENTS = (
    _named(judgements.calls_within_limits, "No more calls live than a limit allows.", 20),
    _named(judgements.one_call_to_a_callee, "Calls to one callee never overlap.", 20),
    _named(judgements.calls_inside_windows, "No call is placed outside its window.", 60),
    _named(judgements.stops_reach_the_carrier, "No request leaves after a stop.", 20),
    _named(judgements.calls_within_attempts, "Nobody is called more often than allowed.", 20),
    _named(judgements.calls_within_caps, "No number is called more often than its team's caps allow.", 60),
    _named(judgements.called_back_in_time, "Nobody is called before the instant he asked for.", NEVER),
    _named(judgements.retries_wait, "Nobody is called again before the delay is over.", 60),
    _named(judgements.answered_is_done, "Nobody is called after having answered.", 20),
    _named(judgements_books.contacts_finish, "No contact waits for ever.", 20),
    _named(judgements_books.records_match_carrier, "Calls and counters agree with the carrier's.", 20),
    _named(judgements_books.slots_are_released, "No slot is held by a call that has ended.", 60),
    _named(judgements.requests_within_rate, "No account sends requests faster than its rate.", 20),
    _named(judgements_books.acknowledged_events_take_effect, "No acknowledged event is lost.", 20),
    _named(judgements_books.acknowledged_reports_are_kept, "No acknowledged report of an assistant is lost.", 60),
    _named(judgements_books.numbers_stay_secret, "No number stands in a log or a message.", 20),
    _named(judgements_books.closed_calls_are_over, "No call goes on that was closed.", 60),
    _named(judgements.requested_once, "No call is requested twice.", 20),
    _commits("stops_bind_commits", "No call is committed after its campaign stopped.", 20),
    _commits("newer_runs_bind_commits", "No call of an older run is committed.", 30),
    _commits("policy_binds_commits", "No call is committed by an older policy.", 30),
    _commits("callbacks_bind_commits", "No call is committed before the instant it was asked for.", NEVER),
    _commits("do_not_call_binds_commits", "No call is committed against do-not-call.", 30),
    _commits("contacts_bind_commits", "No call is committed to an older number or zone.", 30),
    _commits("rules_bind_commits", "No call is committed against the rules of a place.", NEVER),
    _commits("callers_bind_commits", "No call is committed with what is disabled.", 30),
    *(Judgement(it.name, it.holds, partial(_invariant, it.name), _OWED.get(it.name, NEVER)) for it in INVARIANTS),
    _progress(judgements_progress.hanging_account_is_isolated, "An account that hangs delays only its own calls.", 10),
    _progress(  # whether the account that hangs has anything to place then is left to the trial
        judgements_progress.no_more_than_senders, "No more calls are committed than have a sender.", NEVER
    ),
    _progress(judgements_progress.hang_ups_back_off, "No call is hung up again and again.", 60),
    _progress(judgements_progress.ends_on_sigterm, "A process ends within 30 s of SIGTERM.", 60),
    _progress(judgements_progress.calls_resume, "Calls are placed again when nothing is broken.", 10),
    Judgement("processes_live", "No process ends by itself.", _processes, 10),
    Judgement("logs_hold_no_mistake", "No log holds a traceback of ours.", _mistakes, 10),
)
BY_NAME: Mapping[str, Judgement] = {judgement.name: judgement for judgement in JUDGEMENTS}
"""What the carrier and the commits show, the product's own invariants, whether it goes on, and how its processes
fared."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """By the judgements' names: the sentences of what was violated, and how many occasions there were."""

    violations: Mapping[str, list[str]]
    occasions: Counter[str] = field(default_factory=Counter)

    @property
    def violations_total(self) -> int:
        return sum(map(len, self.violations.values()))

    @property
    def unproven(self) -> list[str]:
        """Those without an occasion."""
        return [name for name in BY_NAME if not self.occasions[name]]

    def owed(self, seconds: float) -> list[str]:
        """Those of them to which a trial of that length owes one."""
        return [name for name in self.unproven if BY_NAME[name].owed_after <= seconds]

    def status(self, seconds: float) -> int:
        """The trial's exit status: 1 where something was violated, 3 where nothing was and something owed is
        unproven, and 0 where all of it was proved."""
        if self.violations_total:
            return VIOLATED
        return UNPROVEN if self.owed(seconds) else PASSED


def judge(e: Evidence) -> Verdict:
    """Check every judgement at every occasion."""
    results = {judgement.name: list(judgement.check(e)) for judgement in JUDGEMENTS}
    violations = {name: [said for said in those if said is not None] for name, those in results.items()}
    return Verdict(violations, Counter({name: len(those) for name, those in results.items()}))


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """Several trials as one: what none of them proved is unproven."""
    violations: dict[str, list[str]] = {name: [] for name in BY_NAME}
    occasions: Counter[str] = Counter()
    for verdict in verdicts:
        occasions.update(verdict.occasions)
        for name, those in verdict.violations.items():
            violations[name] += those
    return Verdict(violations, occasions)
