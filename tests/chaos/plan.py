"""What a trial will do, drawn from its seed before anything runs: who is called by whom, and how the phones behave.

The same seed gives the same people, campaigns, lives, faults and deeds at the same seconds; what comes of them
depends on the machine. Instants are seconds from the beginning of the faults.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kolkata")
CAMPAIGN_EVERY_SECONDS = 7.0
AT_FIRST, WHEN_CREATED, LATER = 14, 8, 12
"""Contacts of the campaigns that are there from the beginning, of those created later, and what is added to each."""

PURPOSES = ("health", "fraud_alert")
"""What wants no consent where trials call, and is allowed there at any hour."""
WHERE = "America/Denver"
"""The clock of whoever a trial calls that goes by places."""

PLACING = (
    {"reject": "too_many_requests", "retry_after": 0.5}, {"refuse": 500}, {"place": "then_500"}, {"queue": 2},
    {"place": "late:0.4"}, {"place": "then_timeout"}, {"place": "then_no_id"}, {"place": "then_reset"},
    {"queue": 3}, {"queue": 4},
)  # fmt: skip
REPORTING = (
    {"callbacks": "none"}, {"callbacks": "twice"}, {"callbacks": "late:2.5"}, {"callbacks": "reversed"},
    {"callbacks": "before_answer"},
)  # fmt: skip
"""The carrier's faults, each as a part of a life (:mod:`worker.simulator.script`)."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is called. ``spare`` is the number they may move to."""

    id: str
    phone: str
    spare: str
    zone: str = ""


@dataclass(frozen=True, slots=True)
class TeamPlan:
    id: str
    account: str
    numbers: dict[str, str]
    limit: int
    number_limit: int
    calls_per_second: float | None
    caps: tuple[tuple[int, int], ...] = ()
    """At most so many calls to a number in so many hours, by all its campaigns together; until everything is healed."""


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """``starts_in`` is what its schedule leaves, ``None`` for one that is run at once. ``window`` is from how many
    minutes before its creation to how many after, and where. With a ``purpose`` it goes by places and by the rules."""

    key: str
    team: TeamPlan
    created_at: float
    starts_in: float | None
    people: tuple[Person, ...]
    later: tuple[Person, ...]
    callers: tuple[str, ...]
    limit: int
    attempts: int
    delay: int
    delays: dict[str, int] = field(default_factory=dict)
    window: tuple[int, int, str] | None = None
    purpose: str | None = None

    @property
    def everybody(self) -> tuple[Person, ...]:
        return (*self.people, *self.later)


@dataclass(frozen=True, slots=True)
class Workload:
    teams: tuple[TeamPlan, ...]
    campaigns: tuple[CampaignPlan, ...]
    script: dict[str, list[dict[str, Any]]]

    def fault_of(self, phone: str, attempt: int) -> str | None:
        """The carrier's fault that befalls this call, as a word; ``None`` if it is an ordinary one."""
        lives = self.script[phone]
        life = lives[min(attempt, len(lives)) - 1]
        found = [f"{key} {life[key]}" for key in ("reject", "refuse", "place", "callbacks", "queue") if key in life]
        return "carrier: " + found[0] if found else None


def draw_workload(seed: int, seconds: float) -> Workload:
    """Two teams — one of them with a rate — and their campaigns; a new one every few seconds."""
    dice = Random(f"cast {seed}")
    serial = itertools.count()
    teams = (
        TeamPlan("team_one", "acc_one", _callers(1), limit=8, number_limit=4, calls_per_second=None, caps=((3, 1),)),
        TeamPlan("team_two", "acc_two", _callers(2), limit=6, number_limit=3, calls_per_second=4.0),
    )
    factory = [(0.0, team) for team in teams for _ in range(2)]
    late = itertools.count(CAMPAIGN_EVERY_SECONDS, CAMPAIGN_EVERY_SECONDS)
    factory += [(at, teams[n % 2]) for n, at in enumerate(itertools.takewhile(lambda at: at < seconds - 3, late))]
    campaigns: list[CampaignPlan] = []
    for n, (created_at, team) in enumerate(factory):
        of_team = [campaign for campaign in campaigns if campaign.team is team]
        neighbour = of_team[-1] if len(of_team) % 2 else None
        campaigns.append(_campaign(dice, f"c{n}", team, created_at, neighbour, serial))
    campaigns = _with_purposes(Random(f"purposes {seed}"), campaigns)
    phones = [p for campaign in campaigns for it in campaign.everybody for p in (it.phone, it.spare)]
    return Workload(teams, tuple(campaigns), {phone: draw_lives(dice) for phone in dict.fromkeys(phones)})


