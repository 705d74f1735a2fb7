"""Two at once who name one person make one contact."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.store.racing import Race, result
from tests.world import World
from worker.domain.contact_file import read_contacts
from worker.domain.errors import Conflict
from worker.operations.contacts import create_contact
from worker.operations.imports import load_contacts
from worker.operations.upsert import Upserted, upsert_by_external_id, upsert_by_number
from worker.store.crm import merging

NUMBER = "+12025550123"
WAYS: dict[str, Callable[[World, str], Upserted]] = {
    "external id": lambda world, name: upsert_by_external_id(
        world.dialer, world.team, "crm-1", {"firstName": name}, actor="test"
    ),
    "number": lambda world, name: upsert_by_number(world.dialer, world.team, NUMBER, {"firstName": name}, actor="test"),
}


@pytest.mark.parametrize("way", WAYS)
def test_two_upserts_at_once_make_one_contact(world: World, race: Race, way: str) -> None:
    ahead = race.session()
    ahead.do(lambda conn: merging.take_turns(conn, world.team))
    works = [race.start(lambda name=name: WAYS[way](world, name)) for name in ("Ada", "Bob")]
    race.until_waiting(*works)
    ahead.commit()
    done = [result(work) for work in works]
    assert sorted(each.created for each in done) == [False, True]
    (row,) = world.sql("SELECT id, first_name FROM contacts")
    assert {each.contact["id"] for each in done} == {row.id}
    (second,) = (each.contact for each in done if not each.created)
    assert row.first_name == second["first_name"], "who was second has changed what the first has made"


@pytest.mark.parametrize("way", WAYS)
def test_an_upsert_beside_an_import_makes_one_contact(world: World, race: Race, way: str) -> None:
    ahead = race.session()
    ahead.do(lambda conn: merging.take_turns(conn, world.team))
    lines = ("external_id,phone\n", f"crm-1,{NUMBER}\n")
    importing = race.start(lambda: load_contacts(world.dialer, world.team, None, read_contacts(lines)))
    race.until_waiting(importing)
    putting = race.start(lambda: WAYS[way](world, "Ada"))
    race.until_waiting(importing, putting)
    ahead.commit()
    result(importing)
    result(putting)
    assert world.sql("SELECT external_id, phone_e164, first_name FROM contacts") == [("crm-1", NUMBER, "Ada")]


def test_two_new_contacts_with_one_external_id_are_one_and_a_refusal(world: World, race: Race) -> None:
    ahead = race.session()
    ahead.do(lambda conn: merging.take_turns(conn, world.team))
    body = {"externalId": "crm-1"}
    works = [race.start(lambda: create_contact(world.dialer, world.team, body, actor="test")) for _ in range(2)]
    race.until_waiting(*works)
    ahead.commit()
    errors = [work.exception() for work in works]
    assert sorted(type(error) for error in errors if error is not None) == [Conflict]
    assert len(world.sql("SELECT FROM contacts")) == 1
