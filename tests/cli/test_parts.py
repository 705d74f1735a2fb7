"""What a campaign needs, made from a terminal; and who owns it."""

from __future__ import annotations

from tests.cli.running import answered, dialer, sentence
from tests.world import World
from worker.flow.keys import who_bears


def test_what_a_campaign_needs_is_made_listed_shown_and_edited(world: World, here: dict[str, str]) -> None:
    def new(*words: str) -> str:
        answer = dialer(*words, **here)
        assert (answer.returncode, answer.stderr) == (0, "")
        (made,) = answer.stdout.splitlines()
        return made

    company = new("companies", "add", "--name", "Acme")
    account = new("accounts", "add", "--name", "Sim", "--carrier", "simulator", "--calls-per-second", "2.5")
    number = new("numbers", "add", "--number", "+1 202 555 0199", "--carrier-account-id", account, "--disabled")
    assistant = answered("assistants", "add", "--name", "Ann", "--stream-url", "wss://a.example", **here)["assistant"]
    assert answered("companies", "edit", company, "--name", "Acme & Co", **here)["company"]["name"] == "Acme & Co"
    assert [one["id"] for one in answered("companies", "list", "--limit", "1", **here)["companies"]] == [company]
    page = dialer("companies", "list", "--limit", "1", **here)
    assert (page.stdout.split(), page.stderr) == (
        ["id", "name", company, "Acme", "&", "Co"], "1-1 of 2; --limit and --offset show others.\n",
    )  # fmt: skip
    assert answered("assistants", "show", assistant["id"], **here)["assistant"] == assistant
    edited = answered("accounts", "edit", account, "--calls-per-second", "", **here)["carrier_account"]
    assert (edited["calls_per_second"], edited["max_concurrent_calls"]) == (None, 100)
    assert answered("numbers", "enable", number, **here)["phone_number"]["enabled"] is True
    assert "enabled               no" in dialer("numbers", "disable", number, **here).stdout.splitlines()


def test_a_team_is_made_and_limited_and_must_be_named_once_there_are_two(world: World, here: dict[str, str]) -> None:
    team = answered("teams", "add", "--slug", "sales", "--name", "Sales", **here)["team"]
    assert (team["slug"], team["max_concurrent_calls"]) == ("sales", 100)
    limited = answered("teams", "edit", "sales", "--max-concurrent-calls", "7", **here)["team"]
    assert limited == team | {"max_concurrent_calls": 7}
    nobody = dialer("campaigns", "list", **here)
    assert (nobody.returncode, sentence(nobody)) == (
        2, "There are 2 teams; say which with --team: sales, team-a.",
    )  # fmt: skip
    campaign = world.campaign()
    theirs = dialer("campaigns", "show", campaign, "--team", "sales", **here)
    assert (theirs.returncode, sentence(theirs)) == (3, f"No campaign with id {campaign}; check the id and the team.")
    for named in ("team-a", "team_a"):
        assert answered("campaigns", "list", DIALER_TEAM=named, **here)["count"] == 1


def test_a_key_is_said_once_and_opens_nothing_when_it_is_revoked(world: World, here: dict[str, str]) -> None:
    made = dialer("keys", "create", "--name", "crm", **here)
    token = made.stdout.strip()
    bearer = who_bears(world.dialer, token)
    assert bearer is not None
    assert made.stderr == f"Keep it well: key {bearer.key_id} is shown this once.\n"
    listed = dialer("keys", "list", **here).stdout
    assert bearer.key_id in listed
    assert token.rpartition("_")[2] not in listed
    assert answered("keys", "revoke", bearer.key_id, **here)["key"]["revoked_at"] is not None
    assert who_bears(world.dialer, token) is None
