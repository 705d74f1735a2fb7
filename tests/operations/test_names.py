"""Names in the place of ids."""

from __future__ import annotations

import pytest

from tests.world import World
from worker.domain.errors import Refused
from worker.operations.names import ids_of
from worker.operations.removal import delete_campaign


def meant(world: World, what: str, word: str, team: str | None = None) -> str:
    (found,) = ids_of(world.dialer, team or world.team, what, [word])
    return found


def test_what_is_unique_is_found_by_its_name(world: World) -> None:
    world.another_team("team_b")
    campaign, contact = world.campaign(name="Spring"), world.contact("+12025550143")
    world.sql("UPDATE companies SET name = 'Acme' WHERE team_id = :t", t=world.team)
    named = {
        ("campaign", "Spring"): campaign,
        ("contact", "+12025550143"): contact,
        ("contact", "(202) 555-0143"): contact,
        ("phone number", "+1 202 555 0001"): world.numbers[0],
        ("company", "Acme"): f"comp_{world.team}",
    }
    for (what, word), its_id in named.items():
        assert meant(world, what, word) == its_id, word
        assert meant(world, what, its_id) == its_id, "an id means itself"
        assert meant(world, what, word, "team_b") == word, "another team has no such thing"
    assert meant(world, "campaign", "Autumn") == "Autumn", "whoever is asked about it says that it is not there"


def test_a_name_of_several_lists_their_ids_and_a_deleted_one_gives_way(world: World) -> None:
    first, second = world.campaign(name="Spring"), world.campaign(name="Spring")
    with pytest.raises(Refused) as refused:
        meant(world, "campaign", "Spring")
    assert str(refused.value) == (
        f"2 campaigns are called Spring; give the id of one: {', '.join(sorted((first, second)))}."
    )
    delete_campaign(world.dialer, world.team, first, actor="test")
    assert meant(world, "campaign", "Spring") == second
    delete_campaign(world.dialer, world.team, second, actor="test")
    with pytest.raises(Refused, match="2 campaigns"):
        meant(world, "campaign", "Spring")


def test_who_has_a_number_twice_is_asked_which_and_an_id_goes_before_a_name(world: World) -> None:
    twice = [world.contact("+12025550143") for _ in range(2)]
    with pytest.raises(Refused, match="2 contacts are called"):
        meant(world, "contact", "+12025550143")
    other = world.campaign(name="Spring")
    world.sql("UPDATE campaigns SET name = :id", id=other)
    assert meant(world, "campaign", other) == other
    assert ids_of(world.dialer, world.team, "contact", [twice[0], "nobody", twice[1]]) == [
        twice[0], "nobody", twice[1],
    ]  # fmt: skip
