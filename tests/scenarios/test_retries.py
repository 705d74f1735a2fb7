"""Who is called again, how often, how soon, from which number."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.world import MONDAY_NOON, World
from worker.carriers.simulated.protocol import AnsweredBy, Status
from worker.simulator.lives import Callbacks, Life

BUSY = Life(1, ending=Status.BUSY)
NO_ANSWER = Life(30, ending=Status.NO_ANSWER)
DECLINED = Life(2, ending=Status.DECLINED)
FAILED = Life(1, ending=Status.FAILED)
NO_SUCH_NUMBER = Life(0, ending=Status.FAILED, sip_code=404)
UNWANTED = Life(2, ending=Status.DECLINED, sip_code=607)
MACHINE = Life(3, 20, answered_by=AnsweredBy.MACHINE)
FAX = Life(3, 20, answered_by=AnsweredBy.FAX)
ANSWERED = Life(1, 5)


def call_out(world: World, *lives: Life, **policy: object) -> tuple[str, str]:
    """Run a campaign of one contact with these lives to its end."""
    world.script({"*": lives})
    contact = world.contact()
    campaign = world.campaign([contact], **policy)
    world.run(campaign)
    world.until(campaign, "completed", hours=24 * 40)
    return campaign, contact


@pytest.mark.parametrize(
    ("life", "policy", "calls", "status", "reason"),
    [
        (BUSY, {}, 3, "exhausted", None),
        (NO_ANSWER, {}, 3, "exhausted", None),
        (MACHINE, {}, 3, "exhausted", None),
        (BUSY, {"maxAttemptsPerContact": 1}, 1, "exhausted", None),
        (BUSY, {"maxAttemptsPerContact": 20, "retryDelayMinutes": 1}, 20, "exhausted", None),
        (FAILED, {"maxAttemptsPerContact": 5}, 3, "failed", "technical"),
        (FAILED, {"maxAttemptsPerContact": 2}, 2, "exhausted", None),
        (DECLINED, {"maxAttemptsPerContact": 5}, 2, "failed", "rejected"),
        (NO_SUCH_NUMBER, {"maxAttemptsPerContact": 5}, 2, "failed", "invalid_number"),
        (UNWANTED, {}, 1, "failed", "rejected"),
        (FAX, {}, 1, "failed", "fax"),
        (ANSWERED, {}, 1, "completed", None),
    ],
    ids=lambda value: str(value.ending) if isinstance(value, Life) else None,
)
def test_a_contact_is_called_as_often_as_its_calls_ends_allow(
    world: World, life: Life, policy: dict[str, int], calls: int, status: str, reason: str | None
) -> None:
    campaign, contact = call_out(world, life, **policy)
    entry = world.entry(campaign, contact)
    assert len(world.dialed(contact)) == calls
    assert (entry.status, entry.reason, entry.attempts) == (status, reason, calls)
    assert [call.attempt for call in world.calls(campaign)] == list(range(1, calls + 1))


@pytest.mark.parametrize(
    ("life", "disposition", "lasts"),
    [(BUSY, "busy", 1), (NO_ANSWER, "no_answer", 30), (FAILED, "failed", 1), (MACHINE, "machine", 23)],
)
def test_the_delay_is_the_dispositions_own_and_counts_from_the_end_of_the_call(
    world: World, life: Life, disposition: str, lasts: int
) -> None:
    delays = {"busy": 10, "no_answer": 61, "failed": 15, "machine": 240}
    _, contact = call_out(world, life, ANSWERED, settings={"retryDelays": delays, "unknown": [1]})
    first, second = world.dialed(contact)
    assert first == MONDAY_NOON
    assert second == first + timedelta(seconds=lasts, minutes=delays[disposition])


def test_a_disposition_without_a_delay_of_its_own_waits_the_campaigns(world: World) -> None:
    _, contact = call_out(world, BUSY, ANSWERED, retryDelayMinutes=7, settings={"retryDelays": {"no_answer": 99}})
    first, second = world.dialed(contact)
    assert second == first + timedelta(seconds=1, minutes=7)


def test_without_a_delay_the_retry_follows_at_once_and_never_overlaps(world: World) -> None:
    _, contact = call_out(world, BUSY, BUSY, ANSWERED, retryDelayMinutes=0)
    first, second, third = world.dialed(contact)
    assert (second - first, third - second) == (timedelta(seconds=1),) * 2


def test_unwanted_calls_put_the_number_on_the_teams_list_and_out_of_every_campaign(world: World) -> None:
    world.script({"*": UNWANTED})
    contact = world.contact()
    other = world.campaign([contact])
    campaign = world.campaign([contact])
    world.run(campaign)
    world.until(campaign, "completed")
    rows = world.sql("SELECT number FROM do_not_call WHERE team_id = :team", team=world.team)
    assert [row.number for row in rows] == [world.phone(contact)]
    result = world.run(other)
    assert result.errors == (f"Contact {contact} is marked do-not-call",)
    assert len(world.dialed(contact)) == 1


def test_a_number_flagged_by_an_analytics_engine_rests_and_the_retry_shows_another(world: World) -> None:
    campaign, _ = call_out(world, Life(1, ending=Status.DECLINED, sip_code=608), ANSWERED)
    first, second = world.calls(campaign)
    resting = world.sql("SELECT id FROM phone_numbers WHERE resting_until > clock_timestamp() + interval '1 hour'")
    assert [row.id for row in resting] == [first.number_id]
    assert second.number_id != first.number_id


def test_a_fax_is_known_as_one_even_if_only_the_end_says_so(world: World) -> None:
    """The verdict's own callback is lost; the end repeats it."""
    world.script({"*": FAX})
    contact = world.contact()
    campaign = world.campaign([contact])
    world.run(campaign)
    world.stage.loses = lambda event: event.kind != "ended"
    world.advance(30)
    assert world.entry(campaign, contact).reason == "fax"


