"""A trial's choices are its seed's, and leave no doubt whose a call is."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest

from tests.chaos import clock_jumps, faults, outages
from tests.chaos.aiming import AIM, ROUND, draw_aims
from tests.chaos.api_client import done, is_in_doubt
from tests.chaos.hanging import with_steady
from tests.chaos.nemesis import DECK, IN_HAND, ROLES, SERVICES, WEB_POINTS, WORKER_POINTS, draw_faults, draw_points
from tests.chaos.orders import draw_orders
from tests.chaos.plan import draw_workload
from worker.crashpoint import POINTS
from worker.simulator.script import parse_life

SEEDS = range(1, 6)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_makes_the_same_choices(seed: int) -> None:
    first, again = draw_workload(seed, 60), draw_workload(seed, 60)
    assert first == again
    assert draw_faults(seed, 60) == draw_faults(seed, 60)
    assert draw_orders(seed, 60, first) == draw_orders(seed, 60, again)
    assert draw_points(seed, WORKER_POINTS) == draw_points(seed, WORKER_POINTS)


def test_another_seed_makes_other_choices() -> None:
    assert draw_faults(1, 60) != draw_faults(2, 60)
    assert draw_workload(1, 60) != draw_workload(2, 60)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_campaigns_share_callees_or_caller_ids_and_never_both(seed: int) -> None:
    workload = draw_workload(seed, 90)
    phones = {c.key: {number for it in c.everybody for number in it.numbers} for c in workload.campaigns}
    assert not {number for team in workload.teams for number in team.to_try} & set().union(*phones.values())
    shared = [
        (bool(phones[a.key] & phones[b.key]), a.team is b.team and bool(set(a.callers) & set(b.callers)))
        for a, b in itertools.combinations(workload.campaigns, 2)
    ]
    assert (True, True) not in shared
    assert {(True, False), (False, True)} <= set(shared), "and both happen"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_number_that_moves_is_nobody_elses(seed: int) -> None:
    workload = draw_workload(seed, 90)
    spares = {it.spare for campaign in workload.campaigns for it in campaign.later}
    assert not spares & {it.phone for campaign in workload.campaigns for it in campaign.everybody}


def test_the_simulator_can_read_every_life() -> None:
    for lives in draw_workload(1, 60).script.values():
        for life in lives:
            parse_life(life)
        assert not {"reject", "refuse", "place", "callbacks"} & lives[-1].keys(), "what repeats is without a fault"


def test_every_kind_of_fault_is_dealt_before_one_comes_too_often() -> None:
    size = sum(DECK.values())
    assert Counter(fault.kind for fault in draw_faults(1, 600)[:size]) == Counter(DECK)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_kind_is_aimed_before_one_is_aimed_again(seed: int) -> None:
    orders = draw_orders(seed, 60, draw_workload(seed, 60))
    aimed = [order.what.removeprefix(AIM) for order in orders if order.what.startswith(AIM)]
    assert len(aimed) > 4 * len(ROUND)
    for rounds in range(len(aimed) // len(ROUND)):
        of_one = aimed[rounds * len(ROUND) : (rounds + 1) * len(ROUND)]
        assert sorted(next(n for n, kind in enumerate(ROUND) if aim in kind) for aim in of_one) == [*range(len(ROUND))]


def test_what_is_aimed_more_often_comes_in_every_round() -> None:
    drawn = list(itertools.islice(draw_aims(1, {"ban": 4}), 10))
    assert drawn.count(AIM + "ban") >= 4


def test_every_card_is_something_that_befalls_somebody() -> None:
    own = {IN_HAND, faults.MEMBERS_ADDED, "web: crash point"}
    words = {f"{role}: {word}" for role in ROLES for word in (*faults.PROCESSES, *faults.LOGS)}
    assert DECK.keys() <= own | words | SERVICES.keys()
    assert SERVICES.keys() - clock_jumps.FAULTS.keys() <= DECK.keys(), "clocks jump in trials of their own"


def test_one_account_can_hang_while_the_other_goes_on() -> None:
    workload = with_steady(draw_workload(1, 60))
    assert [team.account for team in workload.teams] == list(outages.ACCOUNTS)
    steady = [plan for plan in workload.campaigns if math.isinf(plan.created_at)]
    assert {plan.team.id for plan in steady} == {team.id for team in workload.teams}
    others = {it.phone for plan in workload.campaigns if plan not in steady for it in plan.everybody}
    phones = [it.phone for plan in steady for it in plan.everybody]
    assert len(set(phones)) == len(phones)
    assert not others & set(phones)
    for phone in phones:
        parse_life(workload.script[phone][0])


def test_where_the_clock_jumps_nothing_rests_on_it() -> None:
    workload = clock_jumps.without_the_clock(draw_workload(1, 90))
    assert all(
        it.window is None and it.starts_in is None and not it.delay and not it.delays for it in workload.campaigns
    )
    assert not any(person.zone for it in workload.campaigns for person in it.people)
    words = {it.what.removeprefix("aim: ") for it in clock_jumps.orders_without_the_clock(draw_orders(1, 90, workload))}
    assert words
    assert not words & {"window", "zone"}


def test_every_place_where_a_crash_may_fall_is_somebodys() -> None:
    assert {*WEB_POINTS, *WORKER_POINTS} == POINTS


@pytest.mark.parametrize(
    ("status", "was_done", "in_doubt"),
    [(200, True, False), (409, False, False), (503, False, True), (None, False, True), (599, False, False)],
)
def test_a_deed_is_in_doubt_unless_its_answer_says_otherwise(status: object, was_done: bool, in_doubt: bool) -> None:
    assert (done(status), is_in_doubt(status)) == (was_done, in_doubt)
