"""A contact edited while it is being added to a campaign: whoever is second sees what the first has done."""

from __future__ import annotations

from sqlalchemy import Connection

from tests.store.racing import Race, result
from tests.world import World
from worker.operations import campaigns
from worker.operations import contacts as contact_operations
from worker.store.crm import contacts


def zones(world: World) -> list[str]:
    return [row.zone for row in world.sql("SELECT zone FROM campaign_contacts")]


def test_a_zone_edited_while_its_contact_is_added_is_the_zone_it_waits_in(world: World, race: Race) -> None:
    contact, campaign = world.contact(timezone="Asia/Tokyo"), world.campaign()
    adding = race.session()

    def add(conn: Connection) -> None:
        assert contacts.hold(conn, world.team, [contact]) == []
        contacts.add(conn, world.team, campaign, [contact])

    adding.do(add)
    body = {"timezone": "America/Chicago"}
    editing = race.start(lambda: contact_operations.edit_contact(world.dialer, world.team, contact, body, actor="test"))
    race.until_waiting(editing)
    adding.commit()
    result(editing)
    assert zones(world) == ["America/Chicago"]


def test_a_contact_added_while_its_zone_is_edited_waits_in_the_new_zone(world: World, race: Race) -> None:
    contact, campaign = world.contact(timezone="Asia/Tokyo"), world.campaign()
    editing = race.session()
    editing.do(lambda conn: contacts.edit(conn, world.team, contact, {"timezone": "America/Chicago"}))
    adding = race.start(lambda: campaigns.add_contacts(world.dialer, campaign, [contact], actor="test"))
    race.until_waiting(adding)
    editing.commit()
    result(adding)
    assert zones(world) == ["America/Chicago"]
