"""Whatever stops a call, by whichever of the product's ways, stands in the history before what is committed later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.chaos import history
from tests.chaos.evidence import Clock, Evidence
from tests.chaos.invariant_checks import check_all, check_safety
from tests.chaos.judgements_commits import GATES
from tests.chaos.verdict import JUDGEMENTS, judge
from tests.world import World, make_world
from worker.domain.contact_file import ContactLine
from worker.domain.resources import ACCOUNT, NUMBER
from worker.flow import admit, close, reconcile, results, settle, stop
from worker.operations import callbacks, contacts, dnc_imports, removal, resources
from worker.operations.campaign_edit import edit_campaign
from worker.simulator.ledger import Ledger
from worker.store.invariants import BY_NAME as INVARIANTS

COMMIT = """
UPDATE calls SET state = 'dialing', attempt = 1, called_before = false, max_attempts = 3, dialed_at = dialer_now(),
    valid_until = dialer_now() + interval '1 hour', dialing_at = clock_timestamp(), provable_end_at = clock_timestamp()
WHERE id = :id
"""
"""What a dialer would do that checks nothing."""
END = "UPDATE calls SET state = 'ended', disposition = 'lost', ended_at = clock_timestamp() WHERE ended_at IS NULL"

ByWay = Callable[[World, str, str], object]
"""Stops the campaign's only call, which goes to the contact."""


def edit(world: World, campaign: str, **fields: object) -> None:
    world.pause_behind_its_back(campaign)
    edit_campaign(world.dialer, world.team, campaign, fields, actor="test")
    admit.resume(world.dialer, campaign, actor="test")


def edit_person(world: World, contact: str, **fields: object) -> None:
    contacts.edit_contact(world.dialer, world.team, contact, fields, actor="test")


def delete(world: World, campaign: str, contact: str) -> None:
    world.pause_behind_its_back(campaign)
    removal.delete_campaign(world.dialer, world.team, campaign, actor="test")


def enable(world: World, is_enabled: bool) -> None:
    resources.edit_resource(
        world.dialer, NUMBER, world.team, latest(world).number_id, {"enabled": is_enabled}, actor="test"
    )


def enable_account(world: World, is_enabled: bool) -> None:
    resources.edit_resource(
        world.dialer, ACCOUNT, world.team, f"acct_{world.team}", {"enabled": is_enabled}, actor="test"
    )


def latest(world: World) -> Any:
    """The call that is to be stopped."""
    return world.sql("SELECT id, team_id, number_id FROM calls ORDER BY reserved_at DESC")[0]


WAYS: Mapping[str, tuple[str, ByWay]] = {
    "paused": ("stops_bind_commits", lambda world, campaign, _: world.pause_behind_its_back(campaign)),
    "cancelled": (
        "stops_bind_commits",
        lambda world, campaign, _: stop.cancel_campaign(world.dialer, campaign, actor="test"),
    ),
    "deleted": ("stops_bind_commits", delete),
    "ended": (
        "stops_bind_commits",
        lambda world, campaign, _: close.complete_campaign(world.dialer, campaign, actor="test"),
    ),
    "asked to be called later": (
        "callbacks_bind_commits",
        lambda world, campaign, contact: callbacks.call_back(
            world.dialer, world.team, campaign, contact, (world.now + timedelta(hours=1)).isoformat(), actor="test"
        ),
    ),
    "run again": (
        "newer_runs_bind_commits",
        lambda world, campaign, _: admit.run_campaign(world.dialer, campaign, opened_by="api"),
    ),
    "window moved": (
        "policy_binds_commits",
        lambda world, campaign, _: edit(
            world, campaign, callWindowStart="03:00", callWindowEnd="04:00", callWindowTimezone="America/New_York"
        ),
    ),
    "caller ID taken out": (
        "policy_binds_commits",
        lambda world, campaign, _: edit(
            world, campaign, fromNumberIds=[n for n in world.numbers if n != latest(world).number_id]
        ),
    ),
    "banned": ("do_not_call_binds_commits", lambda world, _, contact: world.ban(world.phone(contact))),
    "banned by a file": (
        "do_not_call_binds_commits",
        lambda world, _, contact: dnc_imports.ban_file(
            world.dialer, world.team, [ContactLine(1, phone=world.phone(contact))], actor="test"
        ),
    ),
    "banned by its network": (
        "do_not_call_binds_commits",
        lambda world, _, contact: settle._ban(world.dialer, [(world.team, world.phone(contact))]),
    ),
    "marked": ("do_not_call_binds_commits", lambda world, _, contact: edit_person(world, contact, doNotCall=True)),
    "another number": (
        "contacts_bind_commits",
        lambda world, _, contact: edit_person(world, contact, phone="+12025557777"),
    ),
    "another zone": (
        "contacts_bind_commits",
        lambda world, _, contact: edit_person(world, contact, timezone="Europe/Berlin"),
    ),
    "caller ID retired": (
        "callers_bind_commits",
        lambda world, *_: results._retire_number(world.dialer, latest(world), "13229"),
    ),
    "caller ID disabled": ("callers_bind_commits", lambda world, *_: enable(world, False)),
    "account disabled": ("callers_bind_commits", lambda world, *_: enable_account(world, False)),
}

