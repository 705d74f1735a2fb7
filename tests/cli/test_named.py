"""Where a name was given in the place of an id, the answer has the name."""

from __future__ import annotations

from datetime import timedelta

from tests.cli.running import document, sentence, several, words
from tests.world import World

NAME = "Q1 follow-up"


def test_an_answer_and_a_refusal_say_the_name_that_was_given(world: World, here: dict[str, str]) -> None:
    contact = world.contact("+12025550142")
    campaign = world.campaign([contact, *world.contacts(2)], name=NAME, maxConcurrentCalls=1)
    later = (world.now + timedelta(hours=2)).isoformat()
    refused, by_id, back, ran, listed, beside, ended, gone = several(
        ["campaigns", "pause", NAME],
        ["campaigns", "pause", campaign],
        ["campaigns", "callback", NAME, "+12025550142", later],
        ["campaigns", "run", NAME],
        ["calls", "list", "--campaign", NAME, "--json"],
        ["campaigns", "run", NAME],
        ["campaigns", "complete", NAME],
        ["campaigns", "show", "Q2"],
        **here,
    )
    assert sentence(refused) == f"Campaign {NAME} is draft and cannot become paused: it is not running; run it first."
    assert sentence(by_id).startswith(f"Campaign {campaign} is draft")
    assert words(back).startswith("Contact +12025550142 is called back on ")
    assert words(ran).startswith("Started 1 call")
    assert {call["campaign_id"] for call in document(listed)["calls"]} == {campaign}
    assert sentence(beside).startswith(f"Campaign {NAME} has an open run")
    assert words(ended).splitlines() == [
        f"Campaign {NAME} is ending. The campaign has ended and calls nobody more; 1 call is still live.",
        "2 contacts that waited are cancelled with it.",
    ]
    assert (gone.returncode, sentence(gone)) == (3, "No campaign with id Q2; check the id and the team.")
    world.finish_all()


def test_a_name_that_several_have_is_warned_of(world: World, here: dict[str, str]) -> None:
    world.campaign(name=NAME)
    other = world.campaign(name="Another")
    said = f"Warning: 2 campaigns are called {NAME}; on the command line each goes by its id alone.\n"
    renamed, again, company, double, alone = several(
        ["campaigns", "edit", other, "--name", NAME],
        ["campaigns", "edit", other, "--max-concurrent-calls", "2"],
        ["companies", "add", "--name", "Acme"],
        ["companies", "add", "--name", "Acme"],
        ["companies", "add", "--name", "Acme & Co"],
        **here,
    )
    assert (renamed.returncode, renamed.stderr) == (0, said)
    assert (again.stderr, company.stderr, alone.stderr) == ("", "", "")
    assert double.stderr == "Warning: 2 companies are called Acme; on the command line each goes by its id alone.\n"
