"""What an operator reads when the environment is wrong or a service is away as something starts: one sentence."""

from __future__ import annotations

import pytest

from tests.cli.running import AWAY, dialer, run, sentence
from tests.world import World
from worker.dev.stack import Stack
from worker.store.sqlstates import AWAY as NO_POSTGRESQL

WRONG = {
    "DATABASE_URL": "postgressql://me:hunter2@host/name",
    "REDIS_URL": "redis://:hunter2@host:port/0",
    "RING_SECONDS": "soon",
    "LOG_LEVEL": "loud",
    "TRUSTED_PROXIES": "nginx",
}
OUT_OF_REACH = {
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": "hunter2",
    "PUBLIC_BASE_URL": "http://127.1:8000",
}
STARTS = [
    ("python", "-m", "worker", "web"),
    ("celery", "-A", "worker", "worker"),
    ("celery", "-A", "worker", "beat"),
]


@pytest.mark.parametrize("command", STARTS, ids=" ".join)
def test_every_wrong_variable_is_named_at_once_and_no_value_is_shown(command: tuple[str, ...]) -> None:
    answer = run(*command, **WRONG)
    assert answer.returncode == 2
    said = sentence(answer)
    assert all(f"{name}: " in said for name in WRONG)
    assert not any(value in said for value in (*WRONG.values(), "hunter2"))


@pytest.mark.parametrize("command", [*STARTS[:2], ("python", "-m", "worker", "doctor")], ids=" ".join)
def test_nothing_starts_that_people_would_be_rung_by_and_no_carrier_could_reach(command: tuple[str, ...]) -> None:
    answer = run(*command, **OUT_OF_REACH)
    assert answer.returncode == 2
    assert sentence(answer) == (
        "PUBLIC_BASE_URL: It is an address inside a machine or a network, and Twilio must reach it; give the https "
        "address under which the carrier reaches this deployment, such as https://dialer.example.com."
    )


def test_what_the_web_process_serves_is_shown() -> None:
    said = " ".join(dialer("web", "--help").stdout.split())
    assert "Serve the API and its pages (/docs, /openapi.json), the carriers' callbacks, /healthz and /readyz." in said


def test_a_port_that_is_no_port_is_named() -> None:
    answer = dialer("web", PORT="eight")
    assert answer.returncode == 2
    assert "'--port'" in answer.stderr.splitlines()[-1]
    assert "Traceback" not in answer.stderr


def test_migrating_a_database_that_is_away_is_one_sentence() -> None:
    answer = dialer("db", "migrate", **AWAY)
    assert (answer.returncode, sentence(answer)) == (4, NO_POSTGRESQL)


def test_a_run_without_postgresql_is_one_sentence(redis_url: str) -> None:
    answer = dialer("campaigns", "run", "camp_1", **{**AWAY, "REDIS_URL": redis_url})
    assert (answer.returncode, sentence(answer)) == (4, NO_POSTGRESQL)


def test_a_run_without_redis_is_one_sentence_and_opens_nothing(world: World, database_url: str) -> None:
    campaign = world.campaign([world.contact()])
    answer = dialer("campaigns", "run", campaign, **{**AWAY, "DATABASE_URL": database_url})
    assert answer.returncode == 4
    assert sentence(answer).startswith("Redis does not answer (ConnectionError: Error 111 connecting to 127.0.0.1:1.")
    assert "hunter2" not in answer.stderr
    assert world.status(campaign) == "draft"
    assert world.sql("SELECT count(*) FROM runs")[0][0] == 0


def test_migrating_again_says_that_there_was_nothing_to_do(database_url: str) -> None:
    assert dialer("db", "migrate", DATABASE_URL=database_url).stdout == "The schema is up to date.\n"


def test_a_database_without_the_schema_is_to_be_migrated(empty_database_url: str, redis_url: str) -> None:
    answer = dialer("campaigns", "run", "camp_1", DATABASE_URL=empty_database_url, REDIS_URL=redis_url)
    assert answer.returncode == 4
    assert "db migrate" in sentence(answer)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("camp_1",), 3, "No campaign with id camp_1; check the id and the team."),
        (("camp_1", "--max-calls", "0"), 2, "--max-calls: Give a whole number from 1 to 2000000000."),
    ],
)
def test_a_run_that_cannot_be_is_refused_in_one_sentence(
    world: World, database_url: str, redis_url: str, arguments: tuple[str, ...], code: int, said: str
) -> None:
    answer = dialer("campaigns", "run", *arguments, DATABASE_URL=database_url, REDIS_URL=redis_url)
    assert (answer.returncode, sentence(answer)) == (code, said)


def test_a_run_is_shown_to_a_person_in_words(world: World, database_url: str, stack: Stack) -> None:
    contact = world.contact()
    campaign = world.campaign([contact, world.contact("12")])
    settings = {**stack.environment, "DATABASE_URL": database_url}
    answer = dialer("campaigns", "run", campaign, "--dry-run", **settings)
    assert (answer.returncode, answer.stderr) == (0, "")
    first, _, call, counted, cause, last = answer.stdout.splitlines()
    assert first == "Would start 1 call; this campaign has no call window, so calls go out at any hour."
    assert call.split() == [contact, "+12025550001", world.phone(contact)]
    assert counted == "1 contact cannot be called:"
    assert cause.startswith("  1 has an invalid phone number: 12")
    assert last == "0 contacts still waiting."


@pytest.mark.slow
@pytest.mark.parametrize("name", ["CELERY_BROKER_URL", "REDIS_URL"])
def test_celery_understands_every_spelling_of_the_broker(stack: Stack, redis_url: str, name: str) -> None:
    settings = {**stack.environment, name: redis_url}
    assert redis_url.startswith("unix://")
    answer = run("celery", "-A", "worker", "call", "worker.tick", **settings)
    assert answer.returncode == 0, answer.stderr.splitlines()[-1]
