"""What a campaign needs, made from a terminal; and who owns it."""

from __future__ import annotations

from tests.cli.running import document, sentence, several, words
from tests.world import World
from worker.operations.keys import who_bears


def test_what_a_campaign_needs_is_made_listed_shown_and_edited(world: World, here: dict[str, str]) -> None:
    made = several(
        "companies add --name Acme",
        "accounts add --name Sim --carrier simulator --calls-per-second 2.5",
        "assistants add --name Ann --stream-url wss://a.example --json",
        **here,
    )
    company, account, assistant = words(made[0]), words(made[1]), document(made[2])["assistant"]
    added, renamed, listed, paged, shown, edited = several(
        ["numbers", "add", "--number", "+1 202 555 0199", "--carrier-account-id", account, "--disabled"],
        ["companies", "edit", company, "--name", "Acme & Co", "--json"],
        "companies list --limit 1 --json",
        "companies list --limit 1 --offset 1",
        f"assistants show {assistant['id']} --json",
        ["accounts", "edit", account, "--calls-per-second", "", "--json"],
        **here,
    )
    assert document(renamed)["company"]["name"] == "Acme & Co"
    assert [one["id"] for one in document(listed)["companies"]] == [company]
    assert paged.stderr == "2-2 of 2; --limit and --offset show others.\n"
    assert paged.stdout.splitlines()[1].split() == ["comp_team_a", "A", "company"]
    assert document(shown)["assistant"] == assistant
    account_now = document(edited)["carrier_account"]
    assert (account_now["calls_per_second"], account_now["max_concurrent_calls"]) == (None, 100)
    enabled, disabled = several(f"numbers enable {words(added)} --json", f"numbers disable {words(added)}", **here)
    assert document(enabled)["phone_number"]["enabled"] is True
    assert words(disabled) == "enabled  yes -> no"


def test_a_team_is_made_and_limited_and_must_be_named_once_there_are_two(world: World, here: dict[str, str]) -> None:
    campaign = world.campaign()
    added, limited, unnamed, theirs, by_slug, by_id = several(
        "teams add --slug sales --name Sales --json",
        "teams edit sales --max-concurrent-calls 7 --json",
        "campaigns list",
        f"campaigns show {campaign} --team sales",
        "campaigns list --team team-a --json",
        "campaigns list --team team_a --json",
        **here,
    )
    team = document(added)["team"]
    assert (team["slug"], team["max_concurrent_calls"]) == ("sales", 100)
    assert document(limited)["team"] == team | {"max_concurrent_calls": 7}
    assert (unnamed.returncode, sentence(unnamed)) == (
        2, "There are 2 teams; say which with --team: sales, team-a.",
    )  # fmt: skip
    assert (theirs.returncode, sentence(theirs)) == (3, f"No campaign with id {campaign}; check the id and the team.")
    assert document(by_slug) == document(by_id)
    (named,) = several("campaigns list --json", DIALER_TEAM="sales", **here)
    assert document(named)["count"] == 0


def test_a_key_is_said_once_and_opens_nothing_when_it_is_revoked(world: World, here: dict[str, str]) -> None:
    made, listed = several("keys create --name crm", "keys list", **here)
    token = made.stdout.strip()
    bearer = who_bears(world.dialer, token)
    assert bearer is not None
    assert made.stderr == f"Keep it well: key {bearer.key_id} is shown this once.\n"
    assert bearer.key_id in words(listed)
    assert token.rpartition("_")[2] not in words(listed)
    (revoked,) = several(f"keys revoke {bearer.key_id} --json", **here)
    assert document(revoked)["key"]["revoked_at"] is not None
    assert who_bears(world.dialer, token) is None
