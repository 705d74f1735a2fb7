"""The whole of it as it is deployed: the processes of the Procfile on a real database and broker, a simulator
that calls back over HTTP, and its ledger to judge by. Business time runs 60 times as fast."""

from __future__ import annotations

import json
import shlex
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import pytz
from sqlalchemy import text

from tests.cli.running import ROOT, dialer, environment, run, wait_until
from tests.scenarios.talking import Assistant, monitored
from worker.dev.stack import Stack
from worker.domain.contact_file import read_contacts
from worker.flow.base import Dialer
from worker.operations import campaigns
from worker.operations.examine import examine
from worker.operations.imports import load_contacts
from worker.process import wiring
from worker.process.settings import read_settings
from worker.simulator import ledger
from worker.simulator.ledger import RecordedCall
from worker.store.crm import setup
from worker.store.database import once

pytestmark = pytest.mark.slow

SPEED = 60.0
SECRET = "from-end-to-end-3f9a"
NEW_YORK = "America/New_York"
CALLER_IDS = ("+12025550101", "+12025550102")
SCRIPT = {
    "+12125550102": [{"ring": 1, "end": "busy"}, {"ring": 1, "talk": 5}],
    "+12125550103": {"end": "no-answer"},
    "*": {"ring": 1, "talk": 5},
}


@dataclass(frozen=True)
class Deployment:
    """What runs, and what looks at it."""

    stack: Stack
    settings: dict[str, str]
    dialer: Dialer
    ledger_path: Path
    numbers: tuple[str, ...]

    def sql(self, statement: str, **values: object) -> Sequence[Any]:
        return once(self.dialer.db, lambda conn: conn.execute(text(statement), values).all())

    def status(self, campaign: str) -> str:
        return str(self.sql("SELECT status FROM campaigns WHERE id = :id", id=campaign)[0][0])

    def until(self, campaign: str, status: str) -> None:
        """Wait for the campaign to have this status."""
        wait_until(lambda: self.status(campaign) == status, lambda: f"{status}; {self.logs()}")

    def logs(self) -> str:
        return "\n".join(f"{child.name}: {child.log_path.read_text()[-2000:]}" for child in self.stack.children)

    def calls(self, *numbers: str) -> list[RecordedCall]:
        """What the phones of these numbers saw, by the simulator's ledger."""
        return [call for call in ledger.read(self.ledger_path).placed if call.to_number in numbers]

    def campaign(self, people: str, **body: object) -> str:
        """A campaign of these contacts, each a line ``number,zone,do not call``."""
        lines = ["phone,timezone,do_not_call\n", *(f"{line}\n" for line in people.split())]
        loaded = load_contacts(self.dialer, "team_a", "comp_a", read_contacts(lines))
        assert not loaded.faults
        fields = {"name": "End to end", "assistantId": "asst_a", "companyId": "comp_a"}
        fields |= {"fromNumberIds": list(self.numbers)}
        campaign = campaigns.create_campaign(self.dialer, "team_a", fields | body, actor="test")
        campaigns.add_contacts(self.dialer, campaign, loaded.ids, actor="test")
        return campaign


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Everything the Procfile names, from the repository's folder."""
    with Stack() as stack:
        ledger_path = stack.directory / "ledger.jsonl"
        port = _free_port()
        settings = {
            **stack.environment,
            "PORT": str(port),
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
            "SIMULATOR_SECRET": SECRET,
            "SIMULATOR_URL": _simulator(stack, ledger_path, tmp_path_factory.mktemp("script") / "script.json"),
        }
        processes = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
        assert run(*shlex.split(processes.pop("release")), **settings).stdout == "Applied: schema.\n"
        dialer = wiring.build(read_settings(settings))
        numbers = once(dialer.db, _make_team)
        for name, command in processes.items():
            stack.spawn(name, shlex.split(command), environment(**settings), cwd=ROOT)
        yield Deployment(stack, settings, dialer, ledger_path, numbers)
        dialer.db.dispose()


def _simulator(stack: Stack, ledger_path: Path, script: Path) -> str:
    script.write_text(json.dumps(SCRIPT))
    port_file = stack.directory / "simulator.port"
    options = ["--ledger", ledger_path, "--port-file", port_file, "--script", script, "--speed", str(SPEED)]
    stack.spawn("simulator", [sys.executable, "-m", "worker.simulator", *options], {"SIMULATOR_SECRET": SECRET})
    wait_until(port_file.exists, "the simulator listens")
    return f"http://127.0.0.1:{port_file.read_text().strip()}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _make_team(conn: Any) -> tuple[str, ...]:
    """A team with what a campaign needs, at noon of the next day in New York."""
    zone = pytz.timezone(NEW_YORK)
    tomorrow = datetime.now(zone).replace(hour=12, minute=0, tzinfo=None) + timedelta(days=1)
    noon = zone.localize(tomorrow)
    conn.execute(text("SELECT dialer_set_clock(:at, :speed)"), {"at": noon, "speed": SPEED})
    setup.team(conn, "team_a", "team-a", "A")
    setup.company(conn, "comp_a", "team_a", "A company")
    setup.assistant(conn, "asst_a", "team_a", "An assistant")
    setup.account(conn, "acct_a", "team_a", "simulator", "An account")
    for number in CALLER_IDS:
        setup.number(conn, f"pn_{number}", "team_a", "acct_a", number)
    return tuple(f"pn_{number}" for number in CALLER_IDS)


