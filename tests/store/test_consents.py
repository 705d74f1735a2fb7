"""Which consent of a number counts for a purpose, and that a call needs it until it is committed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.world import World
from worker.domain.errors import Invalid
from worker.domain.places import place_of
from worker.operations import consents as operations
from worker.store import consents
from worker.store.database import transact

NUMBER = "+12125550123"
NONE, EXPRESS, WRITTEN = 0, 1, 2
HISTORIES: list[tuple[list[str], dict[str, int]]] = [
    ([], {"telemarketing": NONE, "debt": NONE}),
    (["express"], {"telemarketing": EXPRESS, "debt": EXPRESS}),
    (["express telemarketing"], {"telemarketing": EXPRESS, "debt": NONE}),
    (["express", "written telemarketing"], {"telemarketing": WRITTEN, "debt": EXPRESS}),
    (["written", "express"], {"telemarketing": WRITTEN}),
    (["written", "revoked"], {"telemarketing": NONE, "debt": NONE}),
    (["written", "revoked telemarketing"], {"telemarketing": NONE, "debt": WRITTEN}),
    (["written telemarketing", "revoked"], {"telemarketing": NONE}),
    (["written telemarketing", "revoked debt"], {"telemarketing": WRITTEN, "debt": NONE}),
    (["written", "revoked", "express"], {"telemarketing": EXPRESS, "debt": EXPRESS}),
    (["written", "revoked", "express debt"], {"telemarketing": NONE, "debt": EXPRESS}),
    (["written until 1"], {"telemarketing": NONE}),
    (["written until 99"], {"telemarketing": WRITTEN}),
    (["written until 1", "express"], {"telemarketing": EXPRESS}),
]  # fmt: skip


def say(world: World, what: str) -> None:
    """Write down one row of a history, a minute after the one before."""
    kind, *rest = what.split()
    until = timedelta(hours=float(rest[rest.index("until") + 1])) if "until" in rest else None
    purpose = rest[0] if rest and rest[0] != "until" else None
    body: dict[str, Any] = {"numbers": [NUMBER]} | ({"purpose": purpose} if purpose else {})
    if kind == "revoked":
        operations.revoke_consents(world.dialer, world.team, body, actor="test")
    else:
        body |= {"kind": kind} | ({"expiresAt": (world.now + until).isoformat()} if until else {})
        operations.add_consents(world.dialer, world.team, body, actor="test")
    world.advance(60)


def best(world: World, purpose: str | None) -> int:
    return transact(world.dialer.db, lambda conn: consents.best(conn, world.team, NUMBER, purpose))


def test_the_best_consent_that_counts_is_found_for_each_purpose(world: World) -> None:
    for history, wanted in HISTORIES:
        world.sql("DELETE FROM consents RETURNING id")
        for what in history:
            say(world, what)
        world.advance(3 * 3600)
        assert {purpose: best(world, purpose) for purpose in wanted} == wanted, history
        _, shown = operations.list_consents(world.dialer, world.team, limit=10, offset=0, number=NUMBER)
        assert len(shown) == len(history)
    world.another_team("team_b")
    assert transact(world.dialer.db, lambda conn: consents.best(conn, "team_b", NUMBER, "telemarketing")) == NONE


def test_a_revocation_of_the_same_instant_as_the_consent_takes_it_back(world: World) -> None:
    operations.add_consents(world.dialer, world.team, {"numbers": [NUMBER], "kind": "written"}, actor="test")
    operations.revoke_consents(world.dialer, world.team, {"numbers": [NUMBER]}, actor="test")
    assert best(world, "telemarketing") == NONE
    operations.add_consents(world.dialer, world.team, {"numbers": [NUMBER], "kind": "express"}, actor="test")
    assert best(world, "telemarketing") == EXPRESS


def test_a_form_from_before_the_revocation_that_comes_in_late_does_not_count(world: World) -> None:
    operations.revoke_consents(world.dialer, world.team, {"numbers": [NUMBER]}, actor="test")
    late = {"numbers": [NUMBER], "kind": "written", "givenAt": "2020-05-03"}
    assert operations.add_consents(world.dialer, world.team, late, actor="test") == 1
    assert operations.add_consents(world.dialer, world.team, late, actor="test") == 0
    assert best(world, "telemarketing") == NONE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("givenAt", "2031-01-01T00:00:00Z"), ("givenAt", "2031-01-01"), ("givenAt", "yesterday"), ("givenAt", 5),
        ("givenAt", "2026-02-30"), ("givenAt", "2026-02-03T10:00:00"), ("givenAt", "1066-10-14"),
        ("givenAt", "0001-01-01T00:00:00+14:00"), ("expiresAt", "2001-01-01"), ("expiresAt", "2999-01-01"),
        ("kind", "verbal"), ("kind", "revoked"), ("kind", None), ("purpose", "everything"), ("purpose", "any"),
        ("source", " "), ("evidence", 5), ("numbers", []), ("numbers", ["12"]), ("numbers", None), ("who", "me"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_name(world: World, field: str, value: Any) -> None:
    body = {"numbers": [NUMBER], "kind": "express", field: value}
    with pytest.raises(Invalid) as refused:
        operations.add_consents(world.dialer, world.team, body, actor="test")
    assert {fault.path.partition("[")[0] for fault in refused.value.faults} == {field}
    assert world.sql("SELECT count(*) FROM consents") == [(0,)]


def test_a_call_is_placed_by_a_consent_and_not_after_it_was_taken_back(world: World) -> None:
    contact = world.contact(NUMBER)
    world.sql("UPDATE contacts SET place = :place RETURNING id", place=place_of(NUMBER).code)
    campaign = world.campaign([contact], purpose="telemarketing")
    world.run(campaign)
    assert world.stage.requests == []
    assert world.sql("SELECT reason FROM campaign_contacts") == [("no_consent",)]
    operations.add_consents(world.dialer, world.team, {"numbers": [NUMBER], "kind": "written"}, actor="test")
    steps = world.reserve(campaign)
    assert world.sql("SELECT state::text FROM calls") == [("reserved",)]
    operations.revoke_consents(world.dialer, world.team, {"numbers": [NUMBER]}, actor="test")
    world.carry_out(steps)
    assert world.stage.requests == []
    operations.add_consents(world.dialer, world.team, {"numbers": [NUMBER], "kind": "written"}, actor="test")
    world.run(campaign)
    world.advance(60)
    world.finish_all()
    assert len(world.stage.requests) == 1, world.sql(
        "SELECT status::text, reason, due_at - dialer_now() FROM campaign_contacts"
    )
    assert world.sql("SELECT law ->> 'consent' FROM calls WHERE dialed_at IS NOT NULL") == [("written",)]
