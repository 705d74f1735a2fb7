"""``dialer contacts why``, ``dialer contacts replace`` and ``dialer calls evidence`` as operators run them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.cli.running import dialer
from tests.domain.test_whereabouts import WRONG
from tests.world import World

NIGHT = {"callWindowStart": "20:00", "callWindowEnd": "21:00", "callWindowTimezone": "America/New_York"}


def test_why_somebody_is_not_called_and_what_let_calls_pass(world: World, here: dict[str, str], tmp_path: Path) -> None:
    contact = world.contact("+12125550101")
    campaign = world.campaign([contact], **NIGHT)
    said = dialer("contacts", "why", "+12125550101", "--at", "2027-03-01T12:00", **here)
    assert (said.returncode, "It waits until 20:00 New York, in 8 h" in said.stdout) == (0, True), said.stderr
    one = json.loads(dialer("contacts", "why", contact, "--campaign", campaign, "--json", **here).stdout)
    assert [each["verdict"] for each in one["decisions"]] == ["wait"]
    assert dialer("contacts", "why", contact, "--at", "soon", **here).returncode == 2
    assert dialer("contacts", "why", "+12125559999", **here).returncode == 3

    world.run(world.campaign([contact]))
    file = tmp_path / "evidence.csv"
    shown = dialer("calls", "evidence", "--number", "+12125550101", **here)
    assert "No rules were turned on for it" in shown.stdout
    written = dialer("calls", "evidence", "--number", "+12125550101", "--format", "csv", "--output", str(file), **here)
    assert written.returncode == 0, written.stderr
    (row,) = csv.DictReader(file.read_text().splitlines())
    assert (row["to_number"], row["contact_id"], row["rules"]) == ("+12125550101", contact, "")
    assert dialer("calls", "evidence", **here).returncode == 2

    world.sql("UPDATE contacts SET place = ''")
    moved = dialer("contacts", "replace", **here)
    assert moved.stdout.startswith("Looked at 1 contact: 0 moved, 1 had no place before."), moved.stderr
    again = json.loads(dialer("contacts", "replace", "--json", **here).stdout)
    assert (again["contacts"], again["moved"]) == (1, 0)


def test_what_nobody_can_place_is_refused_by_its_option(world: World, here: dict[str, str]) -> None:
    """A few of the table that the API's test walks."""
    lines = {"country": "--country", "region": "--region", "postalCode": "--postal-code"}
    for body, said in WRONG[6:9]:
        given = [word for name, value in body.items() if name in lines for word in (lines[name], str(value))]
        answer = dialer("contacts", "create", *given, **here)
        assert answer.returncode == 2, (body, said, answer.stdout)
        assert all(words.split("|")[0] in answer.stderr for words in said.values()), answer.stderr