def test_a_scheduled_campaign_starts_by_itself_and_calls_everybody_until_it_is_completed(deployed: Deployment) -> None:
    start_at = deployed.sql("SELECT dialer_now() + interval '2 minutes' AS at")[0].at
    campaign = deployed.campaign(
        "+12125550101,, +12125550102,, +12125550103,America/Los_Angeles, +12125550104,,yes +12125550101,, 12,,",
        scheduledStartAt=start_at.isoformat(),
        callWindowStart="09:00",
        callWindowEnd="17:00",
        callWindowTimezone=NEW_YORK,
        maxConcurrentCalls=2,
        maxAttemptsPerContact=2,
        retryDelayMinutes=2,
    )
    assert deployed.status(campaign) == "scheduled"
    deployed.until(campaign, "completed")
    assert deployed.sql(
        """SELECT k.phone, cc.status, cc.reason, cc.attempts FROM campaign_contacts cc
           JOIN contacts k ON k.id = cc.contact_id WHERE cc.campaign_id = :id ORDER BY k.phone, cc.status""",
        id=campaign,
    ) == [
        ("+12125550101", "completed", None, 1),
        ("+12125550102", "completed", None, 2),
        ("+12125550103", "exhausted", None, 2),
        ("+12125550104", "skipped", "do_not_call", 0),
        ("12", "failed", "invalid_number", 0),
    ]
    rang = ledger.read(deployed.ledger_path)
    calls = deployed.calls("+12125550101", "+12125550102", "+12125550103")
    assert len(calls) == len(rang.placed) == 5
    assert rang.peak_concurrent() <= 2
    assert rang.overlapping_callees() == ()
    assert max(rang.calls_per_token().values()) == 1
    assert {call.from_number for call in calls} == set(CALLER_IDS), "caller IDs rotate"
    clock = deployed.sql("SELECT business_at, real_at FROM clock")[0]
    starts = clock.real_at + (start_at - clock.business_at) / SPEED
    assert min(call.placed_at for call in calls) >= starts.timestamp(), "nobody is called before the campaign's time"
    for number in ("+12125550102", "+12125550103"):
        first, second = deployed.calls(number)
        assert first.ended_at is not None
        assert (second.placed_at - first.ended_at) * SPEED >= 120, "a retry waits for its delay"
        assert second.from_number == first.from_number, "a retry shows the same number"
    assert deployed.sql("SELECT count(*) FROM call_events WHERE kind = 'ended'")[0][0] == 5, "each came by HTTP"


def test_a_run_is_enqueued_by_its_name_and_keeps_to_its_budget(deployed: Deployment) -> None:
    numbers = [f"+1212555020{n}" for n in range(5)]
    campaign = deployed.campaign(" ".join(f"{number},," for number in numbers), maxConcurrentCalls=2)
    arguments = (f"--args={json.dumps([campaign])}", f"--kwargs={json.dumps({'max_calls': 3})}")
    asked = run("celery", "-A", "worker", "call", "worker.run_campaign", *arguments, **deployed.settings)
    assert asked.returncode == 0, asked.stderr
    deployed.until(campaign, "paused")
    assert deployed.sql("SELECT pause_reason FROM campaigns WHERE id = :id", id=campaign) == [("max_calls_reached",)]
    assert len(deployed.calls(*numbers)) == 3


def test_the_command_opens_a_run_and_answers_in_the_names_of_the_api(deployed: Deployment) -> None:
    numbers = [f"+1212555030{n}" for n in range(3)]
    campaign = deployed.campaign(" ".join(f"{number},," for number in [*numbers, "12"]), maxConcurrentCalls=2)
    previewed = json.loads(dialer("campaigns", "run", campaign, "--dry-run", "--json", **deployed.settings).stdout)
    assert (previewed["dryRun"], previewed["started"], previewed["runId"]) == (True, 2, None)
    assert deployed.status(campaign) == "draft"

    asked = dialer("campaigns", "run", campaign, "--json", **deployed.settings)
    assert (asked.returncode, len(asked.stdout.splitlines())) == (0, 1), asked.stderr
    answer = json.loads(asked.stdout)
    assert list(answer) == list(previewed)
    assert (answer["success"], answer["started"], answer["failed"], answer["remaining"]) == (True, 2, 1, 1)
    assert {call["to_number"] for call in answer["calls"]} < set(numbers)
    assert all(call["from_number"] in CALLER_IDS for call in answer["calls"])
    (error,) = answer["errors"]
    assert error.startswith("Contact cont_")
    assert error.endswith(" has an invalid phone number")

    deployed.until(campaign, "completed")
    assert sorted(call.to_number for call in deployed.calls(*numbers)) == numbers