def _with_purposes(dice: Random, campaigns: Sequence[CampaignPlan]) -> list[CampaignPlan]:
    """Some of those without a window have one."""
    drawn = [dice.choice(PURPOSES) if dice.random() < 0.4 else None for _ in campaigns]
    return [
        replace(campaign, purpose=purpose) if campaign.window is None else campaign
        for campaign, purpose in zip(campaigns, drawn, strict=True)
    ]


def _callers(team: int) -> dict[str, str]:
    return {f"pn_{team}_{n}": f"+172055{team}{n:04d}" for n in range(6)}


def _campaign(
    dice: Random, key: str, team: TeamPlan, created_at: float, neighbour: CampaignPlan | None, serial: Iterator[int]
) -> CampaignPlan:
    """A campaign with a neighbour shares some of its contacts, or their numbers, and none of its caller IDs; other
    campaigns of a team share caller IDs and no contacts. So the ledger shows whose a call is."""
    window = (1, dice.randint(3, 6), dice.choice(ZONES)) if dice.random() < 0.3 else None
    size = WHEN_CREATED if created_at else AT_FIRST

    def new(n: int) -> Person:
        number = next(serial)
        zone = dice.choice(ZONES) if window and dice.random() < 0.2 else ""
        spare = f"+1303{3_000_000 + number}"
        return Person(f"cont_{key}_{n}", f"+1303{2_000_000 + number}", spare, zone)

    people = [new(n) for n in range(size)]
    if neighbour is not None:
        for n, shared in enumerate(dice.sample(neighbour.people, 3)):
            known = Person(f"cont_{key}_twin_{n}", shared.phone, shared.spare) if n == 0 else shared
            people.append(known)
    numbers = tuple(team.numbers)
    return CampaignPlan(
        key=key,
        team=team,
        created_at=created_at,
        starts_in=None if dice.random() < 0.4 else dice.uniform(1.0, 3.0),
        people=tuple(people),
        later=tuple(new(100 + n) for n in range(LATER)),
        callers=numbers[3:] if neighbour is not None else numbers[:3],
        limit=dice.randint(3, 6),
        attempts=dice.randint(2, 3),
        delay=dice.choice((0, 0, 1)),
        delays={"busy": 1} if dice.random() < 0.3 else {},
        window=window,
    )


def draw_lives(dice: Random) -> list[dict[str, Any]]:
    """The lives of one number's calls; every third meets a fault of the carrier's. The last one, which repeats, is
    without a fault, or a number that is always turned away would be called for ever."""
    lives = []
    for _ in range(4):
        life = _ending(dice)
        if dice.random() < 0.35:
            life |= dice.choice(PLACING if dice.random() < 0.5 else REPORTING)
        lives.append(life)
    return [*lives, {"ring": 2, "talk": 5}]


def _ending(dice: Random) -> dict[str, Any]:
    ring, talk = round(dice.uniform(1, 8), 1), round(dice.uniform(3, 20), 1)
    chosen = dice.choices(range(8), weights=(45, 20, 8, 10, 5, 4, 3, 1))[0]
    endings: Sequence[dict[str, Any]] = (
        {"ring": ring, "talk": talk},
        {"ring": ring, "end": "busy"},
        {"end": "no-answer"},
        {"ring": ring, "talk": talk, "machine": True},
        {"ring": ring, "end": "failed"},
        {"ring": ring, "end": "declined"},
        {"ring": 0, "end": "failed", "sip": 404},
        {"ring": ring, "end": "declined", "sip": 607},
    )
    return dict(endings[chosen])
