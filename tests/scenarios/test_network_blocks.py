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
from worker.simulator.lives import Life

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