def test_an_assistant_is_sent_who_it_speaks_to_and_its_words_decide(deployed: Deployment) -> None:
    """Over HTTP both ways. Ann is interested; Bob is busy and is called again; Cem never wants to be called again, by
    the other campaign neither. What was sent of them is in no log and came near no Redis."""
    hostile = "</Stream>&\"'\u2028{first_name}-" + token_hex(8)
    ann, bob, cem = numbers = [f"+1212555040{n}" for n in range(3)]
    words: dict[str, dict[str, Any]] = {
        "Ann": {"outcome": "interested", "summary": "wants an offer"},
        "Bob": {"outcome": "busy_now"},
        "Cem": {"outcome": "interested", "doNotCall": True},
    }
    assistant = Assistant(deployed.settings["PUBLIC_BASE_URL"], words)
    once(deployed.dialer.db, lambda conn: setup.assistant(conn, "asst_talks", "team_a", "One that talks"))
    once(deployed.dialer.db, lambda conn: conn.execute(
        text("UPDATE assistants SET answer_url = :url WHERE id = 'asst_talks'"), {"url": assistant.url}))  # fmt: skip
    campaign = deployed.campaign(
        " ".join(f"{number},," for number in numbers),
        assistantId="asst_talks",
        variables={"name": "{first_name}", "plan": "{custom.plan}", "offer": "spring"},
        outcomes={"interested": "done", "busy_now": {"retryAfterMinutes": 2}},
        maxConcurrentCalls=3,
        maxAttemptsPerContact=2,
    )
    for number, name in zip(numbers, words, strict=True):
        deployed.sql(
            "UPDATE contacts SET first_name = :name, custom_fields = CAST(:fields AS jsonb) WHERE phone = :number "
            "RETURNING id", name=name, fields=json.dumps({"plan": hostile}), number=number,
        )  # fmt: skip
    other = deployed.campaign(f"{cem},,", scheduledStartAt=deployed.sql(
        "SELECT dialer_now() + interval '10 minutes' AS at")[0].at.isoformat())  # fmt: skip
    with monitored(deployed.stack.valkey.url) as commands:
        assert dialer("campaigns", "run", campaign, **deployed.settings).returncode == 0
        wait_until(lambda: len(assistant.answers) == 3, lambda: f"three report; {deployed.logs()}")
        words["Bob"] = {"outcome": "interested"}
        deployed.until(campaign, "completed")
        deployed.until(other, "completed")
    assistant.close()

    assert sorted(each["name"] for each in assistant.sent) == ["Ann", "Bob", "Bob", "Cem"]
    assert {(each["plan"], each["offer"]) for each in assistant.sent} == {(hostile.replace("\u2028", " "), "spring")}
    assert [each["success"] for each in assistant.answers] == [True] * 4
    rows = deployed.sql(
        """SELECT k.phone, cc.status::text, cc.reason, cc.attempts FROM campaign_contacts cc
           JOIN contacts k ON k.id = cc.contact_id WHERE cc.campaign_id = :id ORDER BY k.phone""", id=campaign,
    )  # fmt: skip
    assert rows == [(ann, "completed", None, 1), (bob, "completed", None, 2), (cem, "completed", None, 1)]
    reported = "SELECT outcome, count(*) FROM call_outcomes WHERE campaign_id = :id GROUP BY 1 ORDER BY 1"
    assert deployed.sql(reported, id=campaign) == [("busy_now", 1), ("interested", 3)]
    assert deployed.sql("SELECT status::text, reason FROM campaign_contacts WHERE campaign_id = :id", id=other) == [
        ("skipped", "do_not_call")
    ]
    assert len(deployed.calls(cem)) == 1, "nobody calls him again"
    first, second = deployed.calls(bob)
    assert first.ended_at is not None
    assert (second.placed_at - first.ended_at) * SPEED >= 120, "after the minutes that his word means"

    secrets = [hostile[-16:], *(each["callToken"] for each in assistant.sent)]
    assert commands, "Redis was watched"
    written = "\n".join(child.log_path.read_text() for child in deployed.stack.children)
    assert [secret for secret in secrets if secret in written] == [], "a log holds it"
    assert [command for command in commands if any(secret in command for secret in secrets)] == []


def test_no_invariant_is_broken_and_no_process_has_anything_to_complain_of(deployed: Deployment) -> None:
    assert not any(examine(deployed.dialer).values())
    assert [child.name for child in deployed.stack.children if child.exit_code is not None] == []
    assert "Traceback" not in deployed.logs()
    assert "[error" not in deployed.logs()
