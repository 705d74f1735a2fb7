"""A campaign's contacts, exported and imported: into their own team nothing changes, into another they are the same."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.world import World
from worker.domain.contact_file import read_contacts
from worker.domain.contact_table import CONTACT_FIELDS, texts_of
from worker.domain.spreadsheet import cells
from worker.operations import contacts as contact_operations
from worker.operations.export import export_contacts
from worker.operations.import_request import Loaded
from worker.operations.imports import load_contacts

HOSTILE = {"first_name": "=Ann", "last_name": "'=x\r\n\" ;", "email": "a;b@example.com", "tags": ["a;b", "c\\;d", "é"]}
NESTED = {"do_not_call": "yes", "Do Not Call?": 1.5, "phone": {"a": [1, None, "=1"]}, "": "x", "tags": ";"}
KEPT = "first_name, last_name, phone_secondary, email, timezone, do_not_call, custom_fields, tags"


@pytest.fixture
def campaign(world: World) -> str:
    """Everybody who is hard to write down."""
    contacts = [
        world.contact("+12025550101", **HOSTILE, custom_fields=NESTED, timezone="Asia/Tokyo", phone_secondary="+1 2"),
        world.contact("+12025550102", first_name="Listed"),
        world.contact("+12025550103", first_name="Marked", do_not_call=True),
        world.contact("+12025550104", first_name="One"),
        world.contact("+12025550104", first_name="Another of the same number"),
        world.contact("0202 555-0105", first_name="Uncallable", last_name=" spaced "),
        world.contact("12", first_name="Twelve"),
        world.contact(None, first_name="No number"),
        world.contact(None),
    ]
    contact_operations.ban_numbers(world.dialer, world.team, {"numbers": ["+12025550102"]}, actor="t")
    campaign = world.campaign(contacts)
    world.run(campaign)
    world.until(campaign, "completed")
    return campaign


def exported(world: World, campaign: str) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(CONTACT_FIELDS)
    writer.writerows(cells(texts_of(row)) for row in export_contacts(world.dialer, world.team, campaign))
    return file.getvalue()


def read(world: World, text: str, team: str, **options: Any) -> Loaded:
    return load_contacts(world.dialer, team, None, read_contacts(io.StringIO(text, newline="")), **options)


@pytest.mark.parametrize("region", [None, "US"])
def test_into_its_own_team_nothing_changes(world: World, campaign: str, region: str | None) -> None:
    before = world.sql("SELECT * FROM contacts ORDER BY id")
    loaded = read(world, exported(world, campaign), world.team, region=region, campaign_id=campaign)
    assert world.sql("SELECT * FROM contacts ORDER BY id") == before
    assert (loaded.lines, loaded.created, loaded.changed, loaded.refused, loaded.merged, loaded.added) == (
        9,
        0,
        0,
        0,
        0,
        0,
    )


def test_into_another_team_they_are_the_same_and_who_is_banned_stays_banned(world: World, campaign: str) -> None:
    world.another_team("team_b")
    file = exported(world, campaign)
    loaded = read(world, file, "team_b")
    assert (loaded.created, loaded.merged, loaded.refused) == (8, 1, 0)
    theirs = {row.first_name: row for row in world.sql(f"SELECT {KEPT} FROM contacts WHERE team_id = 'team_b'")}
    ours = {row.first_name: row for row in world.sql(f"SELECT {KEPT} FROM contacts WHERE team_id = 'team_a'")}
    assert theirs.pop("Listed").do_not_call is True
    del ours["Listed"], ours["One"]
    assert theirs == ours
    again = read(world, file, "team_b")
    assert (again.created, again.changed) == (1, 0), "who has neither number nor name cannot be found again"


def test_a_line_added_for_a_contact_of_an_export_bans_it(world: World, campaign: str) -> None:
    file = exported(world, campaign)
    blank = dict.fromkeys(CONTACT_FIELDS) | {"tags": [], "custom_fields": {}}
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells(texts_of({**blank, "phone": "+12025550101", "do_not_call": True})))
    read(world, file + line.getvalue(), world.team)
    (row,) = world.sql("SELECT do_not_call FROM contacts WHERE phone_e164 = '+12025550101'")
    assert row.do_not_call is True
