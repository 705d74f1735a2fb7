"""The life of a campaign from a terminal: each command a process, judged by what it says and how it ends."""

from __future__ import annotations

import json
from typing import Any

from tests.cli.running import answered, dialer, sentence
from tests.world import World
from worker.api import views
from worker.domain.campaign import FIELDS
from worker.flow.look import find_campaign
from worker.flow.progress import read_progress

POLICY = {
    "name": "Q1 Trade Show ☎",
    "description": "Leads of January",
    "call-window-start": "09:00",
    "call-window-end": "17:00",
    "call-window-timezone": "America/New_York",
    "max-concurrent-calls": "5",
    "max-attempts-per-contact": "2",
    "retry-delay-minutes": "30",
    "settings": '{"retryDelays": {"busy": 10}}',
}


def test_a_campaign_is_made_scheduled_run_paused_resumed_cancelled_deleted_and_restored(
    world: World, here: dict[str, str]
) -> None:
    parts = {"assistant-id": "asst_team_a", "company-id": "comp_team_a"}
    options = [word for name, value in (POLICY | parts).items() for word in (f"--{name}", value)]
    numbers = [word for number in world.numbers for word in ("--from-number-id", number)]
    made = dialer("campaigns", "create", *options, *numbers, **here)
    campaign = made.stdout.strip()
    assert (made.returncode, made.stderr, made.stdout) == (0, "", f"{campaign}\n")

    def shown() -> dict[str, Any]:
        return views.campaign(find_campaign(world.dialer, world.team, campaign))

    def do(verb: str, *more: str) -> str:
        answer = dialer("campaigns", verb, campaign, *more, **here)
        assert (answer.returncode, answer.stderr) == (0, "")
        return answer.stdout.replace(campaign, "ID")

    assert shown()["from_number_ids"] == world.numbers
    assert {name: str(shown()[name.replace("-", "_")]) for name in POLICY if name != "settings"} == {
        name: value for name, value in POLICY.items() if name != "settings"
    }
    contacts = [world.contact(), world.contact()]
    added = dialer("contacts", "add", campaign, "-", given="\n".join([*contacts, ""]), **here)
    assert (added.returncode, added.stdout) == (0, "Added 2 contacts.\n")

    assert do("schedule", "--scheduled-start-at", "2027-03-01T18:00:00Z") == (
        "Campaign ID is scheduled for 2027-03-01T18:00:00Z.\n"
    )
    assert do("unschedule") == "Campaign ID is draft.\n"
    assert do("edit", "--max-concurrent-calls", "1", "--description", "") == "Campaign ID is draft.\n"
    assert (shown()["max_concurrent_calls"], shown()["description"]) == (1, None)
    dry = do("run", "--dry-run").splitlines()
    assert (dry[0], dry[2].split(), dry[-1]) == (
        "Would start 1 call.", [contacts[0], "+12025550001", world.phone(contacts[0])], "1 contact still waiting.",
    )  # fmt: skip
    assert shown()["status"] == "draft"
    run = answered("campaigns", "run", campaign, "--max-calls", "1", **here)
    assert (run["started"], run["remaining"], run["dryRun"], run["calls"][0]["contact_id"]) == (
        1, 1, False, contacts[0],
    )  # fmt: skip
    assert run["runId"] == shown()["run_id"]

    seen = answered("campaigns", "show", campaign, **here)
    assert seen.pop("success")
    assert seen == {
        "campaign": shown(),
        "progress": views.progress(read_progress(world.dialer, world.team, campaign)),
    }
    words = do("show")
    assert words.splitlines()[0] == f"{POLICY['name']}: {seen['progress']['activity']['message']}"
    assert "1 of 1 calls used" in words

    assert do("pause") == "Campaign ID is paused.\n"
    assert do("resume") == "Campaign ID is running.\n"
    assert do("cancel", "--hang-up") == "Campaign ID is cancelled.\n"
    assert do("delete") == "Campaign ID is deleted.\n"
    listed = answered("campaigns", "list", "--deleted", "only", "--status", "cancelled", **here)
    assert listed == {"success": True, "campaigns": [shown()], "count": 1, "limit": 50, "offset": 0}
    assert do("restore") == "Campaign ID is cancelled.\n"
    again = dialer("campaigns", "cancel", campaign, **here)
    assert again.returncode == 2
    assert "is cancelled and cannot become cancelled" in sentence(again)
    actions = world.sql("SELECT actor, action FROM audit_log WHERE subject_id = :id AND action = 'pause'", id=campaign)
    assert actions == [("cli", "pause")]
    world.finish_all()


