"""Contacts of the CRM, edited while campaigns call them; and the numbers nobody calls."""

from __future__ import annotations

import phonenumbers
import pytest
import pytz

from tests.world import World
from worker.domain.contact_file import read_contacts
from worker.domain.errors import Invalid, NotFound
from worker.domain.resources import NUMBER
from worker.operations import batches, campaigns, imports, resources
from worker.operations import contacts as contact_operations
from worker.operations.campaign_contacts import list_campaign_contacts
from worker.simulator.lives import Life
from worker.store.crm import contacts
from worker.store.crm.contacts import NewContact

NIGHT_IN_TOKYO = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}
"""At noon in New York, where the clock of a world begins."""


@pytest.fixture(autouse=True)
def everybody_answers(world: World) -> None:
    world.script({"*": Life(5, 20)})


def edit(world: World, contact: str, **body: object) -> None:
    _, steps = contact_operations.edit_contact(world.dialer, world.team, contact, body, actor="test")
    world.carry_out(steps)


def rang(world: World) -> list[str]:
    return [order.to_number for order in world.stage.requests]


def test_a_contact_is_found_as_it_was_made(world: World) -> None:
    body = {"firstName": "Ada", "phone": "+1 202 555 0123", "customFields": {"a": [1]}, "tags": ["vip"]}
    made = contact_operations.create_contact(
        world.dialer, world.team, body | {"companyId": "comp_team_a"}, actor="test"
    )
    assert made["id"].startswith("cont_")
    found = contact_operations.get_contact(world.dialer, world.team, made["id"])
    assert found == made
    assert (found["first_name"], found["phone_e164"], found["custom_fields"], found["tags"]) == (
        "Ada", "+12025550123", {"a": [1]}, ["vip"],
    )  # fmt: skip


def test_another_teams_contact_and_company_are_not_there(world: World) -> None:
    world.another_team("team_b")
    theirs = world.contact(team="team_b")
    with pytest.raises(NotFound, match=theirs):
        contact_operations.get_contact(world.dialer, world.team, theirs)
    with pytest.raises(NotFound, match=theirs):
        contact_operations.edit_contact(world.dialer, world.team, theirs, {"doNotCall": True}, actor="test")
    with pytest.raises(NotFound, match="comp_team_b"):
        contact_operations.create_contact(world.dialer, world.team, {"companyId": "comp_team_b"}, actor="test")
    with pytest.raises(NotFound, match="comp_team_b"):
        contact_operations.edit_contact(
            world.dialer, world.team, world.contact(), {"companyId": "comp_team_b"}, actor="test"
        )


def test_many_contacts_are_made_in_the_order_given_or_none_is(world: World) -> None:
    bodies = [{"firstName": f"N{n}", "phone": f"+1202555{n:04d}"} for n in range(50)]
    made = contact_operations.create_contacts(world.dialer, world.team, bodies, actor="test")
    rows = {row.id: row.first_name for row in world.sql("SELECT id, first_name FROM contacts")}
    assert [rows[contact["id"]] for contact in made] == [body["firstName"] for body in bodies]
    with pytest.raises(Invalid):
        contact_operations.create_contacts(world.dialer, world.team, [*bodies, {"timezone": "Mars"}], actor="test")
    with pytest.raises(NotFound, match="comp_none"):
        contact_operations.create_contacts(
            world.dialer, world.team, [*bodies, {"companyId": "comp_none"}], actor="test"
        )
    assert world.sql("SELECT count(*) FROM contacts")[0][0] == 50


