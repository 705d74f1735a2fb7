"""A campaign tried and copied, a call hung up, and things called by their names, from a terminal."""

from __future__ import annotations

from tests.cli.running import document, sentence, several, words
from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.simulator.lives import Life


def test_a_campaign_is_tried_with_a_call_that_is_hung_up(world: World, here: dict[str, str]) -> None:
    world.script({"*": Life(1, 600)})
    campaign = world.campaign(name="Spring")
    said, wrong = several("campaigns test-call Spring --to +12025550188", f"campaigns test-call {campaign}", **here)
    (call,) = world.all_calls()
    assert words(said) == f"Call {call.id} from {call.from_number} to +12025550188 is on its way."
    assert (wrong.returncode, sentence(wrong).startswith("--to: Required:")) == (2, True)
    world.finish_all()
    (over,) = several(f"calls hang-up {call.id}", **here)
    assert words(over) == f"Call {call.id} is over already."


def test_who_was_not_reached_is_redialed(world: World, here: dict[str, str]) -> None:
    world.script({"*": Life(1, 0, Status.BUSY)})
    campaign = world.campaign(world.contacts(2), name="Spring", maxAttemptsPerContact=1)
    world.run(campaign)
    world.until(campaign, "completed")
    (listed,) = several("campaigns list", **here)
    heading, row = words(listed).splitlines()
    assert heading.split() == ["id", "status", "reached", "not", "reached", "cannot", "be", "called", "left", "name"]
    assert row.split()[2:] == ["0", "2", "0", "0", "Spring"]
    redialed, cloned = several(
        "campaigns redial Spring --json", "campaigns clone Spring --name Summer --with-contacts --json", **here
    )
    assert (document(redialed)["added"], document(redialed)["campaign"]["name"]) == (2, "Spring (redial)")
    assert (document(cloned)["added"], document(cloned)["campaign"]["name"]) == (2, "Summer")


def test_a_name_stands_for_an_id_where_it_is_unique(world: World, here: dict[str, str]) -> None:
    contact = world.contact("+12025550143")
    world.campaign([contact], name="Spring")
    twice = [world.campaign(name="Twice") for _ in range(2)]
    seen, person, ambiguous, nobody = several(
        "campaigns show Spring --json",
        "contacts show +12025550143 --json",
        "campaigns pause Twice",
        "campaigns pause Never",
        **here,
    )
    assert document(seen)["campaign"]["name"] == "Spring"
    assert document(person)["contact"]["id"] == contact
    assert (ambiguous.returncode, sentence(ambiguous)) == (
        2, f"2 campaigns are called Twice; give the id of one: {', '.join(sorted(twice))}.",
    )  # fmt: skip
    assert (nobody.returncode, sentence(nobody)) == (3, "No campaign with id Never; check the id and the team.")


def test_a_key_is_made_for_a_role(world: World, here: dict[str, str]) -> None:
    made, wrong, listed = several(
        "keys create --name screen --role viewer --json", "keys create --name x --role owner", "keys list", **here
    )
    assert document(made)["key"]["role"] == "viewer"
    assert (wrong.returncode, sentence(wrong)) == (2, "--role: Give one of: viewer, operator, admin.")
    assert "role" in words(listed).splitlines()[0]
