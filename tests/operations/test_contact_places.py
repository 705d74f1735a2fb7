"""Where contacts may be: computed whenever they are written, and anew when the tables have changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import World
from worker.cli.findings_places import places as finding
from worker.domain.contact_file import read_contacts
from worker.domain.places import expand
from worker.domain.whereabouts import place_code, tables_version
from worker.operations import contact_places
from worker.operations import contacts as contact_operations
from worker.operations.contact_places import place_contacts
from worker.operations.import_request import Loaded
from worker.operations.imports import load_contacts
from worker.operations.upsert import upsert_by_external_id, upsert_by_number

GARY, BERLIN = "+12195550123", "+493023125012"
"""An area code with two clocks, and a city."""


def create(world: World, **body: Any) -> dict[str, Any]:
    return contact_operations.create_contact(world.dialer, world.team, body, actor="test")


def edit(world: World, contact: str, **body: Any) -> dict[str, Any]:
    return contact_operations.edit_contact(world.dialer, world.team, contact, body, actor="test")[0]


def imported(world: World, *lines: str, **options: Any) -> Loaded:
    text = [f"{line}\n" for line in lines]
    return load_contacts(world.dialer, world.team, None, read_contacts(text), **options)


def row(world: World, number: str = GARY) -> Any:
    (found,) = world.sql("SELECT * FROM contacts WHERE phone_e164 = :number", number=number)
    return found


def zones(place: str) -> tuple[str, ...]:
    return expand(place).zones


@pytest.fixture(autouse=True)
def every_place_is_that_of_its_row(world: World) -> Any:
    """Whatever a test does, no place is another than the one that follows from its row."""
    yield
    for each in world.sql("SELECT * FROM contacts"):
        assert each.place == place_code(each._mapping), dict(each._mapping)


def test_a_contact_has_its_place_from_the_beginning_and_another_after_every_edit_that_moves_it(world: World) -> None:
    contact = create(world, phone=GARY)
    assert zones(contact["place"]) == ("America/Chicago", "America/New_York")
    assert zones(edit(world, contact["id"], postalCode="46307")["place"]) == ("America/Chicago", "America/New_York")
    confirmed = edit(world, contact["id"], timezone="America/Chicago", timezoneConfirmed=True)
    assert zones(confirmed["place"]) == ("America/Chicago",)
    both = edit(world, contact["id"], timezone="America/Denver")
    assert (both["timezone_confirmed"], "America/Denver" in zones(both["place"])) == (False, True)
    assert len(zones(both["place"])) > 1
    moved = edit(world, contact["id"], phone=BERLIN, timezone=None, country="DE")
    assert (zones(moved["place"]), moved["region"], moved["postal_code"]) == (("Europe/Berlin",), None, None)
    assert edit(world, contact["id"], phone=None, country=None)["place"] == ""


def test_whoever_is_upserted_is_placed(world: World) -> None:
    body = {"phone": GARY, "country": "US", "region": "IN"}
    made = upsert_by_external_id(world.dialer, world.team, "crm-1", body, actor="test")
    assert (made.contact["region"], made.contact["country"]) == ("IN", "US")
    again = upsert_by_external_id(world.dialer, world.team, "crm-1", body, actor="test")
    assert again.contact == made.contact
    moved = upsert_by_number(world.dialer, world.team, GARY, {"region": "Hawaii"}, actor="test").contact
    assert "Pacific/Honolulu" in zones(moved["place"])


def test_a_file_places_its_people_and_counts_by_what(world: World) -> None:
    loaded = imported(
        world,
        "phone,state,zip,country,timezone,timezone_confirmed",
        f"{GARY},,,,,",
        "+12195550124,IN,,,,",
        "+12195550125,IN,46307,,,",
        "+12195550126,,,,America/Chicago,yes",
        "+12195550127,,,,America/Chicago,",
        "+4915112345678,,,,,",
        "+18005550123,,,,,",
        "+12195550128,Atlantis,,,,",
        "12,IN,,US,,",
        "+12195550129,,,,America/Chicago,maybe",
        "+12195550130,,,,America/Chicago,no",
    )
    assert {basis.value: count for basis, count in loaded.placed.items()} == {
        "area_code": 2, "region": 1, "postal_code": 1, "confirmed_timezone": 1, "timezone": 3, "country": 1,
        "unknown": 1,
    }  # fmt: skip
    assert [(fault.line, fault.outcome) for fault in loaded.faults] == [(9, "no_place"), (11, "no_place")]
    assert loaded.faults[1].message.startswith("timezone_confirmed: 'maybe' is neither yes nor no.")
    assert row(world, "+12195550125").postal_code == "46307"
    assert row(world, "+12195550126").timezone_confirmed


def test_lines_of_one_person_say_together_where_they_are(world: World) -> None:
    header = "phone,country,state,zip,timezone,timezone_confirmed"
    imported(world, header, f"{GARY},US,IN,46307,America/Chicago,yes", f"{GARY},CA,ON,,,", f"{GARY},,,,Europe/Paris,")
    found = row(world)
    assert (found.country, found.region, found.postal_code) == ("CA", "ON", None), "nothing of another country stays"
    assert (found.timezone, found.timezone_confirmed) == ("Europe/Paris", False), "another zone was confirmed"


@pytest.mark.parametrize(
    "line", ["CA,ON,,,", ",,,America/Denver,", "US,,46307,,", ",,,America/Chicago,yes", ",,,,", "DE,,,,"]
)
def test_a_contact_the_team_has_is_placed_by_what_it_says_and_what_a_line_says(world: World, line: str) -> None:
    create(
        world, phone=GARY, country="US", region="IN", postalCode="46307", timezone="America/Chicago",
        timezoneConfirmed=True, externalId="crm-1",
    )  # fmt: skip
    before = row(world)
    imported(world, "phone,country,state,zip,timezone,timezone_confirmed", f"{GARY},{line}")
    after = row(world)
    country, state, postal_code, timezone, _ = line.split(",")
    assert after.country == (country or "US")
    kept = (before.region, before.postal_code) if after.country == "US" else (None, None)
    assert (after.region, after.postal_code) == (state or kept[0], postal_code or kept[1])
    assert after.timezone_confirmed == (timezone in ("", "America/Chicago"))
    assert (after == before) == (line in (",,,,", ",,,America/Chicago,yes")), "who says nothing new changes nothing"


def test_a_number_that_a_file_changes_changes_the_place(world: World) -> None:
    create(world, phone=GARY, externalId="crm-1")
    imported(world, "external_id,phone", f"crm-1,{BERLIN}")
    assert zones(row(world, BERLIN).place) == ("Europe/Berlin",)


def test_contacts_are_placed_anew_where_the_tables_have_changed_and_it_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_places, "READ_AT_ONCE", 2)
    world.another_team("team_b")
    for number in range(5):
        create(world, phone=f"+1219555012{number}")
    world.contact(BERLIN, team="team_b")
    (found,) = finding(world.dialer)
    assert found.ok
    world.sql("UPDATE contacts SET place = '' WHERE phone_e164 <> '+12195550120'")
    (found,) = finding(world.dialer)
    assert (found.ok, "dialer contacts replace" in found.found) == (False, True)

    done = place_contacts(world.dialer, actor="test")
    assert (done.contacts, done.first_placed, done.moved.total()) == (6, 5, 5)
    assert finding(world.dialer)[0].ok
    again = place_contacts(world.dialer, actor="test")
    assert (again.contacts, again.moved.total(), again.steps) == (6, 0, [])

    world.sql("UPDATE contacts SET place = 'FR:Europe/Paris' WHERE team_id = 'team_b'")
    world.sql("UPDATE place_tables SET version = 'older'")
    (found,) = finding(world.dialer)
    assert (found.ok, tables_version() in found.found) == (False, True)
    moved = place_contacts(world.dialer, actor="test").moved
    assert moved == {("FR:Europe/Paris", row(world, BERLIN).place): 1}
    noted = world.sql("SELECT team_id, detail FROM audit_log WHERE action = 'place_contacts' ORDER BY id")
    assert [(each.team_id, each.detail["moved"]) for each in noted] == [
        (world.team, 1), (world.team, 2), (world.team, 1), ("team_b", 1), ("team_b", 1),
    ]  # fmt: skip
