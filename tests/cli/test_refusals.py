"""What cannot be is refused in one sentence that says what to do, and with an exit code that says whose turn it is."""

from __future__ import annotations

import shlex

from tests.cli.running import AWAY, dialer, run, sentence, several
from tests.world import World

REFUSED = [
    ("campaigns pause camp_1", 3, "No campaign with id camp_1; check the id and the team."),
    ("contacts add {} cont_1 cont_2", 3, "No contact with id cont_1, cont_2; check the id and the team."),
    ("numbers enable pn_1", 3, "No phone number with id pn_1; check the id and the team."),
    ("keys revoke key_1", 3, "No key with id key_1; check the id and the team."),
    ("campaigns list --team no", 3, "No team with id no; dialer teams list shows the ids and slugs there are."),
    ("keys create", 2, "--name: Required: give a text of 1 to 200 characters."),
    ("campaigns edit {}", 2, "Say what to change. See dialer campaigns edit --help."),
    ("campaigns run {} --max-calls x", 2, "--max-calls: Give a whole number from 1 to 2000000000."),
    ("campaigns list --limit 501", 2, "Invalid value for '--limit': 501 is not in the range 1<=x<=500. See"),
    ("dnc add ''", 2, "'': It is empty; give a phone number in international form, such as +12025550123."),
    ("contacts add {} ''", 2, "'': Give the id of a contact: give a text of 1 to 200 characters; this one is empty."),
    ("companies add --name ''", 2, "--name: It cannot be empty; give a text of 1 to 200 characters."),
    (f"companies add --name {'x' * 201}", 2, "--name: Give a text of 1 to 200 characters; this one has 201."),
    ("campaigns schedule {}", 2, "--scheduled-start-at: Required: give an ISO 8601 date and time, such as"),
    ("campaigns edit {} --max-concurrent-calls 1001", 2, "--max-concurrent-calls: Give a whole number from 1 to 1000."),
    (
        "accounts add --name A --carrier twilio",
        2,
        "--carrier: This deployment cannot call through twilio yet: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN",
    ),
    ("accounts add --name A --carrier twillio", 2, "--carrier: Give one of: simulator, telnyx, twilio."),
    ("campaigns pause {}", 2, "Campaign {} is draft and cannot become paused: it is not running; run it first."),
    ("campaigns runn", 2, "No such command 'runn'."),
    ("contacts add {} -", 2, "Invalid value for 'CONTACT_ID...': There is nothing on standard input."),
    ("contacts add {} cont_1 \udcff", 2, "'\\udcff': It contains a character that is not text"),
    ("contacts list --status failed", 2, "--status needs a CAMPAIGN_ID. See dialer contacts list --help."),
    ("contacts list {} --tag vip", 2, "In a campaign only --status filters. See"),
    ("campaigns show \udcff", 2, "CAMPAIGN_ID: It contains a character that is not text"),
    ("campaigns resume {}", 2, "Campaign {} is draft and cannot become running: it was not paused; run it first."),
    ("campaigns run", 2, "Missing argument 'CAMPAIGN_ID'. See dialer campaigns run --help."),
    ("teams add --slug team-a --name A", 2, "There is a team with the slug team-a already; choose another."),
    ("teams edit team-a", 2, "Say what to change. See dialer teams edit --help."),
]


def test_one_sentence_says_what_cannot_be(world: World, here: dict[str, str]) -> None:
    campaign = world.campaign()
    answers = several(*(shlex.split(line.format(campaign)) for line, _, _ in REFUSED), **here)
    for (line, code, said), answer in zip(REFUSED, answers, strict=True):
        assert (answer.returncode, line) == (code, line)
        assert sentence(answer).startswith(said.format(campaign))


def test_everything_wrong_with_a_campaign_is_said_at_once_by_its_options(world: World, here: dict[str, str]) -> None:
    nonsense = {
        "--max-concurrent-calls": "many",
        "--retry-delay-minutes": "-5",
        "--max-attempts-per-contact": "1e9",
        "--call-window-start": "25:00",
        "--settings": '{"retryDelays": {"busy": "soon"}}',
        "--scheduled-start-at": "tomorrow",
        "--from-number-id": "",
    }
    answer = dialer("campaigns", "create", *(word for pair in nonsense.items() for word in pair), **here)
    assert (answer.returncode, answer.stdout) == (2, "")
    said = sentence(answer)
    given = nonsense.keys() - {"--settings"} | {"--settings (retryDelays.busy)"}
    missing = {"--name", "--assistant-id", "--company-id", "--call-window-end", "--call-window-timezone"}
    assert {option for option in given | missing if f"{option}: " not in said} == set()


def test_of_very_many_faults_as_many_are_said_as_somebody_reads(world: World, here: dict[str, str]) -> None:
    (answer,) = several("dnc add -", given="\n".join(f"x{n}" * 100 for n in range(500)), **here)
    assert answer.returncode == 2
    said = sentence(answer)
    assert len(said) < 5000
    assert said.endswith("And 480 more values are wrong.")


def test_without_a_team_one_reads_how_to_make_it(database_url: str, redis_url: str) -> None:
    answer = dialer("campaigns", "list", DATABASE_URL=database_url, REDIS_URL=redis_url)
    assert answer.returncode == 2
    assert sentence(answer).startswith("There is no team yet; make one with: dialer teams add --slug")


def test_a_service_that_is_away_ends_a_command_with_4(redis_url: str) -> None:
    answer = dialer("teams", "list", **AWAY | {"REDIS_URL": redis_url})
    assert answer.returncode == 4
    assert sentence(answer).startswith("PostgreSQL cannot be reached")


def test_a_shell_learns_how_to_complete() -> None:
    (lines,) = several("completion bash")
    assert "_DIALER_COMPLETE=bash_complete" in lines.stdout
    words = {"_DIALER_COMPLETE": "bash_complete", "COMP_WORDS": "dialer campaigns unsch", "COMP_CWORD": "2"}
    assert run("python", "-m", "worker", **words).stdout == "plain,unschedule\n"
