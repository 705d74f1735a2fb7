"""Outcomes reported from a terminal."""

from __future__ import annotations

from tests.cli.running import document, sentence, several, words
from tests.flow.test_outcomes import call_ended
from tests.world import World


def test_an_outcome_is_reported_by_hand(world: World, here: dict[str, str]) -> None:
    campaign, call = call_ended(world)
    unknown, given, again, later, nobody, unreadable = several(
        f"calls outcome {call.id} intrested",
        ["calls", "outcome", call.id, "busy_now", "--summary", "is driving", "--data", '{"seats": 2}'],
        ["calls", "outcome", call.id, "busy_now", "--summary", "is driving", "--data", '{"seats": 2}', "--json"],
        f"calls outcome {call.id} wrong_person --do-not-call",
        "calls outcome call_of_nobody interested",
        ["calls", "outcome", call.id, "interested", "--data", "{"],
        **here,
    )
    assert (unknown.returncode, unreadable.returncode, nobody.returncode) == (2, 2, 3)
    assert "did you mean interested?" in sentence(unknown)
    assert words(given) == "busy_now: it decides, call again after 120 min."
    assert document(again)["outcome"]["effect"] == "decides"
    assert words(later) == "wrong_person: it is noted and decides nothing."
    assert world.by_status(campaign) == {"queued": 1}
    assert world.sql("SELECT count(*) FROM do_not_call")[0][0] == 1
    world.finish_all()
