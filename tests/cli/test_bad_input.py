"""What cannot be said of conversations is refused at the command line as everywhere: by the option, in one sentence."""

from __future__ import annotations

import shlex
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.running import several
from tests.flow.test_outcomes import call_ended
from tests.world import World

NEW = "campaigns create --name A --assistant-id asst_team_a --company-id comp_team_a --from-number-id +12025550001"


def windows(given: str) -> str:
    braces = given.replace("{", "{{").replace("}", "}}")
    return f"{NEW} --call-windows '{braces}' --call-window-timezone UTC"


REFUSED = [
    # a word nobody knows, a call of nobody
    ("calls outcome {call} intrested", 2, "did you mean interested?"),
    ("calls outcome call_1 interested", 3, "No call with id call_1"),
    ("calls outcome {call} interested --callback-at 2001-01-01T00:00:00Z", 2, "--callback-at: "),
    ("calls show call_1", 3, "No call with id call_1"),
    ("calls hang-up call_1", 3, "No call with id call_1"),
    ("calls list --outcome interested", 2, "--outcome: It is a word of one campaign's"),
    ("calls list --after yesterday", 2, "--after: "),
    ("calls list --updated-since yesterday", 2, "--updated-since: Give an ISO 8601 date and time"),
    # instants that are past, too far away, none, or two
    ("campaigns callback {open} {contact} 2001-01-01T00:00:00Z", 2, "AT: "),
    ("campaigns callback {open} {contact} {too_far}", 2, "AT: "),
    ("campaigns callback {open} {contact} soon", 2, "AT: "),
    ("campaigns callback {open} {contact} 2027-03-14T02:30", 2, "2027-03-14T02:30"),
    ("campaigns callback {open} {contact}", 2, "Give the instant to call back at, or --cancel."),
    ("campaigns callback {open} cont_1 {tomorrow}", 3, "No contact with id cont_1"),
    ("campaigns edit {open} --scheduled-end-at 2001-01-01T00:00:00Z", 2, "--scheduled-end-at: "),
    ("campaigns edit {open} --start-no-later-than-minutes 0", 2, "--start-no-later-than-minutes: "),
    # variables and outcomes that mean nothing
    (NEW + " --variables '{{\"name\": \"{{nam}}\"}}'", 2, "--variables (name): "),
    (NEW + " --variables '{{\"callId\": \"x\"}}'", 2, "--variables (callId): "),
    (NEW + " --variables '[]'", 2, "--variables: "),
    (NEW + " --outcomes '{{\"done\": \"maybe\"}}'", 2, "--outcomes (done): "),
    # windows that overlap, or are empty
    (windows("[]"), 2, "--call-windows: "),
    (windows('[{"start": "9:00", "end": "9:00"}]'), 2, "--call-windows "),
    (windows('[{"start": "9:00", "end": "12:00"}, {"start": "11:59", "end": "13:00"}]'), 2, "--call-windows "),
    (windows('[{"days": ["mo"], "start": "9:00", "end": "12:00"}]'), 2, "--call-windows "),
    # persons
    ("contacts create --external-id crm-1", 2, "crm-1"),
    ("contacts edit {contact} --external-id crm-1", 2, "crm-1"),
    ("contacts story nobody", 3, "No contact with id nobody"),
    ("contacts add {open} {contact} --priority 0", 2, "--priority: Give a whole number from 1 to 9."),
    ("contacts prioritize {open} {contact} --priority 10", 2, "--priority: Give a whole number from 1 to 9."),
    ("contacts import {file} --priority 3", 2, "--priority is one within a campaign; name it with --campaign-id."),
    ("contacts import {file} --campaign-id {open} --priority x", 2, "--priority: Give a whole number from 1 to 9."),
    ("contacts import {file} --campaign-id camp_1", 3, "No campaign with id camp_1"),
    ("campaigns test-call {open} --to x", 2, "--to: "),
    ("campaigns test-call {open}", 2, "--to: Required"),
    ("campaigns redial {open}", 2, "nobody is left to redial"),
    ("campaigns complete {open}", 2, "is draft and cannot"),
]  # fmt: skip


@pytest.mark.slow
def test_what_cannot_be_is_refused_by_the_option(world: World, here: dict[str, str], tmp_path: Path) -> None:
    _, call = call_ended(world)
    (file := tmp_path / "people.csv").write_text("phone\n+12025550142\n")
    world.contact("+12025550190", external_id="crm-1")
    contact = world.contact("+12025550191", timezone="America/New_York")
    campaign = world.campaign([contact])
    names = {
        "call": call.id, "contact": contact, "open": campaign, "file": str(file),
        "too_far": (world.now + timedelta(days=61)).isoformat(),
        "tomorrow": (world.now + timedelta(days=1)).isoformat(),
    }  # fmt: skip
    before = world.sql("SELECT (SELECT count(*) FROM campaigns), (SELECT count(*) FROM contacts)")
    answers = several(*(shlex.split(line.format(**names)) for line, _, _ in REFUSED), **here)
    wrong: list[object] = []
    for (line, code, said), answer in zip(REFUSED, answers, strict=True):
        found = (answer.returncode, said in answer.stderr)
        wrong += [] if found == (code, True) else [(line, answer.returncode, answer.stdout, answer.stderr)]
        wrong += [] if len(answer.stderr.splitlines()) == 1 else [answer]
    assert not wrong, "\n".join(map(str, wrong))
    assert world.sql("SELECT (SELECT count(*) FROM campaigns), (SELECT count(*) FROM contacts)") == before
    world.finish_all()
