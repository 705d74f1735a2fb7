"""What operators are to do, when and to which campaign, drawn from the seed before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from tests.chaos.aiming import EVERY_SECONDS, FIRST_SECOND, draw_aims
from tests.chaos.plan import Workload

DEEDS_A_SECOND = 1.2
DECK = (
    "pause", "pause", "pause", "cancel", "ban", "opt out", "mark", "limit", "limit", "limit number", "limit team",
    "window", "window", "disable", "add", "add", "add", "renumber", "zone", "run twice", "run twice",
    "message", "report", "report", "call back", "call back", "take back", "try", "try", "end",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """Something an operator is to do at a second of the trial. ``dice`` seeds what it leaves open."""

    at: float
    what: str
    campaign: int
    dice: int


def draw_orders(seed: int, seconds: float, workload: Workload, more: Mapping[str, int] | None = None) -> list[Order]:
    """One after the other off a shuffled deck, each about a campaign that exists by then; and beside them what is
    aimed, with ``more`` of some of it."""
    dice = Random(f"operators {seed}")
    orders, deck, at = [], [], 1.5
    while at < seconds:
        deck = deck or dice.sample(DECK, len(DECK))
        born = [n for n, campaign in enumerate(workload.campaigns) if campaign.created_at < at - 1]
        if born:
            orders.append(Order(at, deck.pop(), dice.choice(born[-6:]), dice.randrange(1 << 30)))
        at += dice.expovariate(DEEDS_A_SECOND)
    aims, at = draw_aims(seed, more), FIRST_SECOND
    while at < seconds:
        born = [n for n, campaign in enumerate(workload.campaigns) if campaign.created_at < at - 1]
        orders.append(Order(at, next(aims), dice.choice(born[-4:]), dice.randrange(1 << 30)))
        at += EVERY_SECONDS
    return sorted(orders, key=lambda order: order.at)