def test_create_takes_what_the_api_takes_under_its_names(here: dict[str, str]) -> None:
    said = dialer("campaigns", "create", "--help", **here).stdout
    options = {"".join(f"-{sign.lower()}" if sign.isupper() else sign for sign in field) for field in FIELDS}
    options = options - {"team-id", "from-number-ids"} | {"team", "from-number-id"}
    assert {option for option in options if f"--{option} " not in said} == set()


def test_contacts_are_made_found_edited_taken_out_and_put_back(world: World, here: dict[str, str]) -> None:
    fields = ["--first-name", "Ada", "--phone", "+1 202 555 0142", "--tag", "vip", "--tag", "new"]
    contact = dialer("contacts", "create", *fields, "--custom-fields", '{"plan": "gold"}', **here).stdout.strip()
    row = answered("contacts", "show", contact, **here)["contact"]
    assert (row["phone_e164"], row["tags"], row["custom_fields"]) == ("+12025550142", ["vip", "new"], {"plan": "gold"})
    lame = dialer("contacts", "create", "--phone", "12", **here)
    assert (lame.returncode, lame.stderr) == (0, "It will not be called: invalid number.\n")
    campaign = world.campaign([contact, lame.stdout.strip()], maxAttemptsPerContact=5)
    edited = answered("contacts", "edit", contact, "--timezone", "Asia/Tokyo", "--tag", "", **here)["contact"]
    assert (edited["timezone"], edited["tags"]) == ("Asia/Tokyo", [])
    assert world.entry(campaign, contact).zone == "Asia/Tokyo"
    found = answered("contacts", "list", "--phone", "+12025550142", "--may-be-called", **here)
    assert found["contacts"] == [edited]
    inside = answered("contacts", "list", campaign, "--status", "failed", **here)
    assert [(one["contact_id"], one["reason"]) for one in inside["contacts"]] == [
        (lame.stdout.strip(), "invalid_number")
    ]
    back = dialer("contacts", "requeue", campaign, contact, lame.stdout.strip(), **here)
    assert (back.returncode, back.stderr) == (1, "")
    assert back.stdout == (
        f"Put 0 contacts back.\n  Contact {lame.stdout.strip()} has an invalid phone number; correct it first.\n"
    )
    world.edit_contact(lame.stdout.strip(), phone="+12025550143")
    assert answered("contacts", "requeue", campaign, lame.stdout.strip(), **here)["requeued"] == 1
    assert world.by_status(campaign) == {"pending": 1, "queued": 1}
    removed = dialer("contacts", "remove", campaign, contact, lame.stdout.strip(), **here)
    assert removed.stdout == "Removed 2 contacts.\n"


def test_a_campaign_paused_while_redis_is_away_is_paused(world: World, here: dict[str, str]) -> None:
    campaign = world.campaign(world.contacts(2))
    world.reserve(campaign)
    answer = dialer("campaigns", "pause", campaign, **here | {"REDIS_URL": "redis://127.0.0.1:1/0"})
    assert (answer.returncode, answer.stdout) == (0, f"Campaign {campaign} is paused.\n")
    assert "Traceback" not in answer.stderr
    assert world.status(campaign) == "paused"
    world.finish_all()


def test_the_list_of_numbers_nobody_calls_is_kept(here: dict[str, str], world: World) -> None:
    banned = dialer("dnc", "add", "+12025550142", "+1 202 555 0143", "--reason", "asked", **here)
    assert banned.stdout == "Added 2 numbers.\n"
    wrong = dialer("dnc", "add", "+12025550144", "12025", "x", **here)
    assert wrong.returncode == 2
    assert sentence(wrong).startswith("'12025': The number has no country code")
    assert "'x': This is not a phone number" in sentence(wrong)
    listed = answered("dnc", "list", **here)
    assert ([n["number"] for n in listed["numbers"]], listed["count"]) == (["+12025550143", "+12025550142"], 2)
    assert dialer("dnc", "remove", "+1 202 555 0142", **here).stdout == "Removed 1 number.\n"
    assert dialer("dnc", "remove", "+1 202 555 0142", **here).returncode == 3
    assert json.loads(dialer("dnc", "list", "--json", **here).stdout)["count"] == 1
