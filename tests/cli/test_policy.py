"""``dialer policy`` needs no services, says why, and what is wrong with what it is given."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import worker.law
from tests.cli.running import AWAY, ROOT, dialer, environment
from tests.patience import PATIENCE_SECONDS
from worker.law.words import PURPOSES

SALE = ("--purpose", "telemarketing", "--json")


def explained(*arguments: str) -> dict:
    done = dialer("policy", "explain", *arguments, **AWAY)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_call_waits_for_the_hours_of_its_state_and_then_is_dialed() -> None:
    early = explained("+14015550123", "--at", "2026-11-28T14:59:59Z", "--voice", "live", *SALE)
    assert (early["verdict"], early["until"], early["places"]) == ("wait", "2026-11-28T15:00:00Z", ["US-RI"])
    assert [each["rule"] for each in early["because"]] == ["us.ri.hours"]
    assert all(each["text"] and each["source"] for each in early["because"])
    there = explained("+14015550123", "--at", early["until"], "--voice", "live", *SALE)
    assert (there["verdict"], there["until"]) == ("dial", None)


def test_without_the_consent_that_is_needed_it_is_never_dialed() -> None:
    never = explained("+15095550123", "--at", "2026-12-01T20:00:00Z", "--consent", "written", *SALE)
    assert (never["verdict"], [each["rule"] for each in never["because"]]) == ("never", ["us.wa.adad"])
    never = explained("+14015550123", "--at", "2026-12-01T20:00:00Z", "--consent", "express", *SALE)
    assert (never["verdict"], [each["rule"] for each in never["because"]]) == ("never", ["us.fcc.ai_voice"])


def test_for_people_there_are_sentences() -> None:
    done = dialer("policy", "explain", "+18005550123", "--purpose", "debt", **AWAY)
    assert done.returncode == 0
    assert done.stdout.startswith("It has to wait until more is known of where it is.\nPlace: unknown")
    paris = ("+33612345678", "--country", "Frankreich", "--consent", "express", "--at", "2026-11-28T01:58:00Z")
    done = dialer("policy", "explain", *paris, "--purpose", "telemarketing", **AWAY)
    assert done.stdout.startswith("It has to wait until Mon 10:00 Paris, in 2 days.\nPlace: FR"), done.stderr
    done = dialer("policy", "explain", "+18005550123", **AWAY)
    assert done.stderr == (
        f"dialer: Missing option '--purpose'. Choose from: {', '.join(PURPOSES)}. See dialer policy explain --help.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "named", "allowed"),
    [
        (("12",), "NUMBER", "number"),
        (("+14015550123", "--at", "noon"), "--at", "2027-03-01T09:00:00Z"),
        (("+14015550123", "--at", "2026-12-01T09:00:00"), "--at", "Z"),
        (("+14015550123", "--at", "2039-01-01T00:00:00Z"), "--at", "earlier"),
        (("+14015550123", "--country", "XX"), "--country", "US"),
        (("+14015550123", "--state", "Bavaria"), "--state", "AK"),
        (("+14015550123", "--postal-code", "SW1A 1AA"), "--postal-code", "five digits"),
        (("+14015550123", "--zone", "Mars/Olympus"), "--zone", "America/New_York"),
        (("+14015550123", "--zone-confirmed"), "--zone", "give"),
        (("+14015550123", "--voice", "robot"), "--voice", "live"),
        (("+14015550123", "--consent", "oral"), "--consent", "express"),
        (("+14015550123", "--line", "fax"), "--line", "landline"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_can(arguments: tuple[str, ...], named: str, allowed: str) -> None:
    done = dialer("policy", "explain", *arguments, *SALE, **AWAY)
    assert done.returncode == 2
    assert named in done.stderr
    assert allowed in done.stderr


def test_an_unknown_purpose_is_refused_with_those_there_are() -> None:
    done = dialer("policy", "explain", "+14015550123", "--purpose", "sales", **AWAY)
    assert done.returncode == 2
    assert all(purpose in done.stderr for purpose in PURPOSES)


def test_the_rules_are_listed_by_place_with_their_purposes() -> None:
    done = dialer("policy", "list", "--place", "us-fl", "--json", **AWAY)
    listed = json.loads(done.stdout)
    assert [each["name"] for each in listed["purposes"]] == list(PURPOSES)
    assert {"US", "US-FL"} == {each["place"] for each in listed["rules"]}
    assert dialer("policy", "list", "--place", "Atlantis", **AWAY).returncode == 2


def test_the_rules_are_in_order() -> None:
    done = dialer("policy", "check", **AWAY)
    assert (done.returncode, done.stderr) == (0, "")
    assert "all in order" in done.stdout


BROKEN = """
import sys
from pathlib import Path
from worker.law import reading
folder = Path(sys.argv.pop(1))
reading.files = lambda _: folder
if sys.argv[1] == "celery":
    import worker.celery
from worker.cli import main
main()
"""


STARTS = [
    ("policy", "check"),
    ("policy", "explain", "+14015550123", *SALE),
    pytest.param(("web",), marks=pytest.mark.slow),
    pytest.param(("celery",), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("command", STARTS, ids=lambda command: command[0] + str(len(command)))
def test_nothing_starts_with_rules_that_cannot_be_read(command: tuple[str, ...], tmp_path: Path) -> None:
    law = Path(worker.law.__file__).parent
    (tmp_path / "holidays.toml").write_text((law / "holidays.toml").read_text("utf-8"))
    pack = (law / "pack_fr.toml").read_text("utf-8")
    line = pack.split("\n").index('voice = "any"') + 1
    (tmp_path / "pack_fr.toml").write_text(pack.replace('voice = "any"', 'voice = "robot"', 1))
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, str(tmp_path), *command],
        cwd=ROOT, env=environment(**AWAY), capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"pack_fr.toml, line {line}: voice: 'robot' is not known" in done.stderr
    assert "Traceback" not in done.stderr
