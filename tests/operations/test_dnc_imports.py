"""A file of numbers goes onto the do-not-call list: whole, in batches, never twice."""

from __future__ import annotations

import threading

import pytest

from tests.world import World
from worker.domain.contact_file import number_file
from worker.operations import batches
from worker.operations.dnc_imports import Banned, ban_file
from worker.operations.import_progress import ImportObserver
from worker.store import gate


def read(world: World, *lines: str, **options: object) -> Banned:
    numbers = number_file([f"{line}\n" for line in lines], region="US")
    return ban_file(world.dialer, world.team, numbers, region="US", actor="test", **options)


def listed(world: World) -> dict[str, str]:
    return {row.number: row.reason for row in world.sql("SELECT number, reason FROM do_not_call")}


def test_each_number_is_banned_once_for_the_first_reason_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)
    reported: list[str] = []
    lines = ("number,reason", "+12025550101,asked", "202 555 0102,", "(202) 555-0101,again", "none,", "+12025550103,")
    assert read(world, *lines, dry_run=True).added == 3
    assert listed(world) == {}
    banned = read(
        world, *lines, reason="list of May", observer=ImportObserver(lambda outcome, fault: reported.append(fault.path))
    )
    assert (banned.lines, banned.refused, banned.written, banned.added) == (5, 1, 4, 3)
    assert listed(world) == {"+12025550101": "asked", "+12025550102": "list of May", "+12025550103": "list of May"}
    assert reported == ["line 5"]
    assert read(world, *lines, reason="other").added == 0
    noted = world.sql("SELECT action FROM audit_log WHERE subject_id = 'do_not_call'")
    assert {row.action for row in noted} == {"ban_numbers"}


def test_strict_bans_nobody_if_a_line_has_no_number(world: World) -> None:
    assert read(world, "+12025550101", "nobody", strict=True).is_refused
    assert listed(world) == {}
    assert read(world, "+12025550101", "+12025550102", strict=True).added == 2


def test_a_file_waits_for_a_dialing_commit_and_then_nobody_in_it_is_called(world: World) -> None:
    campaign = world.campaign([world.contact("+12025550101")])
    with world.engine.begin() as dialing:
        gate.pass_gate(dialing, world.team)
        banning = threading.Thread(target=read, args=(world, "+12025550101"))
        banning.start()
        world.wait_for_blocked()
        assert listed(world) == {}
    banning.join()
    world.run(campaign)
    assert world.by_status(campaign) == {"skipped": 1}
    assert world.dialed() == []


def test_a_file_of_the_registry_is_read_without_a_country_and_with_one_of_north_america(world: World) -> None:
    lines = ["202,5550101\n", "212,5554834\r\n", "202 5550102\n", '"303","5550103"']
    numbers = number_file(lines)
    assert ban_file(world.dialer, world.team, numbers, actor="test").refused == 1
    assert set(listed(world)) == {"+12025550101", "+12125554834", "+13035550103"}
    assert ban_file(world.dialer, world.team, number_file(lines, region="US"), region="US", actor="test").added == 1
