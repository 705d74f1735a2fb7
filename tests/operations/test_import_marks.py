"""What an import marked do-not-call can be taken back: its own marks, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import World
from worker.domain.contact_file import read_contacts
from worker.domain.errors import Invalid, NotFound
from worker.operations import batches, contacts
from worker.operations.import_request import Loaded
from worker.operations.imports import load_contacts
from worker.operations.undo_import import Undone, undo_do_not_call

NUMBERS = [f"+120255501{n:02d}" for n in range(4)]


def read(world: World, *numbers: str, flag: str = "yes", **options: Any) -> Loaded:
    """Import these numbers, each marked do-not-call."""
    lines = ["phone,do_not_call\n", *(f"{number},{flag}\n" for number in numbers)]
    return load_contacts(world.dialer, world.team, None, read_contacts(lines), **options)


def banned(world: World) -> list[str]:
    return [row.phone for row in world.sql("SELECT phone FROM contacts WHERE do_not_call ORDER BY phone")]


def undo(world: World, loaded: Loaded, actor: str = "key_admin") -> Undone:
    return undo_do_not_call(world.dialer, world.team, loaded.import_id, actor=actor)


def test_the_marks_of_an_import_are_taken_back_from_new_and_known_contacts_and_it_is_noted(world: World) -> None:
    world.contact(NUMBERS[0])
    loaded = read(world, *NUMBERS[:3])
    assert banned(world) == NUMBERS[:3]
    assert undo(world, loaded) == Undone(3, 0)
    assert banned(world) == []
    (noted,) = world.sql("SELECT actor, subject_id, detail FROM audit_log WHERE action = 'undo_do_not_call'")
    assert (noted.actor, noted.subject_id) == ("key_admin", loaded.import_id)
    assert noted.detail == {"taken_back": 3, "kept": 0}
    assert undo(world, loaded) == Undone(0, 3), "again, and nothing is changed"
    assert len(world.sql("SELECT FROM audit_log WHERE action = 'undo_do_not_call'")) == 1


def test_who_was_marked_before_stays_marked(world: World) -> None:
    world.contact(NUMBERS[0], do_not_call=True)
    loaded = read(world, *NUMBERS[:2])
    assert undo(world, loaded) == Undone(1, 0)
    assert banned(world) == NUMBERS[:1]


@pytest.mark.parametrize("word", [True, False])
def test_who_somebody_has_spoken_of_since_stays_as_he_said(world: World, word: bool) -> None:
    loaded = read(world, *NUMBERS[:2])
    (contact,) = world.sql("SELECT id FROM contacts WHERE phone = :n", n=NUMBERS[0])
    contacts.edit_contact(world.dialer, world.team, contact.id, {"doNotCall": word}, actor="t")
    contacts.edit_contact(world.dialer, world.team, loaded.ids[1], {"firstName": "Ada"}, actor="t")
    assert undo(world, loaded) == Undone(1, 1)
    assert banned(world) == (NUMBERS[:1] if word else [])


def test_who_two_imports_marked_is_called_again_when_both_are_taken_back(world: World) -> None:
    first, second = read(world, *NUMBERS[:2]), read(world, *NUMBERS[1:3])
    assert undo(world, first) == Undone(1, 1)
    assert banned(world) == NUMBERS[1:3]
    assert undo(world, second) == Undone(2, 0)
    assert banned(world) == []


def test_the_same_file_again_changes_nothing(world: World) -> None:
    read(world, *NUMBERS)
    before = world.sql("SELECT * FROM contacts ORDER BY id")
    again = read(world, *NUMBERS)
    assert (again.changed, again.created, world.sql("SELECT * FROM contacts ORDER BY id")) == (0, 0, before)


def test_marks_are_taken_back_batch_by_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)
    loaded = read(world, *(f"+1202555{n:04d}" for n in range(300, 305)))
    assert undo(world, loaded) == Undone(5, 0)
    assert len(world.sql("SELECT FROM audit_log WHERE action = 'undo_do_not_call'")) == 3


def test_an_import_of_another_team_or_that_marked_nobody_is_not_found(world: World) -> None:
    loaded = read(world, NUMBERS[0])
    world.another_team("team_b")
    with pytest.raises(NotFound):
        undo_do_not_call(world.dialer, "team_b", loaded.import_id, actor="t")
    with pytest.raises(NotFound):
        undo(world, read(world, NUMBERS[1], flag="no"))
    dry = read(world, NUMBERS[2], dry_run=True)
    assert (dry.import_id, dry.do_not_call) == ("", 1)
    assert banned(world) == NUMBERS[:1]


def test_who_comes_back_is_called_at_the_next_run(world: World) -> None:
    loaded = read(world, NUMBERS[0])
    campaign = world.campaign(loaded.ids)
    world.run(campaign)
    assert world.dialed() == []
    undo(world, loaded)
    world.run(campaign)
    world.until(campaign, "completed")
    assert len(world.dialed(loaded.ids[0])) == 1


def test_what_cannot_be_read_binds_and_marks_a_contact_the_team_has(world: World) -> None:
    contact = world.contact(NUMBERS[0])
    lines = ["phone,dnc\n", f"{NUMBERS[0]},ask Bob first\n", f"{NUMBERS[1]},opt-out\n", f"{NUMBERS[2]},no\n"]
    loaded = load_contacts(world.dialer, world.team, None, read_contacts(lines))
    assert (loaded.refused, loaded.do_not_call, loaded.unreadable) == (0, 2, 1)
    assert [(fault.path, fault.outcome) for fault in loaded.faults] == [("line 2", "unreadable")]
    assert banned(world) == NUMBERS[:2]
    assert loaded.ids[0] == contact


def test_a_file_whose_column_of_bans_is_another_column_writes_nothing(world: World) -> None:
    world.contact(NUMBERS[0])
    lines = ["phone,dnc\n", *(f"{number},prefers mornings\n" for number in NUMBERS)]
    with pytest.raises(Invalid, match="4 are neither yes nor no"):
        load_contacts(world.dialer, world.team, None, read_contacts(lines))
    assert banned(world) == []
    assert len(world.sql("SELECT FROM contacts")) == 1