def test_contacts_are_found_by_what_is_asked_newest_first(world: World) -> None:
    make = [
        {"firstName": "A", "phone": "+12025550111", "tags": ["x"], "email": "Ada@Example.com"},
        {"firstName": "B", "phone": "+1 (202) 555-0111", "doNotCall": True, "companyId": "comp_team_a"},
        {"firstName": "C", "phone": "call me", "tags": ["x", "y"]},
    ]
    contact_operations.create_contacts(world.dialer, world.team, make, actor="test")
    world.another_team("team_b")
    world.contact("+12025550111", team="team_b")

    def names(limit: int = 50, offset: int = 0, **wanted: object) -> tuple[int, str]:
        count, rows = contact_operations.find_contacts(world.dialer, world.team, limit=limit, offset=offset, **wanted)
        return count, "".join(row["first_name"] for row in rows)

    assert names() == (3, "CBA")
    assert names(limit=1, offset=1) == (3, "B")
    assert names(phone="+1 202 555 0111") == (2, "BA")
    assert names(phone="call me") == (1, "C")
    assert names(email="ada@example.COM") == (1, "A")
    assert names(company_id="comp_team_a") == (1, "B")
    assert names(tag="x") == (2, "CA")
    assert names(do_not_call=True) == (1, "B")
    assert names(tag="x", do_not_call=True) == (0, "")


def test_a_contact_that_waits_is_called_by_its_new_number(world: World) -> None:
    contact = world.contact("+12025550111")
    campaign = world.campaign([contact])
    edit(world, contact, phone="+12025550112")
    world.run(campaign)
    world.until(campaign, "completed")
    assert rang(world) == ["+12025550112"]


def test_a_call_reserved_for_the_old_number_never_leaves_and_one_for_the_new_number_does(world: World) -> None:
    contact = world.contact("+12025550111")
    campaign = world.campaign([contact])
    steps = world.reserve(campaign)
    edit(world, contact, phone="+12025550112")
    world.carry_out(steps)
    world.until(campaign, "completed")
    assert rang(world) == ["+12025550112"]
    assert [call.disposition for call in world.calls(campaign)] == ["not_sent", "answered"]


def test_a_contact_that_moves_into_an_open_zone_is_dialed_at_once(world: World) -> None:
    contact = world.contact(timezone="Asia/Tokyo")
    campaign = world.campaign([contact], **NIGHT_IN_TOKYO)
    world.run(campaign)
    assert rang(world) == []
    edit(world, contact, timezone="America/Chicago")
    assert len(rang(world)) == 1


def test_a_contact_that_moves_into_a_shut_zone_waits_for_its_morning(world: World) -> None:
    contact = world.contact()
    campaign = world.campaign([contact], **NIGHT_IN_TOKYO)
    steps = world.reserve(campaign)
    edit(world, contact, timezone="Asia/Tokyo")
    world.carry_out(steps)
    assert rang(world) == []
    world.until(campaign, "completed")
    (call,) = world.stage.calls.values()
    assert call.placed_at.astimezone(pytz.timezone("Asia/Tokyo")).strftime("%H:%M") == "09:00"


def test_who_must_not_be_called_is_not_even_with_a_call_reserved(world: World) -> None:
    first, second = world.contacts(2)
    campaign = world.campaign([first, second])
    steps = world.reserve(campaign)
    edit(world, first, doNotCall=True)
    ((number,),) = world.sql("SELECT phone_e164 FROM contacts WHERE id = :id", id=second)
    assert contact_operations.ban_numbers(world.dialer, world.team, {"numbers": [number]}, actor="test") == 1
    world.carry_out(steps)
    world.until(campaign, "completed")
    assert rang(world) == []
    assert world.by_status(campaign) == {"skipped": 2}


def test_a_number_taken_off_the_list_is_called_by_the_next_run(world: World) -> None:
    contact = world.contact("+12025550111")
    body = {"numbers": ["+1 202 555 0111"], "reason": "asked"}
    contact_operations.ban_numbers(world.dialer, world.team, body, actor="test")
    campaign = world.campaign([contact])
    assert world.run(campaign).failed == 1
    contact_operations.unban_number(world.dialer, world.team, "+1 (202) 555-0111", actor="test")
    world.until(campaign, "completed")
    world.run(campaign)
    world.until(campaign, "completed")
    assert rang(world) == ["+12025550111"]


