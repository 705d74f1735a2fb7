"""``dialer campaigns export`` as operators run it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from tests.cli.running import dialer, sentence, started
from tests.world import World


def test_contacts_go_to_a_spreadsheet_as_text_and_to_a_program_as_they_are(world: World, here: dict[str, str]) -> None:
    contact = world.contact("+12025550101", first_name="=cmd()", last_name='Zoë; "x"\n', custom_fields={"n": [1]})
    campaign = world.campaign([contact])
    table = dialer("campaigns", "export", campaign, **here)
    assert (table.returncode, table.stderr) == (0, "")
    (row,) = csv.DictReader(io.StringIO(table.stdout))
    assert (row["contact_id"], row["phone"], row["first_name"]) == (contact, "+12025550101", "'=cmd()")
    assert (row["last_name"], row["custom_fields"], row["status"]) == ('Zoë; "x"\n', '{"n": [1]}', "pending")
    lines = dialer("campaigns", "export", campaign, "--format", "json-lines", **here)
    (line,) = map(json.loads, lines.stdout.splitlines())
    assert (line["first_name"], line["custom_fields"], line["attempts"]) == ("=cmd()", {"n": [1]}, 0)
    assert line["next_call_at"] is None, "nobody runs it"


def test_a_file_is_replaced_when_all_of_it_is_written_and_else_left_as_it_was(
    world: World, here: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("before")
    answer = dialer("campaigns", "export", "camp_x", "--what", "calls", "--output", str(file), **here)
    assert (answer.returncode, sentence(answer)) == (3, "No campaign with id camp_x; check the id and the team.")
    assert file.read_text() == "before"
    campaign = world.campaign([world.contact()])
    world.run(campaign)
    world.until(campaign, "completed")
    answer = dialer("campaigns", "export", campaign, "--what", "calls", "--output", str(file), **here)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", f"1 call written to {file}.\n")
    (row,) = csv.DictReader(file.read_text().splitlines())
    assert (row["disposition"], row["attempt"], row["to_number"]) == ("answered", "1", world.phone(row["contact_id"]))
    rows = file.read_bytes().split(b"\r\n")
    assert len(rows) == 3, "records end as RFC 4180 has it, or Python would write a lone CR within a name unquoted"
    assert [path.name for path in tmp_path.iterdir()] == ["calls.csv"]
    nowhere = dialer("campaigns", "export", campaign, "--output", str(tmp_path / "no" / "file.csv"), **here)
    assert nowhere.returncode == 1
    assert "No such file or directory" in sentence(nowhere)


def test_a_reader_that_has_seen_enough_is_no_failure_to_talk_about(world: World, here: dict[str, str]) -> None:
    campaign = world.campaign(world.contacts(3000))
    with started("campaigns", "export", campaign, **here) as command:
        assert command.stdout.readline().startswith("contact_id,")
        command.stdout.close()
        assert command.stderr.read() == ""
        assert command.process.wait() == 1