def test_a_verdict_after_the_end_annotates_the_call_and_nothing_else(world: World) -> None:
    campaign, contact = call_out(world, Life(3, 20, answered_by=AnsweredBy.MACHINE, verdict_is_late=True))
    world.advance(5)
    call = world.call(campaign)
    assert (call.disposition, call.machine_verdict) == ("answered", "machine")
    assert world.entry(campaign, contact).status == "completed"
    assert world.counts(campaign)["answered"] == 1


def test_a_call_canceled_while_queued_is_no_attempt_and_one_canceled_while_ringing_is(world: World) -> None:
    world.script({"*": Life(25, 60)})
    queued, ringing = world.contacts(2)
    campaigns = [world.campaign([queued]), world.campaign([ringing])]
    world.stage.hold_queued = True
    world.run(campaigns[0])
    world.stage.hold_queued = False
    world.run(campaigns[1])
    world.advance(3)
    for campaign in campaigns:
        world.cancel(campaign, hang_up=True)
    world.advance(15)
    world.advance(62)
    assert [world.call(campaign).disposition for campaign in campaigns] == ["canceled", "canceled"]
    entries = [world.entry(campaigns[0], queued), world.entry(campaigns[1], ringing)]
    assert [entry.attempts for entry in entries] == [0, 1]
    assert [entry.status for entry in entries] == ["cancelled", "cancelled"]


def test_the_counters_count_contacts_and_not_calls(world: World) -> None:
    lives = {"busy": [BUSY], "second": [BUSY, ANSWERED], "first": [ANSWERED]}
    people = {name: world.contact() for name in lives}
    world.script({world.phone(person): lives[name] for name, person in people.items()})
    campaign = world.campaign([*people.values(), world.contact(phone=None)], maxAttemptsPerContact=2)
    world.run(campaign)
    world.until(campaign, "completed")
    counts = world.counts(campaign)
    assert {name: counts[name] for name in ("total", "called", "answered", "finished", "skipped")} == {
        "total": 4, "called": 3, "answered": 2, "finished": 3, "skipped": 1,
    }  # fmt: skip
    assert len(world.calls(campaign)) == 5


def test_rotation_spreads_first_calls_evenly_over_the_numbers(world: World) -> None:
    world.numbers.append(world.number("+12025550003"))
    campaign = world.campaign(world.contacts(30), maxConcurrentCalls=4)
    world.run(campaign)
    world.until(campaign, "completed")
    assert sorted(Counter(call.number_id for call in world.calls(campaign)).values()) == [10, 10, 10]


def test_a_retry_keeps_its_number_while_that_is_among_those_whose_turn_it_is(world: World) -> None:
    world.script({"*": [BUSY, BUSY, ANSWERED]})
    campaign = world.campaign(world.contacts(2), maxConcurrentCalls=2, retryDelayMinutes=5)
    world.run(campaign)
    world.until(campaign, "completed")
    shown = {(call.contact_id, call.from_number) for call in world.calls(campaign)}
    assert len(world.calls(campaign)) == 6
    assert len(shown) == 2


def test_a_retry_whose_number_was_disabled_shows_another(world: World) -> None:
    world.script({"*": [BUSY, ANSWERED]})
    campaign = world.campaign(world.contacts(1))
    world.run(campaign)
    world.sql("UPDATE phone_numbers SET enabled = false WHERE id = :id", id=world.call(campaign).number_id)
    world.until(campaign, "completed")
    first, second = world.calls(campaign)
    assert first.number_id != second.number_id


def test_a_contact_whose_attempts_were_lowered_below_what_it_had_is_exhausted(world: World) -> None:
    world.script({"*": BUSY})
    (contact,) = people = world.contacts(1)
    campaign = world.campaign(people, maxAttemptsPerContact=5)
    world.run(campaign)
    world.advance(4000)
    world.pause(campaign)
    world.edit_campaign(campaign, max_attempts_per_contact=2)
    world.resume(campaign)
    world.until(campaign, "completed")
    assert world.entry(campaign, contact).status == "exhausted"
    assert len(world.dialed(contact)) == 2


@pytest.mark.parametrize("callbacks", [Callbacks.TWICE, Callbacks.REVERSED, Callbacks.BEFORE_ANSWER])
@pytest.mark.parametrize("life", [BUSY, MACHINE, FAX, ANSWERED], ids=["busy", "machine", "fax", "answered"])
def test_however_the_callbacks_come_the_contact_ends_the_same(world: World, life: Life, callbacks: Callbacks) -> None:
    plain, odd = world.contacts(2)
    world.script({world.phone(plain): life, world.phone(odd): replace(life, callbacks=callbacks)})
    campaign = world.campaign([plain, odd], maxAttemptsPerContact=2, retryDelayMinutes=1)
    world.run(campaign)
    world.until(campaign, "completed")
    ends = [world.entry(campaign, person) for person in (plain, odd)]
    assert ends[0].status == ends[1].status
    assert ends[0].attempts == ends[1].attempts
    assert ends[0].reason == ends[1].reason