def test_the_list_keeps_a_number_once_and_says_so(world: World) -> None:
    both = {"numbers": ["+12025550111", "+12025550112"]}
    assert contact_operations.ban_numbers(world.dialer, world.team, both, actor="test") == 2
    assert contact_operations.ban_numbers(world.dialer, world.team, {"numbers": ["+12025550111"]}, actor="test") == 0
    count, rows = contact_operations.banned_numbers(world.dialer, world.team, limit=1, offset=0)
    assert (count, [row.number for row in rows]) == (2, ["+12025550112"])
    count, rows = contact_operations.banned_numbers(
        world.dialer, world.team, number="+1 202 555 0111", limit=9, offset=0
    )
    assert (count, [row.number for row in rows]) == (1, ["+12025550111"])
    with pytest.raises(NotFound):
        contact_operations.unban_number(world.dialer, world.team, "+12025550199", actor="test")


def test_whoever_makes_contacts_is_noted_once_for_all_of_a_request(world: World) -> None:
    one = contact_operations.create_contact(world.dialer, world.team, {"firstName": "Ada"}, actor="key_1")
    contact_operations.create_contacts(world.dialer, world.team, [{}, {}, {}], actor="key_2")
    with pytest.raises(NotFound):
        contact_operations.create_contacts(world.dialer, world.team, [{"companyId": "comp_none"}], actor="key_3")
    noted = world.sql("SELECT team_id, actor, action, subject_id, detail FROM audit_log ORDER BY id")
    assert [tuple(row) for row in noted] == [
        (world.team, "key_1", "create_contact", one["id"], {}),
        (world.team, "key_2", "create_contacts", "contacts", {"created": 3}),
    ]


def test_whoever_adds_contacts_to_a_campaign_is_noted_with_how_many_were_new(world: World) -> None:
    campaign, wanted = world.campaign(), world.contacts(3)
    for some in (wanted[:2], wanted, wanted):
        campaigns.add_contacts(world.dialer, campaign, some, actor="key_1")
    noted = world.sql("SELECT actor, detail FROM audit_log WHERE action = 'add_contacts' ORDER BY id")
    assert [tuple(row) for row in noted] == [("key_1", {"added": 2}), ("key_1", {"added": 1})]


def test_an_edit_that_decides_no_call_takes_no_lock_and_leaves_no_trace_in_the_audit(world: World) -> None:
    contact = world.contact()
    before = contact_operations.get_contact(world.dialer, world.team, contact)
    ((stamped,),) = world.sql("SELECT updated_at FROM contacts WHERE id = :id", id=contact)
    row, steps = contact_operations.edit_contact(world.dialer, world.team, contact, {"lastName": "Byron"}, actor="test")
    assert (row["last_name"], row["phone"], steps) == ("Byron", before["phone"], [])
    assert world.sql("SELECT updated_at FROM contacts WHERE id = :id", id=contact)[0][0] > stamped
    assert world.sql("SELECT * FROM audit_log WHERE subject_id = :id", id=contact) == []
    edit(world, contact, doNotCall=True)
    assert [r.action for r in world.sql("SELECT * FROM audit_log WHERE subject_id = :id", id=contact)] == [
        "edit_contact"
    ]


def test_a_file_of_contacts_is_loaded_whole_and_its_faults_are_shown_by_line(world: World) -> None:
    lines = ["phone,firstName,timezone\n", "+12025550111,Ada,\n", "+12025550112,Bob,Mars\n", "nonsense,Cid,\n"]
    loaded = imports.load_contacts(world.dialer, world.team, "comp_team_a", read_contacts(lines), tags=("import",))
    assert (loaded.created, loaded.refused) == (2, 1)
    assert [fault.path for fault in loaded.faults] == ["line 3"]
    rows = world.sql("SELECT id, first_name, phone_fault, tags, company_id FROM contacts ORDER BY id")
    assert [tuple(row) for row in rows] == [
        (loaded.ids[0], "Ada", None, ["import"], "comp_team_a"),
        (loaded.ids[1], "Cid", "invalid_number", ["import"], "comp_team_a"),
    ]


def test_a_file_that_cannot_be_read_to_its_end_loads_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "READ_AT_ONCE", 1)

    def lines() -> object:
        yield from ["phone\n", "+12025550111\n", "+12025550112\n"]
        raise OSError("the file broke off")

    with pytest.raises(OSError, match="broke off"):
        imports.load_contacts(world.dialer, world.team, None, read_contacts(lines()))
    assert world.sql("SELECT count(*) FROM contacts")[0][0] == 0


