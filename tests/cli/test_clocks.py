"""What people are shown has no instant by a clock that is not theirs: in lists, in what is shown and what is edited."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.running import document, several, words
from tests.world import World
from worker.cli.clocks import on_clocks, terminal_zone
from worker.operations.keys import create_key

ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")
NOW = datetime(2027, 3, 1, 6, 0, tzinfo=UTC)  # 11:30 in Kolkata
LISTS = (
    "keys list", "dnc list", "calls list", "calls list --campaign Ours", "campaigns list", "contacts list",
    "contacts list Ours", "companies list", "assistants list", "accounts list", "numbers list", "teams list",
)  # fmt: skip


def test_no_command_shows_an_instant_by_another_clock(world: World, here: dict[str, str]) -> None:
    at_home = here | {"TZ": "Asia/Kolkata"}
    contact = world.contact("+12025550142", timezone="America/Chicago")
    campaign = world.campaign([contact], name="Ours", callWindowStart="00:00", callWindowEnd="23:59",
                              callWindowTimezone="America/New_York")  # fmt: skip
    key, _ = create_key(world.dialer, world.team, "mine", actor="t")
    world.ban("+12025550199")
    world.run(campaign)
    world.until(campaign, "completed")
    (call,) = world.calls(campaign)
    shows = (
        f"calls show {call.id}", f"contacts show {contact}", "contacts story +12025550142", "campaigns show Ours",
        "companies show comp_team_a", "assistants show asst_team_a", f"numbers show {world.numbers[0]}",
        "teams show team-a", f"contacts edit {contact} --last-name Lovelace", f"keys revoke {key.id}",
    )  # fmt: skip
    for command, answer in zip((*LISTS, *shows), several(*LISTS, *shows, **at_home), strict=True):
        said = words(answer)
        assert not ISO.search(said), f"{command}: {said}"
        assert "UTC" not in said, f"{command}: {said}"
    for command, city in {f"calls show {call.id}": "Chicago", "calls list": "Chicago", "dnc list": "Kolkata",
                          "keys list": "Kolkata", f"contacts show {contact}": "Chicago"}.items():  # fmt: skip
        (answer,) = several(command, **at_home)
        assert city in words(answer), command
    (as_json,) = several("dnc list --json", **at_home)
    assert ISO.match(document(as_json)["numbers"][0]["created_at"]), "programs have UTC"


def test_an_edit_says_instants_by_the_campaigns_clock(world: World, here: dict[str, str]) -> None:
    campaign = world.campaign(callWindowStart="09:00", callWindowEnd="17:00", callWindowTimezone="America/New_York")
    later = (world.now + timedelta(days=9)).isoformat()
    (edited,) = several(["campaigns", "edit", campaign, "--scheduled-end-at", later], **here | {"TZ": "Asia/Kolkata"})
    assert re.search(r"scheduled end at +- -> 2027-03-10 12:00 New York, in ", words(edited))


@pytest.mark.parametrize(
    ("fields", "zone", "said"),
    [
        ({"created_at": "2027-03-01T05:00:00Z"}, None, "10:30 Kolkata, 1 h ago"),
        ({"created_at": "2027-03-01T05:00:00Z", "timezone": "Europe/Berlin"}, None, "06:00 Berlin, 1 h ago"),
        ({"created_at": "2027-03-01T05:00:00Z", "timezone": "Europe/Berlin"}, "Asia/Tokyo", "14:00 Tokyo, 1 h ago"),
        ({"created_at": None}, None, None),
        ({"created_at": "now"}, None, "now"),
        ({"name": "2027-03-01T05:00:00Z"}, None, "2027-03-01T05:00:00Z"),
    ],
)
def test_an_instant_is_said_on_the_clock_of_whom_it_is_about(
    fields: dict[str, str | None], zone: str | None, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", ":Asia/Kolkata")
    (first, *_) = on_clocks(fields, zone=zone, now=NOW).values()
    assert first == said


def test_a_terminal_that_names_no_zone_has_that_of_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "")
    assert terminal_zone() is None or "/" in str(terminal_zone()) or str(terminal_zone()).isalnum()
    monkeypatch.setenv("TZ", "Mars/Olympus")
    assert on_clocks({"at_at": "2027-03-01T05:00:00Z"}, now=NOW) == {"at_at": "05:00 UTC, 1 h ago"}
