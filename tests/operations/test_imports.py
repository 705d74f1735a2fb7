from __future__ import annotations

from time import monotonic

import pytest

from tests.world import World
from worker.domain.contact_file import read_contacts
from worker.domain.errors import NotFound
from worker.operations import campaigns
from worker.operations.imports import load_contacts

COMPANY = "comp_team_a"


def test_everything_a_line_says_is_kept(world: World) -> None:
    lines = [
        "phone,firstName,lastName,phoneSecondary,timezone,doNotCall,email,tags,Plan\n",
        '+1 (202) 555-0123,Ada,Byron,12,Europe/London,yes,ada@example.com,vip;a b,"gold, ""new"" \\ {}"\n',
    ]
    loaded = load_contacts(world.dialer, world.team, COMPANY, read_contacts(lines))
    (row,) = world.sql("SELECT * FROM contacts")
    assert (row.id, row.team_id, row.company_id) == (loaded.ids[0], world.team, COMPANY)
    assert (row.phone, row.phone_e164, row.phone_fault) == ("+1 (202) 555-0123", "+12025550123", None)
    assert (row.first_name, row.last_name, row.phone_secondary) == ("Ada", "Byron", "12")
    assert (row.timezone, row.do_not_call, row.email) == ("Europe/London", True, "ada@example.com")
    assert (row.tags, row.custom_fields) == (["vip", "a b"], {"plan": 'gold, "new" \\ {}'})


def test_text_that_copy_gives_a_meaning_to_arrives_as_it_was_written(world: World) -> None:
    awkward = ["\\N", "\\.", "a\\tb", "tab\there", "{}", "NULL", "O'Brien", "naïve ☎", "%s"]
    lines = ["phone,firstName,note\n", *(f"+1202555{n:04d},{text},{text}\n" for n, text in enumerate(awkward))]
    loaded = load_contacts(world.dialer, world.team, None, read_contacts(lines))
    rows = {row.id: row for row in world.sql("SELECT id, first_name, custom_fields FROM contacts")}
    assert [rows[contact].first_name for contact in loaded.ids] == awkward
    assert [rows[contact].custom_fields for contact in loaded.ids] == [{"note": text} for text in awkward]


@pytest.mark.parametrize(
    ("phone", "region", "e164", "fault"),
    [
        ("+12025550123", None, "+12025550123", None),
        ("202 555 0123", "US", "+12025550123", None),
        ("202 555 0123", None, None, "invalid_number"),
        ("", None, None, "no_phone_number"),
    ],
)
def test_a_number_that_cannot_be_called_is_kept_with_its_reason(
    world: World, phone: str, region: str | None, e164: str | None, fault: str | None
) -> None:
    lines = ["phone,firstName\n", f"{phone},Ada\n"]
    loaded = load_contacts(world.dialer, world.team, None, read_contacts(lines), region=region)
    assert len(loaded.ids) == 1
    assert world.sql("SELECT phone, phone_e164, phone_fault FROM contacts") == [(phone or None, e164, fault)]


def test_what_is_loaded_can_be_put_into_a_campaign_in_the_order_of_the_file(world: World) -> None:
    lines = ["phone\n", "+12025550102\n", "+12025550101\n", "12\n"]
    loaded = load_contacts(world.dialer, world.team, COMPANY, read_contacts(lines))
    campaign = world.campaign()
    assert campaigns.add_contacts(world.dialer, campaign, loaded.ids, actor="test")[0].new == 3
    rows = world.sql(
        "SELECT contact_id, status FROM campaign_contacts WHERE campaign_id = :id ORDER BY id", id=campaign
    )
    assert rows == list(zip(loaded.ids, ["pending", "pending", "failed"], strict=True))


def test_a_company_of_another_team_is_not_found_and_nothing_is_loaded(world: World) -> None:
    world.another_team("team_b")
    with pytest.raises(NotFound, match="comp_team_b"):
        load_contacts(world.dialer, world.team, "comp_team_b", read_contacts(["phone\n", "+12025550123\n"]))
    assert world.sql("SELECT count(*) FROM contacts")[0][0] == 0


def test_ten_thousand_contacts_are_loaded_and_added_in_seconds(world: World) -> None:
    """About one second on two cores; a statement for each contact would take ten times as long."""
    lines = ["phone,firstName,plan\n", *(f"+1{212 + n // 1000}555{n % 1000:04d},Ada,gold\n" for n in range(10_000))]
    began = monotonic()
    loaded = load_contacts(world.dialer, world.team, COMPANY, read_contacts(lines))
    assert campaigns.add_contacts(world.dialer, world.campaign(), loaded.ids, actor="test")[0].new == 10_000
    assert monotonic() - began < 15, "generous, for the machine may be busy"