def test_memory_of_a_long_file_is_bounded_and_its_counts_are_not(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 4)
    monkeypatch.setattr(imports, "MOST_FAULTS", 3)
    lines = ["phone,timezone\n"] + [f"+1202555{n:04d},{'Mars' if n % 2 else ''}\n" for n in range(20)]
    loaded = imports.load_contacts(world.dialer, world.team, None, read_contacts(lines), most_ids=5)
    assert (loaded.created, len(loaded.ids), loaded.refused, len(loaded.faults)) == (10, 5, 10, 3)


def test_a_busy_phone_keeps_its_call_when_its_contact_is_edited(world: World) -> None:
    world.script({"*": Life(5, 60)})
    contact = world.contact("+12025550111")
    campaign = world.campaign([contact])
    world.run(campaign)
    edit(world, contact, phone="+12025550112")
    world.until(campaign, "completed", hours=1)
    assert rang(world) == ["+12025550111"]
    assert world.by_status(campaign) == {"completed": 1}


# ---------------------------------------------------------------------------------------------- one do-not-call


def test_a_number_on_the_list_is_do_not_call_wherever_its_contact_is_shown(world: World) -> None:
    listed, marked, callable_ = world.contact("+12025550111"), world.contact(do_not_call=True), world.contact()
    campaign = world.campaign([listed, callable_])
    contact_operations.ban_numbers(world.dialer, world.team, {"numbers": ["+12025550111"]}, actor="test")

    def found(wanted: bool) -> set[str]:
        count, rows = contact_operations.find_contacts(world.dialer, world.team, limit=50, offset=0, do_not_call=wanted)
        assert count == len(rows)
        assert all(row["do_not_call"] is wanted for row in rows)
        return {row["id"] for row in rows}

    assert (found(True), found(False)) == ({listed, marked}, {callable_})
    assert contact_operations.get_contact(world.dialer, world.team, listed)["do_not_call"] is True
    row, _ = contact_operations.edit_contact(world.dialer, world.team, listed, {"doNotCall": False}, actor="test")
    assert row["do_not_call"] is True
    made = contact_operations.create_contact(world.dialer, world.team, {"phone": "+1 202 555 0111"}, actor="test")
    (many,) = contact_operations.create_contacts(world.dialer, world.team, [{"phone": "+1 202 555 0111"}], actor="test")
    assert made["do_not_call"] is many["do_not_call"] is True
    added = list_campaign_contacts(world.dialer, world.team, campaign, None, limit=50, offset=0).contacts
    assert {m.row.contact_id: (m.row.do_not_call, m.next_call_at is None) for m in added} == {
        listed: (True, True),
        callable_: (False, False),
    }
    result = world.run(campaign, dry_run=True)
    assert result.errors == (f"Contact {listed} is marked do-not-call",)


def country(world: World, given: str | None) -> None:
    world.sql("UPDATE teams SET country = :country", country=given)


def banned(world: World) -> set[str]:
    return {row.number for row in world.sql("SELECT number FROM do_not_call")}