BESIDES: Mapping[str, set[str]] = {
    "window moved": {"stops_bind_commits"},
    "caller ID taken out": {"stops_bind_commits"},
}
"""What stops the call on the way, and is undone."""


@pytest.fixture
def world(own_database_url: str, redis_url: str) -> Iterator[World]:
    """One that keeps its history, and is not checked at its end: calls are placed in it that must not be."""
    history.install(own_database_url)
    world = next(iter(make_world(own_database_url, redis_url)))
    yield world
    world.engine.dispose()


def findings(world: World) -> Counter[str]:
    """Judgement → occasions so far, and with a ! behind it violations."""
    changes = history.changes(world.sql(history.READ))
    clock = Clock(changes[-1].at, world.now.timestamp(), speed=0.0)
    verdict = judge(Evidence(ledger=Ledger((), (), (), ()), history=changes, clock=clock))
    gates = [it for it in JUDGEMENTS if it.name in GATES]
    found = Counter({it.name: verdict.occasions[it.name] for it in gates})
    return found + Counter({f"{it.name}!": len(verdict.violations[it.name]) for it in gates})


def test_every_way_of_the_products_to_stop_a_call_is_an_occasion_and_condemns_a_commit_after_it(world: World) -> None:
    found = {}
    world.places = False
    for name, (_, by_way) in WAYS.items():
        contact = world.contact()
        campaign = world.campaign([contact])
        admit.run_campaign(world.dialer, campaign, opened_by="api")
        before, reserved = findings(world), latest(world).id
        by_way(world, campaign, contact)
        stopped = findings(world)
        world.sql(COMMIT, id=reserved)
        found[name] = (stopped - before, findings(world) - stopped)
        world.sql(END)
        world.sql("UPDATE phone_numbers SET enabled = true")
        enable_account(world, True)
        world.redis.flushall()
        reconcile.reconcile(world.dialer)
    allowed = {name: {judgement} | BESIDES.get(name, set()) for name, (judgement, _) in WAYS.items()}
    assert {name: set(occasions) for name, (occasions, _) in found.items()} == allowed
    assert {name: set(violations) for name, (_, violations) in found.items()} == {
        name: {f"{judgement}!"} for name, (judgement, _) in WAYS.items()
    }


def test_invariants_are_checked_while_a_call_lives(world: World) -> None:
    contact = world.contact()
    world.run(world.campaign([contact], maxConcurrentCalls=1))
    for checks in (check_safety(world.dialer), check_all(world.dialer)):
        seen = {it.name: it for it in checks}
        assert not any(it.offenders for it in checks)
        assert seen["limit_held"].occasions == 1, "its campaign is full"
    assert seen.keys() == INVARIANTS.keys()
