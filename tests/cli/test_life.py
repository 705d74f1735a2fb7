"""The life of a campaign from a terminal, judged by what each command says and how it ends."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.cli.running import dialer, document, sentence, several, words
from tests.world import World
from worker.operations import views
from worker.operations.campaigns import get_campaign
from worker.operations.progress import read_progress

POLICY = {
    "name": "Q1 Trade Show ☎",
    "description": "Leads of January",
    "call-window-start": "09:00",
    "call-window-end": "17:00",
    "call-window-timezone": "America/New_York",
    "max-concurrent-calls": "5",
    "max-attempts-per-contact": "2",
    "retry-delay-minutes": "30",
}
OTHERS = {"assistant-id": "asst_team_a", "company-id": "comp_team_a", "settings": '{"retryDelays": {"busy": 10}}'}

pytestmark = pytest.mark.usefixtures("at_work")


def shown(world: World, campaign: str) -> dict[str, Any]:
    return get_campaign(world.dialer, world.team, campaign)


def test_a_campaign_is_made_filled_run_watched_and_stopped_by_processes(world: World, here: dict[str, str]) -> None:
    options = [word for name, value in (POLICY | OTHERS).items() for word in (f"--{name}", value)]
    numbers = [word for number in world.numbers for word in ("--from-number-id", number)]
    campaign = words(dialer("campaigns", "create", *options, *numbers, **here))
    made = shown(world, campaign)
    assert {name: str(made[name.replace("-", "_")]) for name in POLICY} == POLICY
    assert (made["from_number_ids"], made["settings"]) == (world.numbers, {"retryDelays": {"busy": 10}})

    contacts = [world.contact(), world.contact()]
    added = dialer("contacts", "add", campaign, "-", given="\n".join([*contacts, ""]), **here)
    assert words(added) == "Added 2 contacts."
    run = document(dialer("campaigns", "run", campaign, "--max-calls", "1", "--json", **here))
    assert (run["started"], run["remaining"], run["dryRun"]) == (1, 1, False)
    assert (run["calls"][0]["contact_id"], run["runId"]) == (contacts[0], shown(world, campaign)["run_id"])
    assert document(dialer("campaigns", "show", campaign, "--json", **here)) == {
        "campaign": shown(world, campaign),
        "progress": views.progress(read_progress(world.dialer, world.team, campaign)),
    }
    assert words(dialer("campaigns", "cancel", campaign, "--hang-up", **here)) == f"Campaign {campaign} is cancelled."
    world.finish_all()


def test_a_campaign_goes_wherever_its_life_can_take_it(world: World, here: dict[str, str]) -> None:
    contact = world.contact()
    campaign = world.campaign([contact], description="Ours")
    scheduled, draft, edited, dry, running, seen, paused, resumed, cancelled, twice, deleted, listed, restored = (
        several(
            f"campaigns schedule {campaign} --scheduled-start-at 2027-03-01T18:00:00Z",
            f"campaigns unschedule {campaign}",
            ["campaigns", "edit", campaign, "--max-concurrent-calls", "1", "--description", ""],
            f"campaigns run {campaign} --dry-run",
            f"campaigns run {campaign} --account-slug team-a --max-calls 5",
            f"campaigns show {campaign}",
            f"campaigns pause {campaign}",
            f"campaigns resume {campaign}",
            f"campaigns cancel {campaign}",
            f"campaigns cancel {campaign}",
            f"campaigns delete {campaign}",
            "campaigns list --deleted only --status cancelled --json",
            f"campaigns restore {campaign}",
            **here,
        )
    )
    assert words(scheduled) == f"Campaign {campaign} is scheduled. The campaign starts: 18:00 UTC, in 1 h."
    said = {"draft": draft, "paused": paused, "running": resumed}
    for state, answer in (said | {"deleted": deleted, "cancelled": cancelled}).items():
        assert words(answer) == f"Campaign {campaign} is {state}."
    assert words(restored) == words(cancelled)
    first, _, call, last = words(dry).splitlines()
    assert first.startswith("Would start 1 call; this campaign has no call window")
    assert (call.split(), last) == ([contact, "+12025550001", world.phone(contact)], "0 contacts still waiting.")
    assert words(running).startswith("Started 1 call; this campaign has no call window")
    assert words(seen).startswith("A campaign: ")
    assert "open, opened by cli, 1 of 5 calls used" in words(seen)
    assert words(twice) == words(cancelled)
    now = shown(world, campaign)
    assert (now["max_concurrent_calls"], now["description"]) == (1, None)
    assert words(edited).splitlines() == [
        words(draft),
        "description           Ours -> -",
        "max concurrent calls  3 -> 1",
    ]
    assert document(listed) | {"campaigns": ["one"]} == {"campaigns": ["one"], "count": 1, "limit": 50, "offset": 0}
    assert [(row.actor, row.action) for row in world.sql("SELECT * FROM audit_log ORDER BY id DESC LIMIT 3")] == [
        ("cli", "restore"), ("cli", "delete"), ("cli", "cancel"),
    ]  # fmt: skip
    world.finish_all()


def test_a_run_counts_who_cannot_be_called_by_cause_and_names_a_few(world: World, here: dict[str, str]) -> None:
    banned = [world.contact(first_name=f"Person{n}", last_name="Ray", do_not_call=True) for n in range(12)]
    nameless = world.contact(None)
    campaign = world.campaign([*banned, nameless, world.contact()])
    dry, ran = several(f"campaigns run {campaign} --dry-run --all", f"campaigns run {campaign}", **here)
    started, *lines, last = words(ran).splitlines()
    assert started.startswith("Started 1 call; ")
    named = [f"Person{n} Ray {world.phone(each)}" for n, each in enumerate(banned)]
    assert lines == [
        "13 contacts cannot be called:",
        f"  12 are marked do-not-call: {', '.join(named[:3])}, …",
        f"  1 has no phone number: {nameless}",
    ]
    assert f"  12 are marked do-not-call: {', '.join(named)}" in words(dry).splitlines()
    assert last == "0 contacts still waiting."
    world.finish_all()


def test_a_run_takes_the_place_of_an_open_one_only_where_that_is_meant(world: World, here: dict[str, str]) -> None:
    campaign = world.campaign(world.contacts(3), maxConcurrentCalls=1)
    first, refused, dry, replaced, shown = several(
        f"campaigns run {campaign} --json",
        f"campaigns run {campaign}",
        f"campaigns run {campaign} --dry-run",
        f"campaigns run {campaign} --replace",
        f"campaigns run {campaign} --replace --json",
        **here,
    )
    old = document(first)["runId"]
    assert document(first)["replacedRunId"] is None
    assert refused.returncode == 2
    assert sentence(refused) == (
        f"Campaign {campaign} has an open run, {old}, which a new one would replace. "
        "Say --replace if it is to, or nothing to let the open one go on."
    )
    assert f"would replace run {old}" in words(dry)
    assert f"replaced run {old}" in words(replaced)
    now = document(shown)
    assert now["replacedRunId"] not in (old, None, now["runId"])
    assert len(world.sql("SELECT * FROM runs")) == 3
    world.cancel(campaign, hang_up=True)
    world.finish_all()


def test_a_setting_that_is_nearly_one_of_ours_is_shown_beside_the_id(world: World, here: dict[str, str]) -> None:
    command = ["campaigns", "create", "--name", "A", "--assistant-id", "asst_team_a", "--company-id", "comp_team_a"]
    command += ["--from-number-id", world.numbers[0], "--settings", '{"retry_delays": {}}']
    made, as_json = several(command, [*command, "--json"], **here)
    warning = "settings.retry_delays is kept but does nothing; did you mean settings.retryDelays?"
    assert (made.returncode, made.stderr) == (0, f"Warning: {warning}\n")
    assert document(as_json)["warnings"] == [warning]
    edited, corrected = several(
        ["campaigns", "edit", made.stdout.strip(), "--settings", '{"retry_delays": {}}'],
        ["campaigns", "edit", made.stdout.strip(), "--settings", "{}", "--json"],
        **here,
    )
    assert (edited.returncode, edited.stderr) == (0, f"Warning: {warning}\n")
    assert "warnings" not in document(corrected)


def test_an_instant_that_has_passed_is_shown_nowhere_who_is_due_is_due_now(world: World, here: dict[str, str]) -> None:
    campaign = world.campaign(world.contacts(2), maxConcurrentCalls=1)
    look = (f"campaigns show {campaign}", f"contacts list {campaign}", f"campaigns show {campaign} --json")
    draft, waiting, _ = several(*look, **here)
    assert "next due" not in words(draft)
    assert words(waiting).count("when the campaign runs") == 2
    world.run(campaign)
    world.sql("UPDATE campaigns SET next_wake_at = next_wake_at - interval '1 hour'")
    running, waiting, shown = several(*look, **here)
    assert re.search(r"^next due +now$", words(running), re.MULTILINE)
    assert re.search(r"pending +0 +now", words(waiting))
    progress = document(shown)["progress"]
    assert min(progress["next_due_at"], progress["next_wake_at"]) >= f"{world.now:%Y-%m-%dT%H:%M:%SZ}"
    world.finish_all()


def test_contacts_are_made_found_edited_put_back_and_taken_out(world: World, here: dict[str, str]) -> None:
    fields = ["--first-name", "Ada", "--phone", "+1 202 555 0142", "--tag", "vip", "--tag", "new", "--timezone", ""]
    ada, lame = several(
        ["contacts", "create", *fields, "--custom-fields", '{"plan": "gold"}'], "contacts create --phone 12", **here
    )
    contact, other = words(ada), lame.stdout.strip()
    assert (lame.returncode, lame.stderr) == (0, "It will not be called: invalid number.\n")
    campaign = world.campaign([contact, other])
    shown, edited, found, inside, refused = several(
        f"contacts show {contact} --json",
        ["contacts", "edit", contact, "--timezone", "Asia/Tokyo", "--tag", "", "--json"],
        "contacts list --phone +12025550142 --may-be-called --json",
        f"contacts list {campaign} --status failed --json",
        f"contacts requeue {campaign} {contact} {other}",
        **here,
    )
    before, after = document(shown)["contact"], document(edited)["contact"]
    assert (before["tags"], before["custom_fields"], before["timezone"]) == (["vip", "new"], {"plan": "gold"}, None)
    edits = {"timezone": "Asia/Tokyo", "tags": [], "place": "JP,US-DC:*"}
    assert after == before | edits | {"updated_at": after["updated_at"]}
    assert document(found)["contacts"] == [after]
    assert [(c["contact_id"], c["reason"]) for c in document(inside)["contacts"]] == [(other, "invalid_number")]
    assert (refused.returncode, refused.stdout) == (
        1, f"Put 0 contacts back.\n  1: has an invalid phone number; correct it first: {other}\n",
    )  # fmt: skip
    world.edit_contact(other, phone="+12025550143")
    back, removed = several(
        f"contacts requeue {campaign} {other} --json", f"contacts remove {campaign} {contact} {other}", **here
    )
    assert document(back) == {"requeued": 1, "errors": []}
    assert words(removed) == "Removed 2 contacts."
    assert world.by_status(campaign) == {}


def test_the_list_of_numbers_nobody_calls_is_kept(world: World, here: dict[str, str]) -> None:
    added, wrong, listed, removed, again, left = several(
        "dnc add +12025550142 +12025550143 --reason asked",
        "dnc add +12025550144 12025 x",
        "dnc list --json",
        ["dnc", "remove", "+1 202 555 0142"],
        ["dnc", "remove", "+1 202 555 0142"],
        "dnc list",
        **here,
    )
    assert words(added) == "Added 2 numbers."
    assert wrong.returncode == 2
    assert sentence(wrong).startswith("'12025': The number is too short")
    assert "'x': This is not a phone number" in sentence(wrong)
    assert [n["number"] for n in document(listed)["numbers"]] == ["+12025550143", "+12025550142"]
    assert words(removed) == "Removed 1 number."
    assert again.returncode == 3
    assert words(left).splitlines()[1].startswith("+12025550143")
    assert len(words(left).splitlines()) == 2


def test_a_campaign_paused_while_redis_is_away_is_paused(world: World, here: dict[str, str]) -> None:
    campaign = world.campaign(world.contacts(2))
    world.reserve(campaign)
    answer = dialer("campaigns", "pause", campaign, **here | {"REDIS_URL": "redis://127.0.0.1:1/0"})
    assert (answer.returncode, answer.stdout) == (0, f"Campaign {campaign} is paused.\n")
    assert "Traceback" not in answer.stderr
    assert world.status(campaign) == "paused"
    world.finish_all()