def test_national_numbers_are_read_with_the_teams_country_wherever_one_is_given(world: World) -> None:
    """Its caller IDs are all of one country, so that is it; unless it is given one, or one is named."""
    dialer, team = world.dialer, world.team
    assert (
        contact_operations.create_contact(dialer, team, {"phone": "(202) 555-0111"}, actor="test")["phone_e164"]
        == "+12025550111"
    )
    assert (
        contact_operations.create_contacts(dialer, team, [{"phone": "202.555.0112"}], actor="test")[0]["phone_e164"]
        == "+12025550112"
    )
    contact = world.contact()
    row, _ = contact_operations.edit_contact(dialer, team, contact, {"phone": "202 555 0113"}, actor="test")
    assert row["phone_e164"] == "+12025550113"
    assert (
        contact_operations.find_contacts(dialer, team, limit=9, offset=0, phone="1-202-555-0113")[1][0]["id"] == contact
    )
    contact_operations.ban_numbers(dialer, team, {"numbers": ["(212) 555-4834", "202,5550101"]}, actor="test")
    assert banned(world) == {"+12125554834", "+12025550101"}
    assert contact_operations.banned_numbers(dialer, team, limit=9, offset=0, number="212 555 4834")[0] == 1
    contact_operations.unban_number(dialer, team, "212-555-4834", actor="test")
    assert banned(world) == {"+12025550101"}
    country(world, "DE")
    assert (
        contact_operations.create_contact(dialer, team, {"phone": "030 23125012"}, actor="test")["phone_e164"]
        == "+493023125012"
    )
    number = {"number": "030 23125013", "carrierAccountId": f"acct_{team}"}
    assert resources.create_resource(dialer, NUMBER, team, number, actor="test")["number"] == "+493023125013"
    contact_operations.ban_numbers(dialer, team, {"numbers": ["020 7946 0123"]}, actor="test", region="GB")
    assert "+442079460123" in banned(world)
    country(world, None)
    with pytest.raises(Invalid, match="no country code"):  # caller IDs of two countries by now
        contact_operations.ban_numbers(dialer, team, {"numbers": ["030 23125099"]}, actor="test")


def test_a_contacts_number_is_taken_as_it_is_shown_whatever_the_country(world: World) -> None:
    """Imported with its country, it is printed as it was written; so that is what an operator pastes."""
    lines = ["phone\n", "030 23125012\n"]
    imports.load_contacts(world.dialer, world.team, None, read_contacts(lines), region="DE")
    shown = contact_operations.find_contacts(world.dialer, world.team, limit=9, offset=0)[1][0]["phone"]
    contact_operations.ban_numbers(world.dialer, world.team, {"numbers": [shown, "+12025550199"]}, actor="test")
    assert banned(world) == {"+493023125012", "+12025550199"}
    assert contact_operations.banned_numbers(world.dialer, world.team, limit=9, offset=0, number=shown)[0] == 1
    contact_operations.unban_number(world.dialer, world.team, shown, actor="test")
    assert banned(world) == {"+12025550199"}


def test_in_every_country_a_number_is_taken_as_it_is_shown(world: World) -> None:
    examples = filter(None, map(phonenumbers.example_number, sorted(phonenumbers.SUPPORTED_REGIONS)))
    numbers = {
        phonenumbers.format_number(each, phonenumbers.PhoneNumberFormat.NATIONAL): phonenumbers.format_number(
            each, phonenumbers.PhoneNumberFormat.E164
        )
        for each in examples
    }
    assert len(numbers) > 200
    made = [NewContact(f"cont_x{n}", shown, e164, None) for n, (shown, e164) in enumerate(numbers.items())]
    world.write(lambda conn: contacts.load(conn, world.team, made))
    contact_operations.ban_numbers(world.dialer, world.team, {"numbers": list(numbers)}, actor="test")
    assert set(numbers.values()) <= banned(world)
    every = contact_operations.find_contacts(world.dialer, world.team, limit=500, offset=0, do_not_call=True)[1]
    assert {row["phone"] for row in every} == set(numbers)


def test_the_zone_of_a_contact_is_read_with_its_number_and_the_teams_country(world: World) -> None:
    made = contact_operations.create_contact(world.dialer, world.team, {"timezone": "Eastern Time"}, actor="test")
    assert made["timezone"] == "America/New_York"
    abroad = world.contact("+61255501234")
    row, _ = contact_operations.edit_contact(world.dialer, world.team, abroad, {"timezone": "AEDT"}, actor="test")
    assert row["timezone"] == "Australia/Sydney"
    with pytest.raises(Invalid, match="America/New_York"):
        contact_operations.create_contact(world.dialer, world.team, {"timezone": "EST"}, actor="test")
    with pytest.raises(Invalid, match="Asia/Shanghai or America/Chicago"):
        contact_operations.create_contact(
            world.dialer, world.team, {"timezone": "CST", "phone": "+8613812345678"}, actor="test"
        )
