"""A network that blocks our caller ID and says so by 603: the number rests, and the callee, who knew nothing, is called
again. A callee who declines is left in peace after the second time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.carriers.peer import Peer, Reply
from tests.carriers.rigs import Callback, telnyx_call, telnyx_callback, telnyx_event, twilio_call, twilio_reports
from tests.scenarios.through import campaign_through, receive
from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.operations.progress import read_progress
from worker.simulator.lives import Life

ANSWERS, BUSY, DECLINES = Life(1, 5), Life(1, ending=Status.BUSY), Life(5, ending=Status.DECLINED)
Report = Callable[[str], Callback]
PLACED = {"twilio": Reply(201, twilio_call("queued")), "telnyx": Reply(200, telnyx_call())}
DIALS: dict[str, Report] = {
    "twilio": lambda token: twilio_reports("ringing", token, CallStatus="initiated"),
    "telnyx": lambda token: telnyx_callback(token, telnyx_event("call.initiated", token)),
}
DECLINED: dict[str, Report] = {
    "twilio": lambda token: twilio_reports("busy", token, SipResponseCode="603"),
    "telnyx": lambda token: telnyx_callback(
        token, telnyx_event("call.hangup", token, hangup_cause="call_rejected", sip_hangup_cause="603")
    ),
}


def rested(world: World) -> set[str]:
    rows = world.sql("SELECT id FROM phone_numbers WHERE resting_until > clock_timestamp() + interval '1 hour'")
    return {row.id for row in rows}


@pytest.mark.parametrize(
    ("carrier", "seconds", "rings", "is_block"),
    [("twilio", 0, False, True), ("twilio", 3, False, False), ("twilio", 0, True, False),
     ("telnyx", 0, False, True), ("telnyx", 3, False, False)],
)  # fmt: skip
def test_a_603_at_once_of_a_phone_that_did_not_ring_is_the_networks(
    there: World, peer: Peer, carrier: str, seconds: float, rings: bool, is_block: bool
) -> None:
    peer.replies(PLACED[carrier])
    campaign = campaign_through(there, carrier)
    there.run(campaign)
    call = there.call(campaign)
    receive(there, carrier, DIALS[carrier](call.token))
    if rings:
        receive(there, carrier, twilio_reports("ringing", call.token))
    there.sql("UPDATE calls SET placed_at = placed_at - :ago * interval '1 second'", ago=seconds)
    receive(there, carrier, DECLINED[carrier](call.token))
    call = there.call(campaign)
    assert (call.disposition, call.cause) == ("rejected", "sip 603+" if is_block else "sip 603")
    assert rested(there) == ({f"pn_{carrier}"} if is_block else set())
    entry = there.entry(campaign, call.contact_id)
    assert (entry.status, entry.attempts, entry.rejections) == ("queued", 1, 0 if is_block else 1)


@pytest.mark.parametrize(
    ("carrier", "report"),
    [
        ("twilio", lambda token: twilio_reports("busy", token, SipResponseCode="603", ErrorMessage="Network Blocked")),
        ("telnyx", lambda token: telnyx_callback(token, telnyx_event(
            "call.hangup", token, hangup_cause="call_rejected", sip_hangup_cause="603",
            sip_headers=[{"name": "Reason", "value": 'SIP;cause=603;text="v=analytics1";location=TN'}]))),
    ],
)  # fmt: skip
def test_a_603_with_the_networks_phrase_is_the_networks_however_late(
    there: World, peer: Peer, carrier: str, report: Report
) -> None:
    peer.replies(PLACED[carrier])
    campaign = campaign_through(there, carrier)
    there.run(campaign)
    call = there.call(campaign)
    receive(there, carrier, DIALS[carrier](call.token))
    there.sql("UPDATE calls SET placed_at = placed_at - interval '20 seconds'")
    receive(there, carrier, report(call.token))
    entry = there.entry(campaign, call.contact_id)
    assert (there.call(campaign).cause, rested(there)) == ("sip 603+", {f"pn_{carrier}"})
    assert (entry.status, entry.attempts, entry.rejections) == ("queued", 1, 0)


def test_a_number_that_a_network_blocks_rests_and_says_why(world: World) -> None:
    world.script({"*": [Life(3, ending=Status.DECLINED, sip_code=603, sip_reason="Network Blocked"), ANSWERS]})
    campaign = world.campaign(world.contacts(1), fromNumberIds=world.numbers[:1], retryDelayMinutes=10)
    world.run(campaign)
    world.advance(11 * 60)
    assert rested(world) == {world.numbers[0]}
    said = read_progress(world.dialer, world.team, campaign).activity.message
    assert said.startswith("The phone number +12025550001 rests (blocked by the network's analytics); calls go on:")
    world.pass_machine_time(5 * 3600)
    world.until(campaign, "completed")
    assert world.by_status(campaign) == {"completed": 1}


def test_many_603_of_one_number_are_a_networks_and_nobody_is_given_up_for_them(world: World) -> None:
    *early, late = world.contacts(5)
    phones = {world.phone(contact): [DECLINES, DECLINES, ANSWERS] for contact in early}
    world.script({**phones, world.phone(late): [BUSY, BUSY, DECLINES, ANSWERS]})
    policy = {"retryDelayMinutes": 10, "maxAttemptsPerContact": 5}
    campaign = world.campaign([*early, late], fromNumberIds=world.numbers[:1], **policy)
    world.run(campaign)
    world.advance(15 * 60)
    assert (world.by_status(campaign), rested(world)) == ({"failed": 4, "queued": 1}, set())
    world.advance(10 * 60)
    assert (world.by_status(campaign), rested(world)) == ({"queued": 5}, {world.numbers[0]})
    assert {world.entry(campaign, contact).rejections for contact in (*early, late)} == {0}
    assert {call.cause for call in world.calls(campaign) if call.disposition == "rejected"} == {"sip 603+"}
    world.pass_machine_time(5 * 3600)
    world.until(campaign, "completed")
    assert world.by_status(campaign) == {"completed": 5}


def test_who_has_no_attempt_left_when_the_block_is_found_is_exhausted_and_who_wants_no_calls_stays(
    world: World,
) -> None:
    first, *others = world.contacts(5)
    unwanted = Life(3, ending=Status.DECLINED, sip_code=607)
    phones = {world.phone(contact): [DECLINES, DECLINES] for contact in others[:-1]}
    world.script({**phones, world.phone(first): [DECLINES, unwanted], world.phone(others[-1]): [BUSY, DECLINES]})
    campaign = world.campaign([first, *others], fromNumberIds=world.numbers[:1], maxAttemptsPerContact=2)
    world.run(campaign)
    world.until(campaign, "completed")
    assert world.by_status(campaign) == {"exhausted": 4, "failed": 1}
    assert world.entry(campaign, first).reason == "rejected"


@pytest.mark.parametrize("talk", [1, 60])
@pytest.mark.parametrize(("answering", "rests"), [(5, True), (6, False)])
def test_a_number_of_whose_calls_less_than_half_end_in_603_goes_on(
    world: World, answering: int, rests: bool, talk: int
) -> None:
    contacts = world.contacts(5 + answering)
    world.script({"*": Life(0, talk), **{world.phone(contact): DECLINES for contact in contacts[:5]}})
    world.sql("UPDATE phone_numbers SET max_concurrent_calls = 100")
    campaign = world.campaign(contacts, fromNumberIds=world.numbers[:1], maxConcurrentCalls=20)
    world.run(campaign)
    world.advance(30)
    assert rested(world) == ({world.numbers[0]} if rests else set())
    assert sum(world.entry(campaign, contact).rejections for contact in contacts) == (0 if rests else 5)


def test_whom_the_network_kept_from_us_is_called_by_another_number_as_often_as_anybody(world: World) -> None:
    world.script({"*": [Life(0, ending=Status.DECLINED), Life(0, ending=Status.DECLINED), Life(1, 5)]})
    (contact,) = world.contacts(1)
    campaign = world.campaign([contact], retryDelayMinutes=10)
    world.run(campaign)
    world.advance(11 * 60)
    first, second = world.calls(campaign)
    assert rested(world) == {first.number_id, second.number_id} == set(world.numbers)
    world.pass_machine_time(5 * 3600)
    world.until(campaign, "completed")
    assert (world.entry(campaign, contact).status, len(world.calls(campaign))) == ("completed", 3)


def test_a_callee_who_declines_twice_is_left_in_peace(world: World) -> None:
    world.script({"*": Life(1, ending=Status.DECLINED)})
    campaign = world.campaign(world.contacts(1), retryDelayMinutes=10)
    world.run(campaign)
    world.until(campaign, "completed")
    assert [call.cause for call in world.calls(campaign)] == ["sip 603", "sip 603"]
    assert rested(world) == set()
