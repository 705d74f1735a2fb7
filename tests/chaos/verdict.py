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
from tests.chaos.judgements import Asked
from tests.chaos.judgements_commits import gate
from worker.store.invariants import INVARIANTS

NEVER = math.inf
PASSED, VIOLATED, UNPROVEN = 0, 1, 3
"""How a trial ends for its shell; 2 is a mistake of whoever asked for it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What must never be otherwise, as a sentence; ``ask`` goes through its occasions."""

    letter: str
    name: str
    holds: str
    ask: Callable[[Evidence], Asked]
    owed_after: float = NEVER

    @property
    def title(self) -> str:
        return f"{self.letter} {self.name}"


def _looked_at(name: str, e: Evidence) -> Asked:
    """One of the product's own invariants."""
    looks = [look for look in e.looks if look.name == name]
    yield from dict.fromkeys(offender for look in looks for offender in look.offenders)
    yield from (None for look in looks for _ in range(look.occasions - len(look.offenders)))


def _processes(e: Evidence) -> Asked:
    yield from e.ended_by_themselves
    yield from (None for _ in range(e.processes - len(e.ended_by_themselves)))


def _mistakes(e: Evidence) -> Asked:
    yield from e.mistakes
    yield from (None for _ in range(e.processes - len(e.mistakes)))


def _progress(ask: Callable[[judgements_progress.Progress], Asked]) -> Callable[[Evidence], Asked]:
    return lambda e: ask(e.progress)


_OWED: Mapping[str, float] = {
    "S1": 20,
    "S4": 20,
    "S5": 20,
    "S6": 60,
    "S7": 60,
    "S3": 60,
}

JUDGEMENTS = (
    Judgement("I1", "calls_within_limits", "No more calls live than a limit allows.", judgements.i1, 20),
    Judgement("I2", "one_call_to_a_callee", "Nobody has two calls at once.", judgements.i2, 20),
    Judgement("I3", "calls_inside_windows", "No call is placed outside its window.", judgements.i3, 60),
    Judgement("I4", "stops_reach_the_carrier", "No request leaves after a stop.", judgements.i4, 20),
    Judgement("I5", "calls_within_attempts", "Nobody is called more often than allowed.", judgements.i5, 20),
    Judgement("I6", "retries_wait", "Nobody is called again before the delay is over.", judgements.i6, 60),
    Judgement("I7", "answered_is_done", "Nobody is called after having answered.", judgements.i7, 20),
    Judgement("I8", "everybody_comes_to_an_end", "Nobody waits for ever.", judgements_books.i8, 20),
    Judgement("I9", "books_agree", "Calls and counters are the carrier's.", judgements_books.i9, 20),
    Judgement("I10", "slots_come_back", "No slot is held by a call that has ended.", judgements_books.i10, 60),
    Judgement("I11", "requests_within_rate", "No account asks faster than its rate.", judgements.i11, 20),
    Judgement("I12", "news_takes_effect", "No news is lost that was acknowledged.", judgements_books.i12, 20),
    Judgement("I13", "numbers_stay_secret", "No number stands in a log or a message.", judgements_books.i13, 20),
    Judgement("I14", "given_up_is_over", "Nothing lives that was given up.", judgements_books.i14, 60),
    Judgement("I15", "asked_for_once", "No call is asked for twice.", judgements.i15, 20),
    Judgement("I16", "stops_bind_commits", "No call is committed after its campaign stopped.", gate("I16"), 20),
    Judgement("I17", "newer_runs_bind_commits", "No call of an older run is committed.", gate("I17"), 30),
    Judgement("I18", "policy_binds_commits", "No call is committed by an older policy.", gate("I18"), 30),
    Judgement("I19", "do_not_call_binds_commits", "No call is committed against do-not-call.", gate("I19"), 30),
    Judgement("I20", "contacts_bind_commits", "No call is committed to an older number or zone.", gate("I20"), 30),
    Judgement("I21", "callers_bind_commits", "No call is committed with what is disabled.", gate("I21"), 30),
    *(
        Judgement(it.letter, it.name, it.holds, partial(_looked_at, it.name), _OWED.get(it.letter, NEVER))
        for it in INVARIANTS
    ),
    Judgement(
        "G1",
        "a_hanging_account_hangs_alone",
        "An account that hangs delays only its own calls.",
        _progress(judgements_progress.hangs_alone),
        10,
    ),
    Judgement(
        "G5",
        "no_more_than_senders",
        "No more calls are committed than have a sender.",
        _progress(judgements_progress.commits_for_senders),
        NEVER,  # whether the account that hangs has anything to place then is left to the trial
    ),
    Judgement(
        "G2",
        "hang_ups_back_off",
        "No call is asked to end again and again.",
        _progress(judgements_progress.asks_with_patience),
        60,
    ),
    Judgement(
        "G3",
        "ends_when_told",
        "Whoever is told to end does so in 30 s.",
        _progress(judgements_progress.ends_when_told),
        60,
    ),
    Judgement(
        "G4", "goes_on", "Calls are placed again when nothing is broken.", _progress(judgements_progress.goes_on), 10
    ),
    Judgement("P1", "processes_live", "No process ends by itself.", _processes, 10),
    Judgement("P2", "logs_hold_no_mistake", "No log holds a traceback of ours.", _mistakes, 10),
)
BY_NAME: Mapping[str, Judgement] = {judgement.name: judgement for judgement in JUDGEMENTS}
"""Those of the issue's (``I``), whether it goes on (``G``), the product's own invariants, and how its processes fared
(``P``)."""


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
    """Ask every judgement at every occasion."""
    asked = {judgement.name: list(judgement.ask(e)) for judgement in JUDGEMENTS}
    violations = {name: [said for said in those if said is not None] for name, those in asked.items()}
    return Verdict(violations, Counter({name: len(those) for name, those in asked.items()}))


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """Several trials as one: what none of them proved is unproven."""
    violations: dict[str, list[str]] = {name: [] for name in BY_NAME}
    occasions: Counter[str] = Counter()
    for verdict in verdicts:
        occasions.update(verdict.occasions)
        for name, those in verdict.violations.items():
            violations[name] += those
    return Verdict(violations, occasions)
