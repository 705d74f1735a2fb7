"""A file of contacts says whom a campaign calls first; without a campaign its column is one like any other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.world import World
from worker.domain.additions import parse_additions
from worker.domain.contact_file import LineFault, read_contacts
from worker.domain.contact_table import CONTACT_FIELDS, texts_of
from worker.operations import batches, callbacks, campaigns
from worker.operations.export import export_contacts
from worker.operations.import_request import Loaded
from worker.operations.imports import load_contacts

NUMBERS = [f"+120255501{n:02d}" for n in range(1, 10)]


def read(world: World, *lines: str, **options: Any) -> Loaded:
    text = [f"{line}\n" for line in lines]
    file = read_contacts(text, for_campaign=options.get("campaign_id") is not None)
    return load_contacts(world.dialer, world.team, None, file, **options)


def ranks(world: World, campaign: str) -> dict[str, tuple[int, int]]:
    """The priority and the rank of each, by the number."""
    rows = world.sql(
        "SELECT k.phone_e164, cc.priority, cc.rank FROM campaign_contacts cc JOIN contacts k ON k.id = cc.contact_id "
        "WHERE cc.campaign_id = :c",
        c=campaign,
    )
    return {row.phone_e164: (row.priority, row.rank) for row in rows}


def test_each_line_has_its_own_and_who_has_none_that_of_all(world: World) -> None:
    campaign = world.campaign(maxConcurrentCalls=1)
    lines = (f"{NUMBERS[0]},", f"{NUMBERS[1]},9", f"{NUMBERS[2]},1", f"{NUMBERS[1]},2", f"{NUMBERS[2]},")
    loaded = read(world, "phone,Call priority", *lines, campaign_id=campaign, priority=7)
    assert (loaded.added, loaded.merged, loaded.prioritized) == (3, 2, 0)
    assert ranks(world, campaign) == {NUMBERS[0]: (7, 7), NUMBERS[1]: (2, 2), NUMBERS[2]: (1, 1)}, "the later has it"
    world.run(campaign)
    world.until(campaign, "completed")
    assert [request.to_number for request in world.stage.requests] == [NUMBERS[n] for n in (2, 1, 0)]


def test_who_is_in_the_campaign_gets_what_the_line_says_and_keeps_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)
    people = [world.contact(number) for number in NUMBERS[:5]]
    campaign = world.campaign()
    given = parse_additions({"contactIds": people[:4], "priority": 3})
    campaigns.add_contacts(world.dialer, campaign, given.contact_ids, priorities=given.priorities, actor="t")
    tomorrow = (world.now + timedelta(days=1)).isoformat()
    callbacks.call_back(world.dialer, world.team, campaign, people[3], tomorrow, actor="t")
    cells = ("4", "", "3", "8", "6")
    lines = [f"{number},{cell}" for number, cell in zip(NUMBERS, cells, strict=False)]
    would = read(world, "phone,priority", *lines, campaign_id=campaign, priority=9, dry_run=True)
    assert (would.added, would.prioritized) == (1, 2)
    loaded = read(world, "phone,priority", *lines, campaign_id=campaign, priority=9)
    assert (loaded.added, loaded.prioritized) == (1, 2)
    found = ranks(world, campaign)
    assert [found[number][0] for number in NUMBERS[:5]] == [4, 3, 3, 8, 6]
    assert [found[number][1] for number in NUMBERS[:5]] == [4, 3, 3, 0, 6], "a callback goes before all of them"
    again = read(world, "phone,priority", *lines, campaign_id=campaign, priority=9)
    assert (again.added, again.changed, again.prioritized) == (0, 0, 0), "the same file twice changes nothing"


@pytest.mark.parametrize("cell", ["0", "10", "-1", "1.0", "high", "²", "１", "1;2", "true", "+1", "1e0", "'1"])
def test_what_is_no_priority_refuses_its_line(world: World, cell: str) -> None:
    campaign = world.campaign()
    loaded = read(world, "phone,priority", f"{NUMBERS[0]},{cell}", f"{NUMBERS[1]}, 1 ", campaign_id=campaign)
    (fault,) = loaded.faults
    assert (loaded.refused, loaded.added, fault.path) == (1, 1, "line 2")
    assert fault.message.startswith("priority: Give a whole number from 1, called first, to 9, or leave the cell empty")


def test_without_a_campaign_the_column_is_a_custom_field_as_ever(world: World) -> None:
    loaded = read(world, "phone,Priority", f"{NUMBERS[0]},High")
    assert (loaded.refused, loaded.created) == (0, 1)
    (row,) = world.sql("SELECT custom_fields FROM contacts")
    assert row.custom_fields == {"priority": "High"}


def test_an_export_has_them_and_into_the_same_campaign_nothing_changes(world: World) -> None:
    people = [world.contact(number) for number in NUMBERS[:2]]
    campaign, other = world.campaign(), world.campaign()
    campaigns.add_contacts(world.dialer, campaign, people, priorities={people[1]: 2}, actor="t")
    rows = [
        ",".join(f'"{text}"' for text in texts_of(row)) for row in export_contacts(world.dialer, world.team, campaign)
    ]
    lines = [",".join(CONTACT_FIELDS), *rows]
    same = read(world, *lines, campaign_id=campaign)
    assert (same.changed, same.added, same.prioritized) == (0, 0, 0)
    into = read(world, *lines, campaign_id=other)
    assert (into.changed, into.added) == (0, 2)
    assert ranks(world, other) == ranks(world, campaign)
    assert read(world, *lines).changed == 0, "without a campaign it says nothing of the person"
    assert not [it for it in read_contacts([f"{line}\n" for line in lines]) if isinstance(it, LineFault)]
