"""What let each call to a number pass, for whoever has to show that."""

from __future__ import annotations

import json
from datetime import timedelta

from tests.world import World
from worker.cli.evidence import report
from worker.domain.places import place_of
from worker.operations.evidence import Wanted, all_evidence, call_evidence
from worker.simulator.lives import Life

NUMBER = "+12125550123"
NOON = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}


def called_twice(world: World) -> str:
    """A contact that was called twice: by the window alone, and by rules as a claim notes them."""
    world.script({"*": Life(5, 20)})
    contact = world.contact(NUMBER)
    world.sql(
        """INSERT INTO consents (team_id, number, purpose, kind, given_at, recorded_by)
           VALUES (:team, :number, 'telemarketing', 'written', dialer_now() - interval '1 day', 'test')""",
        team=world.team, number=NUMBER,
    )  # fmt: skip
    for _ in range(2):
        campaign = world.campaign([contact], **NOON)
        world.run(campaign)
        world.until(campaign, "completed")
    place = place_of(NUMBER)
    law = {
        "pack": "2026-11-27", "rules": ["us.fcc.hours", "gone.since"], "purpose": "telemarketing", "place": place.code,
        "zones": list(place.zones), "areas": list(place.areas), "consent": "written",
    }  # fmt: skip
    world.sql("UPDATE calls SET law = CAST(:law AS jsonb) WHERE campaign_id = :id", law=json.dumps(law), id=campaign)
    return campaign


def test_each_call_says_by_which_rules_on_which_clock_and_after_how_many_it_passed(world: World) -> None:
    campaign = called_twice(world)
    number, count, (first, second) = call_evidence(
        world.dialer, world.team, Wanted("(212) 555-0123"), limit=50, offset=0, region="US"
    )
    assert (number, count) == (NUMBER, 2)
    assert (first["pack"], first["rules"], first["areas"], first["purpose"], first["consent"]) == (
        None,
        [],
        [],
        None,
        None,
    )
    assert first["clocks"] == [{"zone": "America/New_York", "local": "2027-03-01T12:00:00-05:00"}]
    assert (first["calls_before"], second["calls_before"]) == (0, 1)
    assert (second["campaign_id"], second["disposition"], second["attempt"]) == (campaign, "answered", 1)
    assert (second["areas"], second["consent"], second["pack"]) == (["US-NY"], "written", "2026-11-27")
    known, gone = second["rules"]
    assert known["text"].startswith("Telephone solicitation hours (US): calls every day 08:00-21:00")
    assert known["source"].startswith("47 CFR 64.1200(c)(1)")
    assert gone == {"rule": "gone.since", "text": None, "source": None}


def test_calls_that_never_left_are_no_evidence_and_times_bound_the_others(world: World) -> None:
    called_twice(world)
    world.reserve(world.campaign([world.contact("+12125550124")]))
    assert call_evidence(world.dialer, world.team, Wanted("+12125550124"), limit=50, offset=0)[1] == 0
    ((at,),) = world.sql("SELECT max(reserved_at) FROM calls WHERE to_number = :number", number=NUMBER)
    wanted = [Wanted(NUMBER, until=at), Wanted(NUMBER, since=at), Wanted(NUMBER, since=at + timedelta(seconds=1))]
    found = [[call["id"] for call in all_evidence(world.dialer, world.team, each)] for each in wanted]
    assert [len(each) for each in found] == [1, 1, 0], (found, at)
    world.another_team("team_b")
    assert not list(all_evidence(world.dialer, "team_b", Wanted(NUMBER)))


def test_the_report_can_be_read_by_somebody_who_knows_nothing_of_the_product(world: World) -> None:
    called_twice(world)
    text = "".join(report(Wanted(NUMBER), all_evidence(world.dialer, world.team, Wanted(NUMBER))))
    for said in (
        "(2027-03-01T12:00:00-05:00 in America/New_York): to +12125550123",
        "No rules were turned on for it; the campaign's call window alone decided.",
        "Purpose telemarketing, in US-NY; consent on record: written.",
        "[us.fcc.hours: 47 CFR 64.1200(c)(1)",
        "1 call of the team went to the number before it.",
        "It ended: answered, answered at 20",
        "2 calls to +12125550123, as far as calls are kept.",
    ):
        assert said in text, text
