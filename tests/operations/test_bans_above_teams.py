"""The do-not-call list above teams: it holds for each of them, from its commit on, and for what it is for."""

from __future__ import annotations

import threading

import pytest

from tests.world import World
from worker.domain.contact_file import number_file
from worker.domain.errors import Invalid, NotFound
from worker.operations import contacts
from worker.operations.dnc_imports import ban_file
from worker.operations.opt_out import opt_out
from worker.store import gate

NUMBER = "+12125550123"
ALL_TEAMS = None


def ban(world: World, **more: str) -> int:
    return contacts.ban_numbers(world.dialer, ALL_TEAMS, {"numbers": [NUMBER], **more}, actor="test")


def test_a_number_on_it_is_called_by_no_team_and_shown_so(world: World) -> None:
    contact = world.contact(NUMBER)
    campaign = world.campaign([contact])
    steps = world.reserve(campaign)
    assert ban(world, reason="court order") == 1
    assert ban(world) == 0
    world.carry_out(steps)
    world.until(campaign, "completed")
    assert world.stage.requests == []
    assert world.sql("SELECT status::text, reason FROM campaign_contacts") == [("skipped", "do_not_call")]
    assert contacts.get_contact(world.dialer, world.team, contact)["do_not_call"]
    assert contacts.find_contacts(world.dialer, world.team, limit=9, offset=0, do_not_call=True)[0] == 1
    count, rows = contacts.banned_numbers(world.dialer, ALL_TEAMS, limit=9, offset=0)
    assert (count, rows[0].reason, rows[0].added_by) == (1, "court order", "test")
    assert contacts.banned_numbers(world.dialer, world.team, limit=9, offset=0)[0] == 0
    contacts.unban_number(world.dialer, ALL_TEAMS, "+1 212 555 0123", actor="test")
    with pytest.raises(NotFound):
        contacts.unban_number(world.dialer, ALL_TEAMS, NUMBER, actor="test")
    world.run(campaign)
    assert len(world.stage.requests) == 1
    noted = world.sql("SELECT action, team_id FROM audit_log WHERE action LIKE '%ban%' ORDER BY id")
    assert {tuple(row) for row in noted} == {("ban_numbers", None), ("unban_number", None)}


def test_it_waits_for_a_dialing_commit_of_any_team_and_teams_do_not_wait_for_each_other(world: World) -> None:
    world.another_team("team_b")
    with world.engine.begin() as dialing:
        gate.pass_gate(dialing, "team_b")
        contacts.ban_numbers(world.dialer, world.team, {"numbers": [NUMBER]}, actor="test")
        banning = threading.Thread(target=ban, args=(world,))
        banning.start()
        world.wait_for_blocked()
        assert world.sql("SELECT count(*) FROM do_not_call_everywhere") == [(0,)]
    banning.join()
    assert world.sql("SELECT count(*) FROM do_not_call_everywhere") == [(1,)]


def test_who_passes_after_it_waits_for_it(world: World) -> None:
    campaign = world.campaign([world.contact(NUMBER)])
    steps = world.reserve(campaign)
    with world.engine.begin() as banning:
        gate.close_all_gates(banning)
        dialing = threading.Thread(target=world.carry_out, args=(steps,))
        dialing.start()
        world.wait_for_blocked()
        banning.exec_driver_sql("INSERT INTO do_not_call_everywhere (number) VALUES (%s)", (NUMBER,))
    dialing.join()
    assert world.stage.requests == []


def test_files_and_opt_outs_go_onto_it_too_and_the_registry_is_for_telemarketing(world: World) -> None:
    lines = ["202,5550101\n", "212,5550123\n"]
    assert ban_file(world.dialer, ALL_TEAMS, number_file(lines), actor="test", dry_run=True).added == 2
    assert ban_file(world.dialer, ALL_TEAMS, number_file(lines), actor="test").added == 2
    assert ban_file(world.dialer, ALL_TEAMS, number_file(lines), actor="test").added == 0
    assert world.sql("SELECT DISTINCT purpose, source FROM do_not_call_everywhere") == [
        ("telemarketing", "US national do-not-call registry")
    ]
    done, _ = opt_out(world.dialer, world.team, {"number": NUMBER}, actor="test", all_teams=True)
    assert done.added
    assert world.sql("SELECT count(*) FROM do_not_call_everywhere WHERE purpose = ''") == [(1,)]
    assert world.sql("SELECT count(*) FROM do_not_call") == [(1,)]


def test_the_columns_of_a_file_say_what_for_and_a_purpose_that_is_none_refuses_its_line(world: World) -> None:
    lines = ["number,Purpose,source,evidence,reason\n", "+12025550101,debt,letter,no. 5,asked\n",
             "+12025550102,,,,\n", "+12025550103,everything,,,\n"]  # fmt: skip
    numbers = number_file(lines, region="US")
    banned = ban_file(world.dialer, world.team, numbers, source="May", purpose="research", region="US", actor="me")
    assert (banned.added, banned.refused) == (2, 1)
    rows = world.sql("SELECT number, purpose, source, evidence, reason, added_by FROM do_not_call ORDER BY number")
    assert [tuple(row) for row in rows] == [
        ("+12025550101", "debt", "letter", "no. 5", "asked", "me"),
        ("+12025550102", "research", "May", None, "", "me"),
    ]
    with pytest.raises(Invalid, match="purpose"):
        ban_file(world.dialer, world.team, [], purpose="all", actor="me")
