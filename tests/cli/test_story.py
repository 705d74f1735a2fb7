"""All about one person, and the calls of a team, on a terminal of eighty columns."""

from __future__ import annotations

import pytest

from tests.at_work import AHEAD
from tests.cli.running import dialer, document, sentence, several, words
from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.simulator.lives import Life


@pytest.fixture
def ada(world: World) -> str:
    """Somebody who was busy once, and is to be called again tomorrow by their own clock."""
    contact = world.contact(first_name="Ada", last_name="Byron", external_id="crm-1", timezone="America/New_York")
    world.script({"*": Life(1, ending=Status.BUSY, sip_code=486)})
    window = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": "Europe/London"}
    name = "Spring trade show, people we met on the second day"
    campaign = world.campaign([contact], name=name, retryDelayMinutes=720, **window)
    world.run(campaign)
    world.advance(60)
    world.edit_contact(contact, doNotCall=False, tags=["met"])
    world.sql(f"UPDATE ticks SET last_at = clock_timestamp() + interval '{AHEAD}'")  # somebody is at work
    return contact


def test_a_person_is_found_by_any_sign_and_told_all_about_in_eighty_columns(
    world: World, here: dict[str, str], ada: str
) -> None:
    by_id, by_number, by_external, program, nobody = several(
        f"contacts story {ada}",
        ["contacts", "story", world.phone(ada)],
        "contacts story crm-1",
        f"contacts story {ada} --json",
        "contacts story crm-2",
        **here,
    )
    shown = words(by_id)
    lines = shown.splitlines()
    assert words(by_number).splitlines()[0] == words(by_external).splitlines()[0] == lines[0]
    assert all(len(line) <= 80 for line in lines)
    assert lines[0] == f"Ada Byron, {world.phone(ada)} ({ada}, known as crm-1)"
    said = " ".join(shown.split())
    assert "May be called: neither marked do-not-call nor on the list." in said
    assert "is open at Tue 09:00 New York" in said
    assert "busy (sip 486: busy here)" in said
    assert "ended, busy, SIP 486: busy here" in said
    assert "edit contact: do_not_call, tags, by test" in said
    assert [call["disposition"] for call in document(program)["calls"]] == ["busy"]
    assert sentence(nobody) == "No contact with id crm-2; give an id, an external id or a phone number of this team."
    world.finish_all()


def test_who_shares_a_number_is_named(world: World, here: dict[str, str]) -> None:
    first, second = world.contact("+12025550199"), world.contact("+12025550199")
    shown = sentence(dialer("contacts", "story", "+12025550199", **here))
    assert shown == f"Several contacts have the number +12025550199: {second}, {first}. Name one by its id."


def test_calls_are_listed_and_shown(world: World, here: dict[str, str], ada: str) -> None:
    call = world.all_calls()[0]
    listed, busy, none, shown, wrong, both = several(
        "calls list",
        "calls list --disposition busy --limit 1",
        "calls list --disposition answered --json",
        f"calls show {call.id}",
        "calls list --from yesterday",
        "calls list --after 1.x --offset 1",
        **here,
    )
    assert call.id in words(listed)
    assert "busy (sip 486: busy here)" in words(listed)
    assert "More: --after " in busy.stderr
    assert document(none)["calls"] == []
    assert "SIP 486: busy here" in words(shown)
    assert sentence(wrong).startswith("--from: Give an ISO 8601 date and time with an offset")
    assert "Say --after or --offset, not both." in both.stderr
    world.finish_all()


def test_contacts_of_a_campaign_are_chosen_by_a_filter(world: World, here: dict[str, str]) -> None:
    world.contacts(2, tags=["vip"])
    campaign = world.campaign(world.contacts(1))
    added, again, back, removed, nobody, wrong = several(
        f"campaigns add {campaign} --tag vip",
        f"campaigns add {campaign} --tag vip",
        f"campaigns requeue {campaign} --status failed --tag vip",
        f"campaigns remove {campaign} --status pending --tag vip --json",
        f"campaigns remove {campaign}",
        f"campaigns remove {campaign} --status done",
        **here,
    )
    assert words(added) == "Added 2 contacts of 2 that match."
    assert words(again) == "Added 0 contacts of 2 that match; the others were in it already."
    assert words(back) == "Put 0 contacts of 0 that match back."
    assert document(removed) == {"removed": 2, "matched": 2, "kept": 0}
    assert "Say which contacts: give at least one option." in nobody.stderr
    assert "--status" in sentence(wrong)
